package dev.tidemill.client;

import dev.tidemill.v1.WorkRequest;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;

/**
 * What handlers say, on its way to the session. Progress and chunks have a bound: more wait in
 * their handlers. How an attempt ends never waits, and comes after what was said before.
 */
final class Reports {
    private static final int MOST = 256;
    private static final long LOOK_MILLIS = 200;

    private final ConcurrentLinkedQueue<Report> queue = new ConcurrentLinkedQueue<>();
    private final Semaphore room = new Semaphore(MOST);
    private final Runnable wake;

    /** Something that a handler says; {@code settles}: it ends the attempt. */
    record Report(String token, WorkRequest message, boolean settles) {}

    /** {@code wake} is called after each report, on the thread of the handler. */
    Reports(Runnable wake) {
        this.wake = wake;
    }

    void settle(String token, WorkRequest message) {
        queue.add(new Report(token, message, true));
        wake.run();
    }

    /** False: there was no room. */
    boolean offer(String token, WorkRequest message) {
        if (!room.tryAcquire()) {
            return false;
        }
        queue.add(new Report(token, message, false));
        wake.run();
        return true;
    }

    /** Waits for room. False: over meanwhile. */
    boolean put(String token, WorkRequest message, BooleanSupplier over)
            throws InterruptedException {
        while (!over.getAsBoolean()) {
            if (room.tryAcquire(LOOK_MILLIS, TimeUnit.MILLISECONDS)) {
                queue.add(new Report(token, message, false));
                wake.run();
                return true;
            }
        }
        return false;
    }

    /** The next one; null: none. */
    Report poll() {
        Report next = queue.poll();
        if (next != null && !next.settles) {
            room.release();
        }
        return next;
    }
}
