package dev.tidemill.client;

import dev.tidemill.v1.BatchEnqueueOutcome;
import dev.tidemill.v1.BatchEnqueueRequest;
import dev.tidemill.v1.BatchEnqueueResponse;
import dev.tidemill.v1.EnqueueRequest;
import dev.tidemill.v1.EnqueueResponse;
import dev.tidemill.v1.GatewayServiceGrpc;
import dev.tidemill.v1.GetResultRequest;
import dev.tidemill.v1.GetResultResponse;
import dev.tidemill.v1.ResultsServiceGrpc;
import dev.tidemill.v1.StateChanged;
import dev.tidemill.v1.TaskEvent;
import dev.tidemill.v1.TaskResult;
import dev.tidemill.v1.TaskState;
import dev.tidemill.v1.WatchResultRequest;
import dev.tidemill.v1.WatchResultResponse;
import dev.tidemill.v1.WatchResultsRequest;
import dev.tidemill.v1.WatchResultsResponse;
import io.grpc.Context;
import io.grpc.Grpc;
import io.grpc.InsecureServerCredentials;
import io.grpc.Server;
import io.grpc.ServerCredentials;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.StatusProto;
import io.grpc.stub.StreamObserver;
import java.io.IOException;
import java.util.ArrayDeque;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BiConsumer;

/** A server that follows a script, breaks on purpose, and remembers what it saw. */
final class TestServer implements AutoCloseable {
    /** What one stream sends: events, then an error, or its end. */
    record Script(List<TaskEvent> events, StatusRuntimeException error) {
        static Script of(TaskEvent... events) {
            return new Script(List.of(events), null);
        }

        /** One that stays open, and says nothing. */
        static Script open() {
            return new Script(null, null);
        }

        static Script broken(StatusRuntimeException error, TaskEvent... events) {
            return new Script(List.of(events), error);
        }
    }

    /** Errors of the next calls of Enqueue, and of the next entries of BatchEnqueue. */
    final Queue<StatusRuntimeException> refusals = new ConcurrentLinkedQueue<>();

    /** Calls of Enqueue and entries of BatchEnqueue, the refused ones included. */
    final List<EnqueueRequest> enqueued = new CopyOnWriteArrayList<>();

    final List<Integer> batches = new CopyOnWriteArrayList<>();
    final Queue<Script> scripts = new ConcurrentLinkedQueue<>();

    /** Cursors of the calls of WatchResult. */
    final List<Long> cursors = new CopyOnWriteArrayList<>();

    /** What calls of WatchResults send for each task that is added with the first message. */
    final Queue<List<WatchResultsResponse>> many = new ConcurrentLinkedQueue<>();

    final List<WatchResultsRequest> asked = new CopyOnWriteArrayList<>();

    /** Calls that came without a deadline. */
    final List<String> endless = new CopyOnWriteArrayList<>();

    /** True: enqueues are refused, as by a server whose store is away. */
    volatile boolean outage;

    /** True: enqueues are taken and never answered. */
    volatile boolean mute;

    /** So many enqueues are taken and never answered, each of which releases {@link #hung}. */
    final AtomicInteger hang = new AtomicInteger();

    final Semaphore hung = new Semaphore(0);

    /** Errors of the next calls of GetResult. */
    final Queue<StatusRuntimeException> resultRefusals = new ConcurrentLinkedQueue<>();

    final List<GetResultRequest> results = new CopyOnWriteArrayList<>();

    /** What GetResult answers: a state of a newer server, unless a test sets another. */
    volatile int resultState = 99;

    /** Released with each call of WatchResult. */
    final Semaphore watched = new Semaphore(0);

    /** Told all requests of all calls of WatchResults that have no script left. */
    volatile BiConsumer<WatchResultsRequest, StreamObserver<WatchResultsResponse>> director =
            (request, answers) -> {};

    private final Server server;
    private final int port;

    TestServer() throws IOException {
        this(InsecureServerCredentials.create());
    }

    TestServer(ServerCredentials credentials) throws IOException {
        server =
                Grpc.newServerBuilderForPort(0, credentials)
                        .addService(new Gateway())
                        .addService(new Results())
                        .build()
                        .start();
        port = server.getPort();
    }

    int port() {
        return port;
    }

    String url() {
        return "http://127.0.0.1:" + port();
    }

    @Override
    public void close() {
        server.shutdownNow();
    }

