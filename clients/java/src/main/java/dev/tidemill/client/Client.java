package dev.tidemill.client;

import dev.tidemill.v1.Queue;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/**
 * A client of Tidemill. Safe for use by many threads; one is enough for a program. Calls wait for
 * their answer; {@link #async} has them as futures. A thread that is interrupted while it waits
 * gets a {@link java.util.concurrent.CancellationException}, and stays interrupted.
 *
 * <pre>{@code
 * try (Client client = Client.connect("http://localhost:7440")) {
 *     Enqueued task = client.enqueue(Task.ofText("email.send", "hello"));
 *     for (Event event : client.watch(task.taskId())) {
 *         System.out.println(event);
 *     }
 * }
 * }</pre>
 */
public final class Client implements AutoCloseable {
    /** Where {@code tidemill dev} serves. */
    public static final String DEFAULT_URL = "http://127.0.0.1:7440";

    /** Most tasks of one call of the contract; {@link #enqueueBatch} makes as many as it takes. */
    public static final int BATCH_LIMIT = 1_000;

    private final Shared shared;
    private final AsyncClient async;

    Client(Shared shared) {
        this.shared = shared;
        this.async = new AsyncClient(shared);
    }

    /**
     * A client of the server that the environment variable {@code TIDEMILL_URL} names, and without
     * it of {@link #DEFAULT_URL}. {@code TIDEMILL_RESULTS_URL} and {@code TIDEMILL_WORKER_URL} name
     * the roles that have addresses of their own.
     *
     * @throws TidemillException of kind {@link ErrorKind#INVALID} if an address is none
     */
    public static Client connect() {
        return builder().build();
    }

    /**
     * A client with default settings. Connects with the first call.
     *
     * @throws TidemillException of kind {@link ErrorKind#INVALID} if the address is none
     */
    public static Client connect(String url) {
        return builder(url).build();
    }

    /** Sets up a client of the addresses of the environment, as {@link #connect()}. */
    public static ClientBuilder builder() {
        return ClientBuilder.of(System::getenv);
    }

    /**
     * Sets up a client: {@code http://HOST:PORT}, {@code https://HOST:PORT}, or {@code HOST:PORT}
     * for plaintext.
     */
    public static ClientBuilder builder(String url) {
        return new ClientBuilder(url);
    }

    Shared shared() {
        return shared;
    }

    /** The same calls as futures. */
    public AsyncClient async() {
        return async;
    }

    /**
     * Stores a task. When this returns, it is durable in the sense of the server's durability mode.
     * Tried again within the timeout where that may help; the idempotency key, given or made here,
     * keeps a repetition from storing a second task.
     *
     * @throws TidemillException with the reasons of the contract's {@code Enqueue}; {@link
     *     TidemillException#getOutcome} says whether the task may have been stored, and {@link
     *     TidemillException#getIdempotencyKey} is the key to repeat it with
     */
    public Enqueued enqueue(Task task) {
        return Futures.await(async.enqueue(task));
    }

    /**
     * Stores many tasks, each on its own: one outcome for each, in order. Makes as many calls of at
     * most 1,000 tasks and 4 MiB as it takes, each within the timeout; entries that are refused for
     * the moment only are sent again, as with {@link #enqueue}.
     */
    public List<BatchOutcome> enqueueBatch(List<Task> tasks) {
        return Futures.await(async.enqueueBatch(tasks));
    }

    /**
     * Cancels a task: a waiting one ends at once, a running one is asked to stop. Asking again is
     * harmless.
     *
     * @throws TidemillException with the reasons of the contract's {@code CancelTask}
     */
    public Cancelled cancel(String taskId, String reason) {
        return Futures.await(async.cancel(taskId, reason));
    }

    /**
     * How a task stands now.
     *
     * @throws TidemillException with the reasons of the contract's {@code GetResult}; a task that
     *     is not finished is no error
     */
    public TaskSnapshot result(String taskId) {
        return Futures.await(async.result(taskId));
    }

    /**
     * How a task stands as soon as it has finished, or when {@code wait} is over: then its state is
     * not terminal.
     *
     * @throws TidemillException as {@link #result}
     */
    public TaskSnapshot await(String taskId, Duration wait) {
        return Futures.await(async.await(taskId, wait));
    }

    /** Follows the log of a task from its beginning to its result, through broken connections. */
    public Watch watch(String taskId) {
        return new Watch(shared, taskId);
    }

    /** Follows the logs of many tasks over one stream. */
    public WatchMany watchMany() {
        return new WatchMany(shared);
    }

    /**
     * A page of the queues, by name. At most 1,000 on a page; 0: 100.
     *
     * @param page {@link Page#next} of the page before; empty: the first
     * @throws TidemillException with the reasons of the contract's {@code ListQueues}
     */
    public Page<Queue> queues(int pageSize, Optional<String> page) {
        return Futures.await(async.queues(pageSize, page));
    }

    /**
     * One queue with its kinds.
     *
     * @throws TidemillException with the reasons of the contract's {@code GetQueue}
     */
    public Queue queue(String name) {
        return Futures.await(async.queue(name));
    }

    /**
     * A page of the tasks of one queue that are in one state, without payloads. At most 500 on a
     * page; 0: 50.
     *
     * @param page {@link Page#next} of the page before; empty: the first
     * @throws TidemillException with the reasons of the contract's {@code ListTasks}
     */
    public Page<dev.tidemill.v1.Task> tasks(
            String queue, TaskState state, int pageSize, Optional<String> page) {
        return Futures.await(async.tasks(queue, state, pageSize, page));
    }

    /**
     * One task, with its payloads.
     *
     * @throws TidemillException with the reasons of the contract's {@code GetTask}
     */
    public dev.tidemill.v1.Task task(String taskId) {
        return Futures.await(async.task(taskId));
    }

    /**
     * Whether the gateway's address serves.
     *
     * @param service empty: the process as a whole; else the full name of a gRPC service
     * @throws TidemillException if it cannot be asked, or does not have that service
     */
    public Health health(String service) {
        return Futures.await(async.health(service));
    }

    /** The same of the results role's address. */
    public Health resultsHealth(String service) {
        return Futures.await(async.resultsHealth(service));
    }

    /** The same of the worker role's address. */
    public Health workerHealth(String service) {
        return Futures.await(async.workerHealth(service));
    }

    /** How many unary calls were made over all connections, and how many tries they took. */
    public Stats stats() {
        return shared.stats();
    }

    /**
     * Ends the connections and what is under way on them, and with the last client of the program
     * the threads that clients share. Waits up to a second for callbacks that run; they are not
     * interrupted. Workers have connections of their own: close them first.
     */
    @Override
    public void close() {
        shared.close();
    }

    @Override
    public String toString() {
        return "Client[" + shared.gateway.address + "]";
    }
}
