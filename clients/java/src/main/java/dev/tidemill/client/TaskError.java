package dev.tidemill.client;

import dev.tidemill.v1.ErrorReason;
import java.util.Optional;

/** Why an attempt or a task failed. */
public final class TaskError {
    private final dev.tidemill.v1.TaskError message;

    private TaskError(dev.tidemill.v1.TaskError message) {
        this.message = message;
    }

    static Optional<TaskError> of(boolean present, dev.tidemill.v1.TaskError message) {
        return present ? Optional.of(new TaskError(message)) : Optional.empty();
    }

    /** The cause; empty: one that this version does not know. */
    public Optional<ErrorReason> reason() {
        return Names.reason(message.getReasonValue());
    }

    /** The cause's name, e.g. {@code HANDLER_FAILED}. */
    public String reasonName() {
        return Names.ofReason(message.getReasonValue());
    }

    /** What the handler said, or the server's words. */
    public String message() {
        return message.getMessage();
    }

    /** The handler's own error type; empty if it named none. */
    public String typeName() {
        return message.getType();
    }

    /** True if the handler said that another attempt would be of no use. */
    public boolean isPermanent() {
        return message.getPermanent();
    }

    /** The message of the contract. */
    public dev.tidemill.v1.TaskError toProto() {
        return message;
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof TaskError error && error.message.equals(message);
    }

    @Override
    public int hashCode() {
        return message.hashCode();
    }

    /** {@code HANDLER_FAILED: boom (ValueError)}. */
    @Override
    public String toString() {
        String type = typeName().isEmpty() ? "" : " (" + typeName() + ")";
        return reasonName() + ": " + message() + type;
    }
}
