package dev.tidemill.client;

import io.grpc.ManagedChannel;
import io.grpc.MethodDescriptor;
import java.time.Duration;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;

/**
 * Opens streams of the results role, in line with everybody else who finds it away. The deadline is
 * for opening only: once for the wait in line, and once for the answer.
 */
final class Opener {
    private final Link link;
    private final Duration limit;
    private final CompletableFuture<Void> closed;

    /** Whoever completes {@code closed} makes {@link #open} give up. */
    Opener(Shared shared, CompletableFuture<Void> closed) {
        this.link = shared.results;
        this.limit = shared.limits.deadline();
        this.closed = closed;
    }

    /** What to do with a stream that was just made, and with other things that come meanwhile. */
    interface Begin<Q, A> {
        void accept(StreamCall<Q, A> stream);
    }

    /**
     * A stream that the server has taken; null: closed meanwhile. What comes of it goes to the
     * inbox, and what else comes there, to {@code other}.
     */
    <Q, A> StreamCall<Q, A> open(
            MethodDescriptor<Q, A> method,
            BlockingQueue<Object> inbox,
            Begin<Q, A> begin,
            Consumer<Object> other)
            throws InterruptedException {
        Line.Turn turn = turn();
        if (turn == null) {
            return null;
        }
        try {
            ManagedChannel channel = link.channel();
            StreamCall<Q, A> stream = new StreamCall<>(channel, method, link.address);
            Fault fault;
            boolean opened = false;
            try {
                stream.start(inbox::add);
                begin.accept(stream);
                fault = first(stream, inbox, other);
                opened = fault == null;
            } finally {
                if (!opened) {
                    stream.cancel("not opened");
                }
            }
            if (closed.isDone()) {
                stream.cancel("closed");
                return null;
            }
            if (fault == null) {
                link.line.back();
                return stream;
            }
            note(fault, channel);
            throw fault.exception();
        } finally {
            turn.release();
        }
    }

    private void note(Fault fault, ManagedChannel channel) {
        if (fault.kind() == ErrorKind.UNREACHABLE) {
            link.renew(channel);
        }
        Again again = fault.resume();
        if (again.how() == Again.How.WHEN_BACK) {
            link.line.away(fault, again.delay());
        } else {
            link.line.back();
        }
    }

    /** Null: closed meanwhile. */
    private Line.Turn turn() throws InterruptedException {
        AtomicBoolean gone = new AtomicBoolean();
        CompletableFuture<Line.Turn> turn = link.line.enter(gone::get);
        boolean mine = false;
        try {
            CompletableFuture.anyOf(turn, closed).get(Clock.nanos(limit), TimeUnit.NANOSECONDS);
            mine = turn.isDone() && !closed.isDone();
            return mine ? turn.get() : null;
        } catch (TimeoutException late) {
            Fault none = Fault.deadline(Outcome.NOT_APPLIED, link.address, limit);
            throw link.line.why().orElse(none).exception();
        } catch (ExecutionException never) {
            throw new IllegalStateException(never);
        } finally {
            if (!mine) {
                gone.set(true);
                turn.thenAccept(Line.Turn::release);
            }
        }
    }

    /** Null: it was opened. A stream that ends at once in order counts as opened, too. */
    private Fault first(
            StreamCall<?, ?> stream, BlockingQueue<Object> inbox, Consumer<Object> other)
            throws InterruptedException {
        long deadline = Clock.in(limit);
        while (!closed.isDone()) {
            long left = Clock.until(deadline).toNanos();
            Object next = inbox.poll(left, TimeUnit.NANOSECONDS);
            if (next == null) {
                return Fault.deadline(Outcome.NOT_APPLIED, link.address, limit);
            }
            if (next instanceof StreamCall.Opened signal && signal.of() == stream) {
                return null;
            }
            if (next instanceof StreamCall.Closed signal && signal.of() == stream) {
                if (signal.fault() == null) {
                    inbox.add(signal);
                }
                return signal.fault();
            }
            if (!(next instanceof StreamCall.Signal)) {
                other.accept(next);
            }
        }
        return null;
    }
}
