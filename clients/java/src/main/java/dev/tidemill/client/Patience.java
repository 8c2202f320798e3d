package dev.tidemill.client;

import java.time.Duration;

/** For how long the breaks of a watch are borne. */
final class Patience {
    static final Duration DEFAULT_GIVE_UP_AFTER = Duration.ofMinutes(5);

    /** A stream that lived this long was a good one, even if the task had nothing to say. */
    private static final Duration STEADY = Duration.ofSeconds(5);

    /** Longest wait before a stream is opened again. */
    private static final Duration MAX_BACKOFF = Duration.ofSeconds(5);

    private final Limits first;
    Duration giveUpAfter = DEFAULT_GIVE_UP_AFTER;
    private boolean established;
    private long brokenSince;
    private int failures;

    /** The limits count before the first stream: the address may be wrong. */
    Patience(Limits first) {
        this.first = first;
    }

    /** A stream was opened: the address is right. */
    void establish() {
        established = true;
    }

    boolean established() {
        return established;
    }

    /** Something came. */
    void restore() {
        failures = 0;
    }

    /**
     * How long to wait before the next stream; or throws the error: at once where the server means
     * it, else when the time for it is over.
     *
     * @param stream the one that broke; null if none could be had
     */
    Duration bear(Fault fault, StreamCall<?, ?> stream) {
        Again again = fault.resume();
        if (again.how() == Again.How.NEVER) {
            throw fault.exception();
        }
        if (stream != null && Clock.since(stream.since()).compareTo(STEADY) >= 0) {
            restore();
        }
        if (failures == 0) {
            brokenSince = System.nanoTime();
        }
        failures++;
        Duration pause = again.delay().plus(Backoff.wait(failures, MAX_BACKOFF));
        Duration limit = established ? giveUpAfter : first.deadline();
        boolean tooOften = !established && first.over(failures);
        if (tooOften || Clock.since(brokenSince).plus(pause).compareTo(limit) > 0) {
            throw fault.exception();
        }
        return pause;
    }
}
