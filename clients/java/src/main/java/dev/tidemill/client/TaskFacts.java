package dev.tidemill.client;

import dev.tidemill.v1.Assignment;

/**
 * Which attempt of which task.
 *
 * @param taskId the task
 * @param kind its kind
 * @param attempt the attempt, from 1
 */
public record TaskFacts(String taskId, String kind, int attempt) {
    static TaskFacts of(Assignment assignment) {
        return new TaskFacts(assignment.getTaskId(), assignment.getKind(), assignment.getAttempt());
    }
}
