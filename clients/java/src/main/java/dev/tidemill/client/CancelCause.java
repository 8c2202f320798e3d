package dev.tidemill.client;

/** Why a handler is asked to stop. */
public enum CancelCause {
    /** A client cancelled the task. */
    CLIENT,
    /** The task's {@code expiresIn} is over. */
    EXPIRY,
    /** The attempt ran longer than its {@code attemptTimeout}. */
    ATTEMPT_TIMEOUT,
    /** A cause that this version does not know. */
    UNKNOWN;

    static CancelCause of(dev.tidemill.v1.CancelCause cause) {
        return switch (cause) {
            case CANCEL_CAUSE_CLIENT -> CLIENT;
            case CANCEL_CAUSE_EXPIRY -> EXPIRY;
            case CANCEL_CAUSE_ATTEMPT_TIMEOUT -> ATTEMPT_TIMEOUT;
            case CANCEL_CAUSE_UNSPECIFIED, UNRECOGNIZED -> UNKNOWN;
        };
    }
}
