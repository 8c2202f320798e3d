package dev.tidemill.client;

import java.time.Duration;
import java.util.concurrent.ThreadLocalRandom;

/** Random waits that grow. */
final class Backoff {
    private static final long BASE_MILLIS = 100;
    private static final int MOST_DOUBLINGS = 30;

    private Backoff() {}

    /**
     * A random wait after this many failures, between 0 and the smaller of {@code cap} and 100 ms
     * doubled with each failure but the first.
     */
    static Duration wait(int failures, Duration cap) {
        int doublings = Math.min(Math.max(failures - 1, 0), MOST_DOUBLINGS);
        Duration bound = Duration.ofMillis(BASE_MILLIS << doublings);
        long nanos = Clock.nanos(bound.compareTo(cap) < 0 ? bound : cap);
        return Duration.ofNanos((long) (nanos * ThreadLocalRandom.current().nextDouble()));
    }
}
