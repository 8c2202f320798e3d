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
        WorkerLog log,
        Consumer<WorkerEvent> listener) {
    /** Tells the log and the listener, whose errors are its own. */
    void tell(WorkerEvent event) {
        log.event(event);
        try {
            listener.accept(event);
        } catch (RuntimeException error) {
            log.listenerThrew(error);
        }
    }
}
