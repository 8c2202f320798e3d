package dev.tidemill.client;

import java.time.Duration;

/** A point in monotonic time, in nanoseconds of {@link System#nanoTime}. */
final class Clock {
    /** About a century: what is longer is for ever, and must not overflow. */
    static final Duration FOREVER = Duration.ofDays(36_500);

    private Clock() {}

    /** Between nothing and for ever. */
    static Duration bounded(Duration duration) {
        if (duration.isNegative()) {
            return Duration.ZERO;
        }
        return duration.compareTo(FOREVER) > 0 ? FOREVER : duration;
    }

    static long nanos(Duration duration) {
        return bounded(duration).toNanos();
    }

    /** The point this long from now. */
    static long in(Duration duration) {
        return System.nanoTime() + nanos(duration);
    }

    /** How long until then; never negative. */
    static Duration until(long point) {
        return Duration.ofNanos(Math.max(0, point - System.nanoTime()));
    }

    static boolean passed(long point) {
        return point - System.nanoTime() <= 0;
    }

    static Duration since(long point) {
        return Duration.ofNanos(System.nanoTime() - point);
    }
}
