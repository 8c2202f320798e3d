package dev.tidemill.client;

import java.time.Duration;
import java.util.concurrent.Executor;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/** Threads that all clients share. They are daemons, and end by themselves when idle. */
final class Background {
    private static final ScheduledThreadPoolExecutor TIMER = timer();

    /** Runs callbacks, which may be anybody's and may block. */
    static final Executor POOL = Executors.newCachedThreadPool(threads("tidemill-callback"));

    private Background() {}

    /** Does it on a callback thread after this long. */
    static Future<?> after(Duration delay, Runnable what) {
        return TIMER.schedule(() -> POOL.execute(what), Clock.nanos(delay), TimeUnit.NANOSECONDS);
    }

    static ThreadFactory threads(String name) {
        AtomicInteger number = new AtomicInteger();
        return task -> {
            Thread thread = new Thread(task, name + "-" + number.incrementAndGet());
            thread.setDaemon(true);
            return thread;
        };
    }

    private static ScheduledThreadPoolExecutor timer() {
        ScheduledThreadPoolExecutor timer =
                new ScheduledThreadPoolExecutor(1, threads("tidemill-timer"));
        timer.setRemoveOnCancelPolicy(true);
        timer.setKeepAliveTime(10, TimeUnit.SECONDS);
        timer.allowCoreThreadTimeOut(true);
        return timer;
    }
}