    static TaskEvent running(long sequence) {
        StateChanged change =
                StateChanged.newBuilder().setState(TaskState.TASK_STATE_RUNNING).build();
        return TaskEvent.newBuilder().setSequence(sequence).setStateChanged(change).build();
    }

    static TaskEvent ended(long sequence) {
        TaskResult result =
                TaskResult.newBuilder().setState(TaskState.TASK_STATE_SUCCEEDED).build();
        return TaskEvent.newBuilder().setSequence(sequence).setResult(result).build();
    }

    private EnqueueResponse store(EnqueueRequest request) {
        enqueued.add(request);
        StatusRuntimeException refusal = outage ? Details.away("not_applied") : refusals.poll();
        if (refusal != null) {
            throw refusal;
        }
        return EnqueueResponse.newBuilder()
                .setTaskId("T" + enqueued.size())
                .setState(TaskState.TASK_STATE_QUEUED)
                .build();
    }

    private final class Gateway extends GatewayServiceGrpc.GatewayServiceImplBase {
        @Override
        public void enqueue(EnqueueRequest request, StreamObserver<EnqueueResponse> answers) {
            if (Context.current().getDeadline() == null) {
                endless.add("Enqueue");
            }
            if (mute) {
                enqueued.add(request);
                return;
            }
            try {
                EnqueueResponse stored = store(request);
                if (hang.getAndUpdate(left -> Math.max(0, left - 1)) > 0) {
                    hung.release();
                    return;
                }
                answers.onNext(stored);
                answers.onCompleted();
            } catch (StatusRuntimeException refused) {
                answers.onError(refused);
            }
        }

        @Override
        public void batchEnqueue(
                BatchEnqueueRequest request, StreamObserver<BatchEnqueueResponse> answers) {
            batches.add(request.getRequestsCount());
            BatchEnqueueResponse.Builder response = BatchEnqueueResponse.newBuilder();
            for (EnqueueRequest entry : request.getRequestsList()) {
                BatchEnqueueOutcome.Builder outcome = BatchEnqueueOutcome.newBuilder();
                try {
                    outcome.setResponse(store(entry));
                } catch (StatusRuntimeException refused) {
                    outcome.setError(StatusProto.fromThrowable(refused));
                }
                response.addOutcomes(outcome);
            }
            answers.onNext(response.build());
            answers.onCompleted();
        }
    }

    private final class Results extends ResultsServiceGrpc.ResultsServiceImplBase {
        @Override
        public void getResult(GetResultRequest request, StreamObserver<GetResultResponse> answers) {
            results.add(request);
            StatusRuntimeException refusal = resultRefusals.poll();
            if (refusal != null) {
                answers.onError(refusal);
                return;
            }
            answers.onNext(
                    GetResultResponse.newBuilder()
                            .setTaskId(request.getTaskId())
                            .setStateValue(resultState)
                            .build());
            answers.onCompleted();
        }

        @Override
        public void watchResult(
                WatchResultRequest request, StreamObserver<WatchResultResponse> answers) {
            cursors.add(request.getAfterSequence());
            watched.release();
            Script script = scripts.poll();
            if (script == null) {
                answers.onError(io.grpc.Status.NOT_FOUND.asRuntimeException());
                return;
            }
            if (script.events() == null) {
                return;
            }
            script.events()
                    .forEach(
                            event ->
                                    answers.onNext(
                                            WatchResultResponse.newBuilder()
                                                    .setEvent(event)
                                                    .build()));
            if (script.error() != null) {
                answers.onError(script.error());
            } else {
                answers.onCompleted();
            }
        }

        @Override
        public StreamObserver<WatchResultsRequest> watchResults(
                StreamObserver<WatchResultsResponse> answers) {
            ArrayDeque<List<WatchResultsResponse>> mine = new ArrayDeque<>();
            List<WatchResultsResponse> next = many.poll();
            if (next != null) {
                mine.add(next);
            }
            return new StreamObserver<>() {
                @Override
                public void onNext(WatchResultsRequest request) {
                    asked.add(request);
                    List<WatchResultsResponse> script = mine.poll();
                    if (script != null) {
                        script.forEach(answers::onNext);
                        answers.onCompleted();
                    } else {
                        director.accept(request, answers);
                    }
                }

                @Override
                public void onError(Throwable left) {}

                @Override
                public void onCompleted() {}
            };
        }
    }
}
