package dev.tidemill.client;

import java.time.Duration;
import java.util.concurrent.Executor;
import java.util.concurrent.Future;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.SynchronousQueue;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Threads that all clients share. They are daemons, and end when they are idle: while a client is
 * open after a while, else at once.
 */
final class Background {
    private static final String PREFIX = "tidemill-";
    private static final Duration IDLE = Duration.ofMinutes(1);

    /** Not shorter: a timer that still waits for something looks again this often. */
    private static final Duration IDLE_AFTER_THE_LAST = Duration.ofMillis(20);

    private static final long LOOK_MILLIS = 2;

    private static final ScheduledThreadPoolExecutor TIMER = timer();
    private static final ThreadPoolExecutor CALLBACKS =
            new ThreadPoolExecutor(
                    0,
                    Integer.MAX_VALUE,
                    IDLE_AFTER_THE_LAST.toMillis(),
                    TimeUnit.MILLISECONDS,
                    new SynchronousQueue<>(),
                    threads("tidemill-callback"));

    /** Runs callbacks, which may be anybody's and may block. */
    static final Executor POOL = CALLBACKS;

    private static int clients;

    private Background() {}

    /** A client was opened. */
    static synchronized void enter() {
        clients++;
        keepIdle(IDLE);
    }

    /**
     * A client was closed. After the last one idle threads end, and what waits for its time goes on
     * at once, to find that its client is closed. What runs is not interrupted.
     */
    static synchronized void leave() {
        clients--;
        if (clients > 0) {
            return;
        }
        keepIdle(IDLE_AFTER_THE_LAST);
        for (Runnable waiting : TIMER.getQueue().toArray(new Runnable[0])) {
            if (TIMER.remove(waiting)) {
                waiting.run();
            }
        }
    }

    /** Waits until then at most for the threads to end, unless clients are open. */
    static void awaitEnd(long until) throws InterruptedException {
        while (isLeft() && !Clock.passed(until)) {
            Thread.sleep(LOOK_MILLIS);
        }
    }

    private static synchronized boolean isLeft() {
        return clients == 0 && TIMER.getPoolSize() + CALLBACKS.getPoolSize() > 0;
    }

    /** True on a thread that would wait for itself. */
    static boolean isHere() {
        return Thread.currentThread().getName().startsWith(PREFIX);
    }

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

    /** Threads that are idle hear of it. */
    private static void keepIdle(Duration time) {
        TIMER.setKeepAliveTime(time.toMillis(), TimeUnit.MILLISECONDS);
        CALLBACKS.setKeepAliveTime(time.toMillis(), TimeUnit.MILLISECONDS);
    }

    private static ScheduledThreadPoolExecutor timer() {
        ScheduledThreadPoolExecutor timer =
                new ScheduledThreadPoolExecutor(1, threads("tidemill-timer"));
        timer.setRemoveOnCancelPolicy(true);
        timer.setKeepAliveTime(IDLE_AFTER_THE_LAST.toMillis(), TimeUnit.MILLISECONDS);
        timer.allowCoreThreadTimeOut(true);
        return timer;
    }
}
