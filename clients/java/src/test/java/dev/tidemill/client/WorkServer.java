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

    /** False: settles are taken and not answered. */
    volatile boolean answers = true;

    /** False: what is held is not adopted. */
    volatile boolean adopts = true;

    private final Server server;
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
    public StreamObserver<WorkRequest> work(StreamObserver<WorkResponse> out) {
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
                out.onCompleted();
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
        Registered.Builder registered = Registered.newBuilder();
        registered.getPingIntervalBuilder().setNanos(300_000_000);
        if (adopts) {
            registered.addAllAdopted(register.getHeldList());
        }
        out.onNext(WorkResponse.newBuilder().setRegistered(registered).build());
        stream = out;
        registers.add(register);
    }

    private void settle(WorkRequest request, String token, StreamObserver<WorkResponse> out) {
        if (answers) {
            Settled settled = Settled.newBuilder().setLeaseToken(token).build();
            out.onNext(WorkResponse.newBuilder().setSettled(settled).build());
        }
        heard.add(request);
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

    private static <T> T some(T found, String what) {
        if (found == null) {
            throw new AssertionError(what + " did not come");
        }
        return found;
    }
}
