package dev.tidemill.client;

import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Executor;
import java.util.function.Consumer;

/**
 * What a session works by.
 *
 * @param connectWithin longest time for the first connection; null: as long as it takes
 * @param executor runs the handlers
 */
record Setup(
        Shared shared,
        List<String> queues,
        Map<String, Handler> handlers,
        int concurrency,
        Duration grace,
        Duration cancelGrace,
        Duration connectWithin,
        String name,
        Executor executor,
        Consumer<WorkerEvent> listener) {
    private static final System.Logger LOG = System.getLogger("dev.tidemill.client.Worker");

    /** Tells the log and the listener, whose errors are its own. */
    void tell(WorkerEvent event) {
        System.Logger.Level level =
                event instanceof WorkerEvent.Disconnected
                                || event instanceof WorkerEvent.LeaseLost
                                || event instanceof WorkerEvent.Refused
                                || event instanceof WorkerEvent.Stuck
                        ? System.Logger.Level.WARNING
                        : System.Logger.Level.DEBUG;
        LOG.log(level, () -> "worker " + name + ": " + event);
        try {
            listener.accept(event);
        } catch (RuntimeException error) {
            LOG.log(System.Logger.Level.ERROR, "a listener of worker " + name + " threw", error);
        }
    }
}
