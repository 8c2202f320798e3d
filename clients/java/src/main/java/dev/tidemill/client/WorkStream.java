package dev.tidemill.client;

import dev.tidemill.v1.Credits;
import dev.tidemill.v1.Register;
import dev.tidemill.v1.Registered;
import dev.tidemill.v1.WorkRequest;
import dev.tidemill.v1.WorkResponse;
import dev.tidemill.v1.WorkerServiceGrpc;
import io.grpc.ManagedChannel;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/** One Work stream over a connection of its own. */
final class WorkStream {
    /** Pings that may fail to come before the stream counts as broken. */
    private static final int MISSED_PINGS = 3;

    private static final Duration SHORTEST_SILENCE = Duration.ofSeconds(1);

    /** How long the server may take to answer what is said at the end. */
    static final Duration LAST_WORD = Duration.ofSeconds(10);

    private final String address;
    private final Duration openLimit;
    private final ManagedChannel channel;
    private final StreamCall<WorkRequest, WorkResponse> call;
    private Duration silence;
    private long heard = System.nanoTime();
    private boolean registered;

    /** The replica drains, or the registration has become too old. */
    boolean leaving;

    /** The credits that it was told last. */
    private int credits;

    /** The leases that its registration named. */
    private final Set<String> named;

    /** Opens one and registers; it counts once {@link #accept} was called. */
    WorkStream(Shared shared, Register register, Consumer<StreamCall.Signal> sink) {
        address = shared.worker.address;
        openLimit = shared.limits.deadline();
        silence = openLimit;
        credits = register.getCredits();
        named = Set.copyOf(register.getHeldList());
        channel = shared.worker.fresh();
        call = new StreamCall<>(channel, WorkerServiceGrpc.getWorkMethod(), address);
        call.start(sink);
        say(WorkRequest.newBuilder().setRegister(register).build());
    }

    boolean made(StreamCall.Signal signal) {
        return signal.of() == call;
    }

    /** The server has registered us. */
    void accept(Registered answer) {
        registered = true;
        Duration interval = Protos.duration(answer.getPingInterval());
        Duration bound = interval.multipliedBy(MISSED_PINGS);
        silence = bound.compareTo(SHORTEST_SILENCE) > 0 ? bound : SHORTEST_SILENCE;
        hear();
    }

    /** Something came; the next may. */
    void hear() {
        heard = System.nanoTime();
        call.more();
    }

    void say(WorkRequest message) {
        call.send(message);
    }

    int credits() {
        return credits;
    }

    void sayCredits(int now) {
        credits = now;
        Credits message = Credits.newBuilder().setCredits(now).build();
        say(WorkRequest.newBuilder().setCredits(message).build());
    }

    Set<String> named() {
        return named;
    }

    boolean isReady() {
        return call.isReady();
    }

    /** When it counts as broken if nothing comes. */
    long silentAt() {
        return heard + Clock.nanos(silence);
    }

    Fault silenceFault() {
        if (!registered) {
            return Fault.deadline(Outcome.NOT_APPLIED, address, openLimit);
        }
        return broken("nothing came for " + silence.toMillis() + " ms");
    }

    Fault broken(String why) {
        return Fault.broken(Outcome.UNKNOWN, address, why);
    }

    /**
     * Breaks it off: what it held is not given back. Also the way to forget one that is over
     * already.
     */
    void leave() {
        call.cancel("the stream was left");
        channel.shutdownNow();
    }

    /** Half-closes, which gives back what is left, and waits for the server to do so. */
    void finish() throws InterruptedException {
        // A registration that is on its way may have been assigned tasks already.
        Duration most = registered ? SHORTEST_SILENCE : LAST_WORD;
        call.halfClose();
        call.drain();
        channel.shutdown();
        if (!channel.awaitTermination(most.toMillis(), TimeUnit.MILLISECONDS)) {
            leave();
        }
    }
}
