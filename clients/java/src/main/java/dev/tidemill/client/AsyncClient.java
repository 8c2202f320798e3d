package dev.tidemill.client;

import com.google.protobuf.Int32Value;
import com.google.protobuf.StringValue;
import dev.tidemill.v1.AdminServiceGrpc;
import dev.tidemill.v1.CancelTaskRequest;
import dev.tidemill.v1.EnqueueRequest;
import dev.tidemill.v1.GatewayServiceGrpc;
import dev.tidemill.v1.GetQueueRequest;
import dev.tidemill.v1.GetResultRequest;
import dev.tidemill.v1.GetTaskRequest;
import dev.tidemill.v1.ListQueuesRequest;
import dev.tidemill.v1.ListTasksRequest;
import dev.tidemill.v1.Queue;
import dev.tidemill.v1.ResultsServiceGrpc;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;

/**
 * The calls of {@link Client} as futures. One that fails does so with a {@link TidemillException};
 * to cancel one ends its tries. Callbacks run on threads that may block.
 */
public final class AsyncClient {
    /**
     * The server holds back for at most 60 s; half of it also passes proxies that cut quiet calls.
     */
    private static final Duration LONGEST_WAIT = Duration.ofSeconds(30);

    /** Between two calls of one wait, so that a server that does not hold back is not flooded. */
    private static final Duration PAUSE = Duration.ofMillis(200);

    private final Shared shared;

    AsyncClient(Shared shared) {
        this.shared = shared;
    }

    /** See {@link Client#enqueue}. */
    public CompletableFuture<Enqueued> enqueue(Task task) {
        EnqueueRequest request = task.toRequest(shared.trace);
        CompletableFuture<Enqueued> result = new CompletableFuture<>();
        var call =
                Call.make(
                        shared.gateway,
                        GatewayServiceGrpc.getEnqueueMethod(),
                        request,
                        shared.limits);
        call.whenComplete(
                (answer, error) -> {
                    if (error == null) {
                        result.complete(Enqueued.of(answer));
                    } else {
                        result.completeExceptionally(keyed(error, request.getIdempotencyKey()));
                    }
                });
        return cancelling(result, call);
    }

    /** See {@link Client#enqueueBatch}. */
    public CompletableFuture<List<BatchOutcome>> enqueueBatch(List<Task> tasks) {
        List<EnqueueRequest> requests =
                tasks.stream().map(task -> task.toRequest(shared.trace)).toList();
        return new Batch(shared, requests).send();
    }

    /** See {@link Client#cancel}. */
    public CompletableFuture<Cancelled> cancel(String taskId, String reason) {
        CancelTaskRequest request =
                CancelTaskRequest.newBuilder().setTaskId(taskId).setReason(reason).build();
        var call =
                Call.make(
                        shared.gateway,
                        GatewayServiceGrpc.getCancelTaskMethod(),
                        request,
                        shared.limits);
        return cancelling(
                call.thenApply(
                        answer ->
                                new Cancelled(
                                        TaskState.of(answer.getState()),
                                        answer.getCancelRequested())),
                call);
    }

    /** See {@link Client#result}. */
    public CompletableFuture<TaskSnapshot> result(String taskId) {
        return get(taskId, Duration.ZERO);
    }

    /** See {@link Client#await}. */
    public CompletableFuture<TaskSnapshot> await(String taskId, Duration wait) {
        CompletableFuture<TaskSnapshot> result = new CompletableFuture<>();
        await(taskId, Clock.in(wait), result);
        return result;
    }

    private void await(String taskId, long until, CompletableFuture<TaskSnapshot> result) {
        Duration left = Clock.until(until);
        var call = get(taskId, left.compareTo(LONGEST_WAIT) < 0 ? left : LONGEST_WAIT);
        cancelling(result, call);
        call.whenComplete(
                (found, error) -> {
                    if (error != null) {
                        result.completeExceptionally(Futures.unwrapped(error));
                    } else if (found.state().isTerminal()
                            || Clock.until(until).compareTo(PAUSE) <= 0) {
                        result.complete(found);
                    } else if (!result.isDone()) {
                        Background.after(PAUSE, () -> await(taskId, until, result));
                    }
                });
    }

    private CompletableFuture<TaskSnapshot> get(String taskId, Duration wait) {
        Limits limits = shared.limits.withDeadline(shared.limits.deadline().plus(wait));
        var call =
                Call.makeEach(
                        shared.results,
                        ResultsServiceGrpc.getGetResultMethod(),
                        left -> get(taskId, wait, left),
                        limits);
        return cancelling(call.thenApply(TaskSnapshot::of), call);
    }

