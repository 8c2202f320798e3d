package dev.tidemill.client;

import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * Runs tasks: a handler process for the worker protocol ({@code WorkerService.Work}).
 *
 * <pre>{@code
 * try (Client client = Client.connect("http://localhost:7440")) {
 *     Worker.builder(client)
 *             .handle("email.send", task -> "sent " + task.payload().asText().orElseThrow())
 *             .concurrency(16)
 *             .build()
 *             .run();
 * }
 * }</pre>
 *
 * <p>A session on a thread of its own echoes the server's pings, which renews the leases: handlers
 * that keep their threads busy do not cost their leases. What is held outlives a broken stream: the
 * next stream names it, and every settle that was not answered is said again. A settle is done when
 * the server has answered it, not before.
 */
public final class Worker implements AutoCloseable {
    /** How long the end of the process waits for the code after {@link #run}. */
    private static final Duration AFTERWARDS = Duration.ofSeconds(2);

    private static final System.Logger LOG = System.getLogger("dev.tidemill.client.Worker");

    private final Setup setup;
    private final ExecutorService own;
    private final CompletableFuture<Void> ended = new CompletableFuture<>();
    private Session session;

    Worker(Setup setup, ExecutorService own) {
        this.setup = setup;
        this.own = own;
    }

    /** Sets up a worker that reaches the server as {@code client} does. */
    public static WorkerBuilder builder(Client client) {
        return new WorkerBuilder(client);
    }

    /** Begins, on threads of its own. {@link #close} ends it in order. */
    public synchronized Worker start() {
        if (session != null || ended.isDone()) {
            throw new IllegalStateException("a worker runs once");
        }
        session = new Session(setup);
        Thread thread = new Thread(() -> work(session), "tidemill-worker");
        thread.start();
        return this;
    }

    private void work(Session working) {
        Throwable thrown = null;
        try {
            working.run();
        } catch (Throwable any) {
            // Whatever it is: whoever waits is to hear of it.
            thrown = any;
        }
        if (own != null) {
            own.shutdown();
        }
        if (thrown == null) {
            ended.complete(null);
        } else {
            ended.completeExceptionally(thrown);
        }
    }

    /**
     * Runs tasks until {@link #stop} is called or the process is told to end (SIGTERM, Ctrl-C):
     * then takes no more, lets what runs finish within the grace, gives the rest back without
     * charging an attempt, and returns when the server has confirmed all of it. The end of the
     * process waits for that, and up to 2 s for the thread that called this to end, so that the
     * code after it runs: what takes longer may be cut off.
     *
     * @throws TidemillException what no other connection would mend, e.g. a queue's name that the
     *     server refuses; or that at the end some tasks could neither be settled nor given back:
     *     their leases expire, which counts as a crash
     * @throws InterruptedException if this thread is interrupted: the worker was told to stop
     */
    public void run() throws InterruptedException {
        Thread caller = Thread.currentThread();
        Thread hook = new Thread(() -> shutDown(caller), "tidemill-shutdown");
        Runtime.getRuntime().addShutdownHook(hook);
        try {
            start();
            join();
        } finally {
            stop();
            unhook(hook);
        }
    }

    /** The process ends as soon as this returns. */
    private void shutDown(Thread caller) {
        stop();
        ended.handle((done, error) -> null).join();
        try {
            caller.join(AFTERWARDS.toMillis());
        } catch (InterruptedException hurry) {
            // Whoever interrupts the hook wants the end now.
        }
    }

    private static void unhook(Thread hook) {
        try {
            Runtime.getRuntime().removeShutdownHook(hook);
        } catch (IllegalStateException shuttingDown) {
            // It runs already, and ends with the worker.
        }
    }

    /**
     * Tells it to take no more and to let what runs finish within the grace. Returns at once; see
     * {@link #join}.
     */
    public void stop() {
        stop(setup.grace());
    }

    /** The same with another grace; zero gives back at once what runs. */
    public synchronized void stop(Duration grace) {
        if (session == null) {
            ended.complete(null);
        } else {
            session.stop(grace);
        }
    }

    /**
     * Waits until it has ended.
     *
     * @throws TidemillException as {@link #run}
     */
    public void join() throws InterruptedException {
        try {
            ended.get();
        } catch (ExecutionException failed) {
            throw thrown(failed);
        }
    }

    /**
     * The same for a time.
     *
     * @return false: it has not ended yet
     * @throws TidemillException as {@link #run}
     */
    public boolean join(Duration time) throws InterruptedException {
        try {
            ended.get(Clock.nanos(time), TimeUnit.NANOSECONDS);
            return true;
        } catch (TimeoutException late) {
            return false;
        } catch (ExecutionException failed) {
            throw thrown(failed);
        }
    }

    /** Done when it has ended; with an error, as {@link #run}. */
    public CompletableFuture<Void> ended() {
        return ended.copy();
    }

    private static RuntimeException thrown(ExecutionException failed) {
        Throwable cause = Futures.unwrapped(failed);
        return cause instanceof TidemillException known
                ? new TidemillException(known.fault(), known)
                : new IllegalStateException("the session of a worker broke", cause);
    }

    /** What it does now. */
    public synchronized WorkerStatus status() {
        if (ended.isDone()) {
            return ended.isCompletedExceptionally() ? WorkerStatus.FAILED : WorkerStatus.STOPPED;
        }
        return session == null ? WorkerStatus.NEW : session.status();
    }

    /** True if it can receive tasks now: for a health check. */
    public boolean isHealthy() {
        return status() == WorkerStatus.SERVING;
    }

    /**
     * Stops it and waits until it has ended. An interrupt shortens the grace to nothing, and stays
     * set.
     *
     * @throws TidemillException as {@link #run}
     */
    @Override
    public void close() {
        stop();
        try {
            join();
        } catch (InterruptedException interrupted) {
            stop(Duration.ZERO);
            Thread.currentThread().interrupt();
        }
    }

    /** The log of all workers, here so that it names this class as its source. */
    static void log(System.Logger.Level level, String text, Throwable thrown) {
        LOG.log(level, text, thrown);
    }

    static boolean logs(System.Logger.Level level) {
        return LOG.isLoggable(level);
    }

    @Override
    public String toString() {
        return "Worker[" + setup.name() + ", " + setup.handlers().keySet() + "]";
    }
}
