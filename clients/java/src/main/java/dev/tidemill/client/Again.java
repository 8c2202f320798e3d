package dev.tidemill.client;

import java.time.Duration;

/**
 * When the same call may be tried again.
 *
 * @param how whether, and on what it depends
 * @param delay not before this long
 */
record Again(How how, Duration delay) {
    static final Again NEVER = new Again(How.NEVER, Duration.ZERO);

    enum How {
        /** It would be of no use. */
        NEVER,
        /** When the server, which is away as a whole, is back. */
        WHEN_BACK,
        /** After the delay: only this call was refused. */
        AFTER
    }

    static Again whenBack(Duration delay) {
        return new Again(How.WHEN_BACK, delay);
    }

    static Again after(Duration delay) {
        return new Again(How.AFTER, delay);
    }
}
