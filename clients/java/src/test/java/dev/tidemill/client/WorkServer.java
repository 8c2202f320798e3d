package dev.tidemill.client;

import dev.tidemill.v1.Assignment;
import dev.tidemill.v1.Assignments;
import dev.tidemill.v1.LeaseLost;
import dev.tidemill.v1.Ping;
import dev.tidemill.v1.Register;
import dev.tidemill.v1.Registered;
import dev.tidemill.v1.Settled;
import dev.tidemill.v1.WorkRequest;
import dev.tidemill.v1.WorkResponse;
import dev.tidemill.v1.WorkerServiceGrpc;
import io.grpc.Grpc;
import io.grpc.InsecureServerCredentials;
import io.grpc.Server;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.StreamObserver;
import java.io.IOException;
import java.time.Duration;
import java.util.Queue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;

/** A worker role for one test: takes every registration, and says what the test says. */
final class WorkServer extends WorkerServiceGrpc.WorkerServiceImplBase implements AutoCloseable {
    final BlockingQueue<Register> registers = new LinkedBlockingQueue<>();
    final BlockingQueue<WorkRequest> heard = new LinkedBlockingQueue<>();

    /** How streams ended: "half-closed" or "cancelled". */
    final BlockingQueue<String> ends = new LinkedBlockingQueue<>();

    final Queue<StatusRuntimeException> refusals = new ConcurrentLinkedQueue<>();

    /** True: registrations and half-closes are answered by {@link #admit} only. */
    volatile boolean late;

    /** So long that no test runs into it, however loaded the machine; one that wants to, may. */
    volatile Duration pingInterval = Duration.ofMinutes(1);

    /** False: settles are taken and not answered. */
    volatile boolean answers = true;

    /** False: what is held is not adopted. */
    volatile boolean adopts = true;

    private final Server server;
    private final BlockingQueue<Runnable> waiting = new LinkedBlockingQueue<>();
    private volatile StreamObserver<WorkResponse> stream;

    WorkServer() throws IOException {
        server =
                Grpc.newServerBuilderForPort(0, InsecureServerCredentials.create())
                        .addService(this)
                        .build()
                        .start();
    }

    String url() {
        return "http://127.0.0.1:" + server.getPort();
    }

    @Override
    public void close() {
        server.shutdownNow();
    }

    @Override
    public StreamObserver<WorkRequest> work(StreamObserver<WorkResponse> answers) {
        StreamObserver<WorkResponse> out = new OneAtATime(answers);
        return new StreamObserver<>() {
            @Override
            public void onNext(WorkRequest request) {
                switch (request.getMessageCase()) {
                    case REGISTER -> register(request.getRegister(), out);
                    case COMPLETE -> settle(request, request.getComplete().getLeaseToken(), out);
                    case FAIL -> settle(request, request.getFail().getLeaseToken(), out);
                    case RELEASE -> settle(request, request.getRelease().getLeaseToken(), out);
                    default -> heard.add(request);
                }
            }

            @Override
            public void onError(Throwable left) {
                ends.add("cancelled");
            }

            @Override
            public void onCompleted() {
                ends.add("half-closed");
                if (late) {
                    waiting.add(out::onCompleted);
                } else {
                    out.onCompleted();
                }
            }
        };
    }

    private void register(Register register, StreamObserver<WorkResponse> out) {
        StatusRuntimeException refusal = refusals.poll();
        if (refusal != null) {
            registers.add(register);
            out.onError(refusal);
            return;
        }
        if (late) {
            waiting.add(() -> accept(register, out));
        } else {
            accept(register, out);
        }
        registers.add(register);
    }

    /** Answers what waits, one by one. */
    void admit() throws InterruptedException {
        some(waiting.poll(10, TimeUnit.SECONDS), "what is to be answered").run();
    }

    private void accept(Register register, StreamObserver<WorkResponse> out) {
        Registered.Builder registered =
                Registered.newBuilder().setPingInterval(Protos.duration(pingInterval));
        if (adopts) {
            registered.addAllAdopted(register.getHeldList());
        }
        stream = out;
        out.onNext(WorkResponse.newBuilder().setRegistered(registered).build());
    }

    private void settle(WorkRequest request, String token, StreamObserver<WorkResponse> out) {
        if (answers) {
            out.onNext(settledAnswer(token).build());
        }
        heard.add(request);
    }

    private static WorkResponse.Builder settledAnswer(String token) {
        return WorkResponse.newBuilder().setSettled(Settled.newBuilder().setLeaseToken(token));
    }

    void settled(String token) {
        say(settledAnswer(token));
    }

    void say(WorkResponse.Builder message) {
        stream.onNext(message.build());
    }

    void ping(long number) {
        say(WorkResponse.newBuilder().setPing(Ping.newBuilder().setNumber(number)));
    }

    void lose(String token) {
        say(WorkResponse.newBuilder().setLeaseLost(LeaseLost.newBuilder().setLeaseToken(token)));
    }

    void assign(String token, String kind) {
        Assignment.Builder assignment =
                Assignment.newBuilder().setLeaseToken(token).setTaskId("T" + token).setKind(kind);
        say(
                WorkResponse.newBuilder()
                        .setAssignments(Assignments.newBuilder().addAssignments(assignment)));
    }

    void breakOff(StatusRuntimeException error) {
        stream.onError(error);
    }

    Register registered() throws InterruptedException {
        return some(registers.poll(10, TimeUnit.SECONDS), "a registration");
    }

    /** The next message that is so; others before it are dropped. */
    WorkRequest next(Predicate<WorkRequest> wanted) throws InterruptedException {
        while (true) {
            WorkRequest request = some(heard.poll(10, TimeUnit.SECONDS), "a message");
            if (wanted.test(request)) {
                return request;
            }
        }
    }

    String end() throws InterruptedException {
        return some(ends.poll(10, TimeUnit.SECONDS), "the end of a stream");
    }

    /** The test and the server's threads write: the library wants one at a time. */
    private record OneAtATime(StreamObserver<WorkResponse> out)
            implements StreamObserver<WorkResponse> {
        @Override
        public void onNext(WorkResponse response) {
            synchronized (out) {
                out.onNext(response);
            }
        }

        @Override
        public void onError(Throwable error) {
            synchronized (out) {
                out.onError(error);
            }
        }

        @Override
        public void onCompleted() {
            synchronized (out) {
                out.onCompleted();
            }
        }
    }

    private static <T> T some(T found, String what) {
        if (found == null) {
            throw new AssertionError(what + " did not come");
        }
        return found;
    }
}
