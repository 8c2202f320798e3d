package dev.tidemill.client;

import java.time.Duration;

/**
 * How one call is made.
 *
 * @param deadline longest time for all tries
 * @param tries most tries; 0: as many as the deadline allows
 */
record Limits(Duration deadline, int tries) {
    Limits withDeadline(Duration time) {
        return new Limits(time, tries);
    }

    boolean over(int made) {
        return tries > 0 && made >= tries;
    }
}
