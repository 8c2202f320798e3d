package dev.tidemill.client;

/** Why a task changed its state. */
public enum StateCause {
    /** The task was accepted by the gateway. */
    ENQUEUED,
    /** The time of a scheduled task came. */
    DUE,
    /** A worker leased it for a handler process. */
    LEASED,
    /** The handler's attempt failed; another one follows. */
    RETRY,
    /** The lease expired without a word from the handler process; another attempt follows. */
    CRASHED,
    /** The handler process gave the task back; this attempt is not counted. */
    RELEASED,
    /** A client asked to cancel the running task; the state is still running. */
    CANCEL_REQUESTED,
    /** {@code expiresIn} passed while the task was running; the state is still running. */
    EXPIRY_REQUESTED,
    /** A terminal transition. */
    FINISHED,
    /** A cause that this version does not know. */
    UNKNOWN;

    static StateCause of(dev.tidemill.v1.StateCause cause) {
        return switch (cause) {
            case STATE_CAUSE_UNSPECIFIED, UNRECOGNIZED -> UNKNOWN;
            default -> valueOf(cause.name().substring("STATE_CAUSE_".length()));
        };
    }
}
