package dev.tidemill.client;

/**
 * A task was stored.
 *
 * @param taskId its id, a UUIDv7
 * @param state its state now: queued or scheduled, or any other if deduplicated
 * @param deduplicated true if the idempotency key named an earlier task, which this is about
 */
public record Enqueued(String taskId, TaskState state, boolean deduplicated) {
    static Enqueued of(dev.tidemill.v1.EnqueueResponse answer) {
        return new Enqueued(
                answer.getTaskId(), TaskState.of(answer.getState()), answer.getDeduplicated());
    }
}
