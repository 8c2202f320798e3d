package dev.tidemill.client;

import java.io.Serializable;

/**
 * One violated field, quota or precondition, with what it should have been.
 *
 * @param subject the field's path in the request, or the subject of a quota
 * @param description what is wrong with it, and the limit
 */
public record Violation(String subject, String description) implements Serializable {}