    /**
     * A later try has less time: the server must not hold its answer back for longer than this side
     * waits.
     */
    private GetResultRequest get(String taskId, Duration wait, Duration left) {
        Duration spare = left.minus(shared.limits.deadline());
        Duration held = spare.compareTo(wait) < 0 ? spare : wait;
        GetResultRequest.Builder request = GetResultRequest.newBuilder().setTaskId(taskId);
        if (!held.isNegative() && !held.isZero()) {
            request.setWait(Protos.duration(held));
        }
        return request.build();
    }

    /** See {@link Client#queues}. */
    public CompletableFuture<Page<Queue>> queues(int pageSize, Optional<String> page) {
        ListQueuesRequest request =
                ListQueuesRequest.newBuilder()
                        .setPageSize(pageSize)
                        .setPageToken(page.orElse(""))
                        .build();
        var call =
                Call.make(
                        shared.gateway,
                        AdminServiceGrpc.getListQueuesMethod(),
                        request,
                        shared.limits);
        return cancelling(
                call.thenApply(
                        answer -> Page.of(answer.getQueuesList(), answer.getNextPageToken())),
                call);
    }

    /** See {@link Client#queue}. */
    public CompletableFuture<Queue> queue(String name) {
        GetQueueRequest request = GetQueueRequest.newBuilder().setQueue(name).build();
        var call =
                Call.make(
                        shared.gateway,
                        AdminServiceGrpc.getGetQueueMethod(),
                        request,
                        shared.limits);
        return cancelling(
                call.thenApply(
                        answer -> {
                            if (answer.hasQueue()) {
                                return answer.getQueue();
                            }
                            throw missing("GetQueue answered without a queue");
                        }),
                call);
    }

    /** See {@link Client#tasks}. */
    public CompletableFuture<Page<dev.tidemill.v1.Task>> tasks(
            String queue, TaskState state, int pageSize, Optional<String> page) {
        ListTasksRequest request =
                ListTasksRequest.newBuilder()
                        .setQueue(queue)
                        .setState(state.toProto())
                        .setPageSize(pageSize)
                        .setPageToken(page.orElse(""))
                        .build();
        var call =
                Call.make(
                        shared.gateway,
                        AdminServiceGrpc.getListTasksMethod(),
                        request,
                        shared.limits);
        return cancelling(
                call.thenApply(answer -> Page.of(answer.getTasksList(), answer.getNextPageToken())),
                call);
    }

    /** See {@link Client#task}. */
    public CompletableFuture<dev.tidemill.v1.Task> task(String taskId) {
        GetTaskRequest request = GetTaskRequest.newBuilder().setTaskId(taskId).build();
        var call =
                Call.make(
                        shared.gateway,
                        AdminServiceGrpc.getGetTaskMethod(),
                        request,
                        shared.limits);
        return cancelling(
                call.thenApply(
                        answer -> {
                            if (answer.hasTask()) {
                                return answer.getTask();
                            }
                            throw missing("GetTask answered without a task");
                        }),
                call);
    }

    /** See {@link Client#health}. */
    public CompletableFuture<Health> health(String service) {
        return health(shared.gateway, service);
    }

    /** See {@link Client#resultsHealth}. */
    public CompletableFuture<Health> resultsHealth(String service) {
        return health(shared.results, service);
    }

    /** See {@link Client#workerHealth}. */
    public CompletableFuture<Health> workerHealth(String service) {
        return health(shared.worker, service);
    }

    private CompletableFuture<Health> health(Link link, String service) {
        StringValue request = StringValue.of(service);
        CompletableFuture<Int32Value> call = Call.make(link, Health.CHECK, request, shared.limits);
        return cancelling(call.thenApply(Health::of), call);
    }

    private TidemillException missing(String what) {
        return Fault.contract(shared.gateway.address, what).exception();
    }

    /** Whoever cancels the result cancels what it is made of. */
    private static <T> CompletableFuture<T> cancelling(
            CompletableFuture<T> result, CompletableFuture<?> call) {
        result.whenComplete(
                (answer, error) -> {
                    if (result.isCancelled()) {
                        call.cancel(true);
                    }
                });
        return result;
    }

    static Throwable keyed(Throwable error, String key) {
        Throwable inner = Futures.unwrapped(error);
        return inner instanceof TidemillException known
                ? new TidemillException(known.fault().withKey(key), known.getCause())
                : inner;
    }
}
