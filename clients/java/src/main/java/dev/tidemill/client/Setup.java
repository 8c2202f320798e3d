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
        LOG.log(level(event), () -> "worker " + name + ": " + event);
        try {
            listener.accept(event);
        } catch (RuntimeException error) {
            LOG.log(System.Logger.Level.ERROR, "a listener of worker " + name + " threw", error);
        }
    }

    private static System.Logger.Level level(WorkerEvent event) {
        if (event instanceof WorkerEvent.Disconnected
                || event instanceof WorkerEvent.LeaseLost
                || event instanceof WorkerEvent.Refused
                || event instanceof WorkerEvent.Stuck) {
            return System.Logger.Level.WARNING;
        }
        boolean rare =
                event instanceof WorkerEvent.Connected || event instanceof WorkerEvent.Draining;
        return rare ? System.Logger.Level.INFO : System.Logger.Level.DEBUG;
    }
}
