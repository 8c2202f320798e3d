package dev.tidemill.client;

import dev.tidemill.v1.WorkRequest;

/** One lease that is held, over all streams. Whoever forgets it stops its handler. */
final class Held {
    final TaskFacts task;
    final Job job;

    /**
     * How the attempt ended, once it has; kept until the server has answered it, to be said again
     * after a broken stream. Null: it runs.
     */
    WorkRequest settle;

    /** The registration did not adopt it: that is said once apart from the settle's own answer. */
    boolean notAdopted;

    /** Progress or chunks were sent: a refusal may be of one of them. */
    boolean reported;

    /** How often the server could not take the settle. */
    int refusals;

    /** When the handler that was asked to stop is stopped, or the settle is said again; or null. */
    Long due;

    Held(TaskFacts task, Job job) {
        this.task = task;
        this.job = job;
    }
}
