package dev.tidemill.client;

/** What happens to a worker, for logs and displays. */
public sealed interface WorkerEvent {
    /**
     * It is registered and gets tasks.
     *
     * @param address the worker role's address
     */
    record Connected(String address) implements WorkerEvent {}

    /**
     * The stream broke or could not be had; it is tried again. Tasks go on running, and their
     * leases are kept if it is back in time.
     *
     * @param error why
     */
    record Disconnected(TidemillException error) implements WorkerEvent {}

    /**
     * A handler starts.
     *
     * @param task which
     */
    record Started(TaskFacts task) implements WorkerEvent {}

    /**
     * The server has stored how an attempt ended.
     *
     * @param task which
     * @param state its state now: scheduled or queued if another attempt follows
     */
    record Settled(TaskFacts task, TaskState state) implements WorkerEvent {}

    /**
     * A lease was lost; the handler was stopped, and nothing it said counts.
     *
     * @param task which
     */
    record LeaseLost(TaskFacts task) implements WorkerEvent {}

    /**
     * The server refused what was said of a task.
     *
     * @param task which
     * @param message why, naming the field and the limit
     */
    record Refused(TaskFacts task, String message) implements WorkerEvent {}

    /**
     * Handlers were stopped but do not end: they keep places that no task can have meanwhile.
     *
     * @param places how many; 0: all are free again
     */
    record Stuck(int places) implements WorkerEvent {}

    /**
     * It was told to stop: no more tasks, what runs may finish within the grace.
     *
     * @param running tasks that run
     */
    record Draining(int running) implements WorkerEvent {}
}
