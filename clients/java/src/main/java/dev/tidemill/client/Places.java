package dev.tidemill.client;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/**
 * How many tasks may be held at a time. A handler that was stopped and does not end keeps its place
 * meanwhile: a worker full of them must not be given tasks, nor look healthy.
 */
final class Places {
    /** A handler that ends this soon after it was stopped was never in the way. */
    private static final Duration PATIENCE = Duration.ofSeconds(1);

    private static final Duration MAX_PAUSE = Duration.ofSeconds(5);

    private final int all;
    private final List<Stopped> stopped = new ArrayList<>();
    private int rejections;
    private long pausedUntil;

    private record Stopped(Job job, long stuckAt) {}

    Places(int all) {
        this.all = all;
    }

    void stop(Job job) {
        job.stop();
        if (!job.isOver()) {
            stopped.add(new Stopped(job, Clock.in(PATIENCE)));
        }
    }

    /** The executor took a handler. */
    void taken() {
        rejections = 0;
    }

    /** It did not: there is no use in more for a while. */
    void rejected() {
        rejections++;
        Duration pause = Duration.ofMillis(500).plus(Backoff.wait(rejections, MAX_PAUSE));
        pausedUntil = Clock.in(pause);
    }

    /** Places kept by handlers that were stopped and did not end. */
    int stuck() {
        stopped.removeIf(entry -> entry.job.isOver());
        return (int) stopped.stream().filter(entry -> Clock.passed(entry.stuckAt)).count();
    }

    /** Tasks that may be held now. */
    int free() {
        boolean paused = rejections > 0 && !Clock.passed(pausedUntil);
        return paused ? 0 : Math.max(0, all - stuck());
    }
}
