package dev.tidemill.client;

/**
 * What became of a cancel request.
 *
 * @param state the state now. Running: the handler was asked to stop. A terminal state other than
 *     cancelled: it was finished already
 * @param cancelRequested true if the request now waits for a running handler
 */
public record Cancelled(TaskState state, boolean cancelRequested) {}
