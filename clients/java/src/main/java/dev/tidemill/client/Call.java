package dev.tidemill.client;

import io.grpc.CallOptions;
import io.grpc.ClientCall;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.Status;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;

/**
 * Makes one unary call out of several tries: until it is answered, refused for good, or the limits
 * are reached. Every try carries the deadline of the whole. Only for calls that are safe to repeat.
 * The outcome of the error considers all tries.
 */
final class Call<Q, A> {
    /** The server works from the deadline sent along, and may run out sooner by about this much. */
    private static final Duration NEAR = Duration.ofMillis(50);

    private final Link link;
    private final MethodDescriptor<Q, A> method;
    private final Function<Duration, Q> message;
    private final Limits limits;
    private final long deadline;
    private final CompletableFuture<A> result = new CompletableFuture<>();

    private Outcome outcome = Outcome.NOT_APPLIED;
    private Fault last;
    private int tries;
    private ClientCall<Q, A> running;

    private Call(
            Link link,
            MethodDescriptor<Q, A> method,
            Function<Duration, Q> message,
            Limits limits) {
        this.link = link;
        this.method = method;
        this.message = message;
        this.limits = limits;
        this.deadline = Clock.in(limits.deadline());
    }

    static <Q, A> CompletableFuture<A> make(
            Link link, MethodDescriptor<Q, A> method, Q message, Limits limits) {
        return makeEach(link, method, left -> message, limits);
    }

    /** The same, but each try has a message of its own, by the time that is left for it. */
    static <Q, A> CompletableFuture<A> makeEach(
            Link link,
            MethodDescriptor<Q, A> method,
            Function<Duration, Q> message,
            Limits limits) {
        return new Call<>(link, method, message, limits).start();
    }

    private CompletableFuture<A> start() {
        link.line.calls.increment();
        Future<?> timer = Background.after(limits.deadline(), this::late);
        result.whenComplete(
                (answer, error) -> {
                    timer.cancel(false);
                    cancelRunning();
                });
        next();
        return result;
    }

    private void next() {
        CompletableFuture<Void> paid =
                tries == 0 ? CompletableFuture.completedFuture(null) : link.line.budget.take();
        paid.thenCompose(ready -> link.line.enter(result::isDone))
                .thenAccept(this::attempt)
                .exceptionally(
                        bug -> {
                            result.completeExceptionally(Futures.unwrapped(bug));
                            return null;
                        });
    }

    /**
     * The deadline passed, or the client was closed. A try that is under way ends by itself, and
     * knows more.
     */
    private synchronized void late() {
        if (running == null) {
            fail(
                    link.isClosed()
                            ? Link.closedFault()
                            : why(
                                    Fault.deadline(
                                            Outcome.NOT_APPLIED, link.address, limits.deadline())));
        }
    }

    /** What is known of the server's being away tells more than that the time was over. */
    private Fault why(Fault otherwise) {
        return last != null ? last : link.line.why().orElse(otherwise);
    }

    private void attempt(Line.Turn turn) {
        try {
            send(turn);
        } catch (RuntimeException closed) {
            turn.release();
            throw closed;
        }
    }

    private void send(Line.Turn turn) {
        ClientCall<Q, A> call;
        ManagedChannel channel;
        Q request;
        Fate fate = new Fate();
        synchronized (this) {
            Duration left = Clock.until(deadline);
            Fault away = left.compareTo(NEAR) <= 0 ? why(null) : null;
            if (away != null) {
                // Such a try would tell nothing but that its time was too short.
                fail(away);
            }
            if (result.isDone()) {
                turn.release();
                return;
            }
            tries++;
            channel = link.channel();
            request = message.apply(left);
            CallOptions options =
                    CallOptions.DEFAULT
                            .withDeadlineAfter(left.toNanos(), TimeUnit.NANOSECONDS)
                            .withStreamTracerFactory(fate);
            call = channel.newCall(method, options);
            running = call;
        }
        link.line.attempts.increment();
        call.start(new Answer(turn, channel, fate), new Metadata());
        call.request(2);
        call.sendMessage(request);
        call.halfClose();
        if (result.isDone()) {
            cancelRunning();
        }
    }

    private synchronized void cancelRunning() {
        if (running != null) {
            running.cancel("nobody waits for the answer any more", null);
        }
    }

    private final class Answer extends ClientCall.Listener<A> {
        private final Line.Turn turn;
        private final ManagedChannel channel;
        private final Fate fate;
        private A answer;

        Answer(Line.Turn turn, ManagedChannel channel, Fate fate) {
            this.turn = turn;
            this.channel = channel;
            this.fate = fate;
        }

        @Override
        public void onMessage(A message) {
            answer = message;
        }

        @Override
        public void onClose(Status status, Metadata trailers) {
            synchronized (Call.this) {
                running = null;
            }
            try {
                if (!status.isOk()) {
                    failed(read(status, trailers), turn);
                } else if (answer == null) {
                    failed(Fault.contract(link.address, "an answer without a message"), turn);
                } else {
                    link.line.back();
                    link.line.budget.earn();
                    turn.release();
                    result.complete(answer);
                }
            } catch (RuntimeException bug) {
                // Whoever waits is to hear of it.
                result.completeExceptionally(bug);
            } finally {
                turn.release();
            }
        }

        private Fault read(Status status, Metadata trailers) {
            Fault fault = Statuses.read(status, trailers, fate, link.address);
            boolean timer =
                    switch (status.getCode()) {
                        case CANCELLED, DEADLINE_EXCEEDED -> true;
                        default -> false;
                    };
            boolean near = Clock.until(deadline).compareTo(NEAR) <= 0;
            boolean silent = fault.refusal().reason().isEmpty();
            if (fault.kind() == ErrorKind.DEADLINE_EXCEEDED || (timer && near && silent)) {
                return Fault.deadline(fault.outcome(), link.address, limits.deadline());
            }
            if (fault.kind() == ErrorKind.UNREACHABLE) {
                // Its own backoff would keep it from trying as soon as we do.
                link.renew(channel);
            }
            return fault;
        }
    }

    private void failed(Fault fault, Line.Turn turn) {
        if (fault.outcome() == Outcome.UNKNOWN) {
            outcome = Outcome.UNKNOWN;
        }
        if (fault.kind() == ErrorKind.DEADLINE_EXCEEDED && fault.outcome() != Outcome.UNKNOWN) {
            // The time was over before anything was sent.
            fail(why(fault));
            return;
        }
        last = fault;
        Again again = fault.again();
        switch (again.how()) {
            case WHEN_BACK -> {
                link.line.away(fault, again.delay());
                turn.release();
                if (limits.over(tries) || Clock.passed(deadline)) {
                    fail(fault);
                } else {
                    next();
                }
            }
            case AFTER -> {
                link.line.back();
                turn.release();
                Duration pause = again.delay().plus(Backoff.wait(tries, limits.deadline()));
                if (limits.over(tries) || Clock.until(deadline).compareTo(pause) <= 0) {
                    fail(fault);
                } else {
                    Background.after(pause, this::next);
                }
            }
            case NEVER -> {
                // A deadline that passed says nothing about the server.
                if (fault.kind() != ErrorKind.DEADLINE_EXCEEDED) {
                    link.line.back();
                }
                fail(fault);
            }
        }
    }

    private void fail(Fault fault) {
        result.completeExceptionally(fault.withOutcome(outcome).exception());
    }
}
