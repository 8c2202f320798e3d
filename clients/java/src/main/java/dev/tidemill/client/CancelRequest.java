package dev.tidemill.client;

/**
 * A handler is asked to stop.
 *
 * @param cause why
 * @param reason the reason that the client gave; empty for the other causes
 */
public record CancelRequest(CancelCause cause, String reason) {
    static CancelRequest of(dev.tidemill.v1.CancelRequested message) {
        return new CancelRequest(CancelCause.of(message.getCause()), message.getReason());
    }
}
