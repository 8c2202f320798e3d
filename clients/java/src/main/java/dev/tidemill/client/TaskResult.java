package dev.tidemill.client;

import java.util.Optional;

/**
 * How a task ended.
 *
 * @param state a terminal state
 * @param output the output, if it succeeded
 * @param error the error, if it failed
 */
public record TaskResult(TaskState state, Optional<Payload> output, Optional<TaskError> error) {
    static TaskResult of(dev.tidemill.v1.TaskResult result) {
        Optional<Payload> output =
                result.hasOutput()
                        ? Optional.of(Payload.ofProto(result.getOutput()))
                        : Optional.empty();
        return new TaskResult(
                TaskState.of(result.getState()),
                output,
                TaskError.of(result.hasError(), result.getError()));
    }
}
