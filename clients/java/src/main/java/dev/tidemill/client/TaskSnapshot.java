package dev.tidemill.client;

import dev.tidemill.v1.GetResultResponse;
import java.time.Instant;
import java.util.Optional;

/**
 * How a task stands: the answer to {@link Client#result}.
 *
 * @param taskId the task
 * @param state its state
 * @param attempt the attempt that runs or ran last, from 1; 0: not leased yet
 * @param output the output, if it succeeded
 * @param error the error, if it failed; otherwise that of the latest attempt that failed, if any
 * @param createTime when it was enqueued
 * @param startTime when its current or last attempt was leased
 * @param finishTime when it finished
 * @param lastSequence number of the last event of its log
 * @param cancelRequested true if a cancel request waits for the handler's answer
 */
public record TaskSnapshot(
        String taskId,
        TaskState state,
        int attempt,
        Optional<Payload> output,
        Optional<TaskError> error,
        Optional<Instant> createTime,
        Optional<Instant> startTime,
        Optional<Instant> finishTime,
        long lastSequence,
        boolean cancelRequested) {

    static TaskSnapshot of(GetResultResponse answer) {
        Optional<Payload> output =
                answer.hasOutput()
                        ? Optional.of(Payload.ofProto(answer.getOutput()))
                        : Optional.empty();
        return new TaskSnapshot(
                answer.getTaskId(),
                TaskState.of(answer.getState()),
                answer.getAttempt(),
                output,
                TaskError.of(answer.hasError(), answer.getError()),
                Protos.time(answer.hasCreateTime(), answer.getCreateTime()),
                Protos.time(answer.hasStartTime(), answer.getStartTime()),
                Protos.time(answer.hasFinishTime(), answer.getFinishTime()),
                answer.getLastSequence(),
                answer.getCancelRequested());
    }
}
