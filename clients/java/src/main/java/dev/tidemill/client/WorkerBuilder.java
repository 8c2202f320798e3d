package dev.tidemill.client;

import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.function.Consumer;

/** Sets up a {@link Worker}. */
public final class WorkerBuilder {
    private static final int MOST_CONCURRENCY = 10_000;

    private final Client client;
    private final List<String> queues = new ArrayList<>();
    private final Map<String, Handler> handlers = new LinkedHashMap<>();
    private int concurrency = 16;
    private Duration grace = Duration.ofSeconds(20);
    private Duration cancelGrace = Duration.ofSeconds(5);
    private Duration connectWithin;
    private String name = defaultName();
    private ExecutorService executor;
    private Consumer<WorkerEvent> listener = event -> {};

    WorkerBuilder(Client client) {
        this.client = Objects.requireNonNull(client, "client");
    }

    /** A queue to serve; may be called for up to 64. Without it: {@code default}. */
    public WorkerBuilder queue(String queue) {
        queues.add(queue);
        return this;
    }

    /**
     * The handler of a kind.
     *
     * @throws TidemillException of kind {@link ErrorKind#INVALID} if the kind has one already
     */
    public WorkerBuilder handle(String kind, Handler handler) {
        Objects.requireNonNull(handler, "handler");
        if (handlers.putIfAbsent(kind, handler) != null) {
            throw Fault.invalid("kind `" + kind + "` has two handlers").exception();
        }
        return this;
    }

    /** Tasks that run at a time, 1 to 10,000: the credits given to the server. Without it: 16. */
    public WorkerBuilder concurrency(int tasks) {
        concurrency = tasks;
        return this;
    }

    /**
     * How long running tasks may go on after the shutdown began, before they are given back.
     * Without it: 20 s.
     */
    public WorkerBuilder grace(Duration time) {
        grace = Objects.requireNonNull(time, "time");
        return this;
    }

    /**
     * How long a handler that was asked to stop may go on before its thread is interrupted. Without
     * it: 5 s. The server's own patience with an attempt that ran too long is 10 s.
     */
    public WorkerBuilder cancelGrace(Duration time) {
        cancelGrace = Objects.requireNonNull(time, "time");
        return this;
    }

    /**
     * Fails if the first connection takes longer than this. Without it: waits for the server as
     * long as it takes.
     */
    public WorkerBuilder connectWithin(Duration time) {
        connectWithin = Objects.requireNonNull(time, "time");
        return this;
    }

    /**
     * Name in the server's logs, at most 128 bytes. Without it: the host's name, if the environment
     * has it, and the process id.
     */
    public WorkerBuilder name(String text) {
        name = Objects.requireNonNull(text, "text");
        return this;
    }

    /**
     * Runs the handlers; it stays open when the worker ends. It should have as many threads as the
     * concurrency. Without it: threads of the worker's own, made as they are needed.
     */
    public WorkerBuilder executor(ExecutorService service) {
        executor = Objects.requireNonNull(service, "service");
        return this;
    }

    /**
     * Hears of what happens, on the session's thread: must not block. What people want to know of
     * it is logged through {@link System.Logger} as well.
     */
    public WorkerBuilder onEvent(Consumer<WorkerEvent> heard) {
        listener = Objects.requireNonNull(heard, "heard");
        return this;
    }

    /**
     * Checks the setup.
     *
     * @throws TidemillException of kind {@link ErrorKind#INVALID}: no handler, or a concurrency out
     *     of range
     */
    public Worker build() {
        if (handlers.isEmpty()) {
            throw Fault.invalid("a worker needs a handler for at least one kind").exception();
        }
        if (concurrency < 1 || concurrency > MOST_CONCURRENCY) {
            String range = " is not between 1 and " + MOST_CONCURRENCY;
            throw Fault.invalid("concurrency " + concurrency + range).exception();
        }
        ExecutorService own =
                executor == null
                        ? Executors.newCachedThreadPool(Background.threads("tidemill-handler"))
                        : null;
        Setup setup =
                new Setup(
                        client.shared(),
                        List.copyOf(queues),
                        Map.copyOf(handlers),
                        concurrency,
                        grace,
                        cancelGrace,
                        connectWithin,
                        name,
                        own == null ? executor : own,
                        new WorkerLog(name),
                        listener);
        return new Worker(setup, own);
    }

    private static String defaultName() {
        String host = System.getenv("HOSTNAME");
        long pid = ProcessHandle.current().pid();
        return host == null || host.isEmpty() ? "pid " + pid : host + ":" + pid;
    }
}
