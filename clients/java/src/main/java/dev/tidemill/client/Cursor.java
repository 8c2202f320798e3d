package dev.tidemill.client;

/** Where a watch stands in the log of one task: what it has seen, and whether the log is over. */
final class Cursor {
    private long lastSequence;
    private boolean finished;

    /** It took the place of another on the same stream. */
    private boolean restarted;

    /** Events of the other may still be on their way: they are no holes. */
    private boolean restarting;

    Cursor(long after) {
        lastSequence = after;
    }

    /** One that takes the place of another on the same stream. */
    static Cursor restarting(long after) {
        Cursor cursor = new Cursor(after);
        cursor.restarted = true;
        cursor.restarting = true;
        return cursor;
    }

    /** It is told to a new stream, which has nothing of it on its way. */
    void begin() {
        restarted = false;
        restarting = false;
    }

    boolean restarted() {
        return restarted;
    }

    long lastSequence() {
        return lastSequence;
    }

    boolean finished() {
        return finished;
    }

    /**
     * Moves on. False: an event that was seen before. A hole in the numbers is the server's error:
     * the log is complete or says what is not there.
     */
    boolean accept(Event event, String address) {
        long expected = lastSequence == Long.MAX_VALUE ? lastSequence : lastSequence + 1;
        long first = event instanceof Event.Truncated gap ? gap.fromSequence() : event.sequence();
        if (first > expected && restarting) {
            return false;
        }
        restarting = false;
        if (first > expected) {
            throw Fault.contract(
                            address,
                            "event %d came where %d was due, and nothing says why"
                                    .formatted(first, expected))
                    .exception();
        }
        // The result is sent even if the cursor is its own number.
        finished = event instanceof Event.Result;
        if (event.sequence() < expected && !finished) {
            return false;
        }
        lastSequence = Math.max(lastSequence, event.sequence());
        return true;
    }
}
