package dev.tidemill.client;

/** Where a task stands. The four terminal states never change. */
public enum TaskState {
    /** Not before a time: delayed, or waiting for its next attempt. */
    SCHEDULED,
    /** Ready: runs as soon as a handler process with a free credit serves its queue and kind. */
    QUEUED,
    /** Leased by a handler process. */
    RUNNING,
    /** Terminal: completed; the output is kept for the retention. */
    SUCCEEDED,
    /** Terminal: a dead letter. */
    FAILED,
    /** Terminal: cancelled by a client. */
    CANCELLED,
    /** Terminal: not finished within {@code expiresIn}. */
    EXPIRED,
    /** A state that this version does not know. */
    UNKNOWN;

    private static final String PREFIX = "TASK_STATE_";

    /** True for the states that never change. */
    public boolean isTerminal() {
        return switch (this) {
            case SUCCEEDED, FAILED, CANCELLED, EXPIRED -> true;
            case SCHEDULED, QUEUED, RUNNING, UNKNOWN -> false;
        };
    }

    static TaskState of(dev.tidemill.v1.TaskState state) {
        return switch (state) {
            case TASK_STATE_UNSPECIFIED, UNRECOGNIZED -> UNKNOWN;
            default -> valueOf(state.name().substring(PREFIX.length()));
        };
    }

    dev.tidemill.v1.TaskState toProto() {
        return this == UNKNOWN
                ? dev.tidemill.v1.TaskState.TASK_STATE_UNSPECIFIED
                : dev.tidemill.v1.TaskState.valueOf(PREFIX + name());
    }
}
