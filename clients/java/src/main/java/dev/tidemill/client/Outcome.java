package dev.tidemill.client;

/** Whether a failed call left a trace at the server. */
public enum Outcome {
    /** It did not. */
    NOT_APPLIED,
    /**
     * It may have. To make the same call again is safe; for an enqueue with the same idempotency
     * key.
     */
    UNKNOWN
}
