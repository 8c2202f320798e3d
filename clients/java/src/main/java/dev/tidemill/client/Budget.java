package dev.tidemill.client;

import java.time.Duration;
import java.util.concurrent.CompletableFuture;

/**
 * Tokens for retries, so that retries are at most 1.2 times the calls in the long run, however many
 * callers there are. An empty budget makes callers wait, not fail: it also fills slowly by itself.
 */
final class Budget {
    /** A retry costs five fifths, an answered call earns one. */
    private static final int COST = 5;

    /** A burst of a hundred retries. */
    private static final int MOST = 100 * COST;

    /** Ten retries a second are free. */
    private static final Duration REFILL = Duration.ofMillis(100);

    private long fifths = MOST;
    private long filled = System.nanoTime();

    /** Done once a token was taken. */
    CompletableFuture<Void> take() {
        CompletableFuture<Void> taken = new CompletableFuture<>();
        take(taken);
        return taken;
    }

    private void take(CompletableFuture<Void> taken) {
        Duration wait = tryTake();
        if (wait == null) {
            taken.complete(null);
        } else {
            Background.after(wait, () -> take(taken));
        }
    }

    /** How long until there may be a token; null: it was taken. */
    private synchronized Duration tryTake() {
        long whole = (System.nanoTime() - filled) / REFILL.toNanos();
        fifths = Math.min(MOST, fifths + whole * COST);
        filled += whole * REFILL.toNanos();
        if (fifths < COST) {
            return Clock.until(filled + REFILL.toNanos());
        }
        fifths -= COST;
        return null;
    }

    synchronized void earn() {
        fifths = Math.min(MOST, fifths + 1);
    }
}
