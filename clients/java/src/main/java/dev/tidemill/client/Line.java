package dev.tidemill.client;

import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.BooleanSupplier;

/**
 * What the callers of one address share. After a server was away (unreachable, connection lost,
 * UNAVAILABLE), callers stand in line and one of them at a time tries, after a backoff; when it is
 * answered, all others go. So an outage costs each call one failed try, not one for each backoff,
 * and new calls wait instead of failing.
 */
final class Line {
    /** Longest wait between two probes of a server that is away, and for the end of one. */
    private static final Duration PROBE_CAP = Duration.ofSeconds(1);

    final Budget budget = new Budget();
    final LongAdder calls = new LongAdder();
    final LongAdder attempts = new LongAdder();

    private final Duration longestTurn;
    private final ArrayDeque<Waiter> waiters = new ArrayDeque<>();
    private boolean taken;
    private Away away;

    /** A server that did not answer. */
    private record Away(int failures, long notBefore, Fault fault) {}

    /** Somebody in line, and whether they have given up meanwhile. */
    private record Waiter(CompletableFuture<Turn> turn, BooleanSupplier abandoned) {}

    /** The right to try; to be given up when the try is over, and lost if it takes long. */
    final class Turn {
        private final AtomicBoolean over;

        private Turn(boolean alone) {
            over = new AtomicBoolean(!alone);
        }

        void release() {
            if (!over.getAndSet(true)) {
                handOn();
            }
        }
    }

    Line() {
        this(PROBE_CAP);
    }

    /** Whoever tries for longer than this loses the turn, but goes on trying. */
    Line(Duration longestTurn) {
        this.longestTurn = longestTurn;
    }

    /**
     * Waits while the server is away. Whoever gets a turn must release it, even if it is too late.
     */
    CompletableFuture<Turn> enter(BooleanSupplier abandoned) {
        CompletableFuture<Turn> turn = new CompletableFuture<>();
        synchronized (this) {
            if (away == null) {
                return CompletableFuture.completedFuture(new Turn(false));
            }
            waiters.add(new Waiter(turn, abandoned));
            if (taken) {
                return turn;
            }
            taken = true;
        }
        handOn();
        return turn;
    }

    /** The server answered, whatever it said. */
    synchronized void back() {
        away = null;
    }

    /** The server was away for a try. */
    synchronized void away(Fault fault, Duration delay) {
        int failures = away == null ? 1 : away.failures + 1;
        Duration wait = delay.plus(Backoff.wait(failures, PROBE_CAP));
        away = new Away(failures, Clock.in(wait), fault);
    }

    /** Why the server is away. */
    synchronized Optional<Fault> why() {
        return Optional.ofNullable(away).map(Away::fault);
    }

    Stats stats() {
        return new Stats(calls.sum(), attempts.sum());
    }

    /** Gives the turn to the next one who still wants it; while the server is back, to all. */
    private void handOn() {
        while (true) {
            Waiter next;
            Duration wait;
            synchronized (this) {
                next = waiters.poll();
                if (next == null) {
                    taken = false;
                    return;
                }
                wait = away == null ? null : Clock.until(away.notBefore);
            }
            if (next.abandoned.getAsBoolean()) {
                continue;
            }
            if (wait != null) {
                Background.after(wait, () -> begin(next));
                return;
            }
            Waiter free = next;
            Background.POOL.execute(() -> free.turn.complete(new Turn(false)));
        }
    }

    private void begin(Waiter next) {
        if (next.abandoned.getAsBoolean()) {
            handOn();
            return;
        }
        Turn turn = new Turn(true);
        // A call that takes long by its nature, or a replica that hangs, must not keep the others
        // waiting behind it.
        Background.after(longestTurn, turn::release);
        next.turn.complete(turn);
    }
}
