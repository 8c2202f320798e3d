package dev.tidemill.client;

/**
 * How many calls a client made, and what they cost.
 *
 * @param calls unary calls
 * @param attempts tries of them, the first ones and those that found no server included
 */
public record Stats(long calls, long attempts) {}
