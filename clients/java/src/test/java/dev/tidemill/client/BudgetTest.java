package dev.tidemill.client;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(10)
class BudgetTest {
    @Test
    void boundsRetriesAndFillsAgain() {
        Budget budget = new Budget();
        for (int i = 0; i < 100; i++) {
            assertTrue(budget.take().isDone(), "a burst is free");
        }
        long begun = System.nanoTime();
        var waiting = budget.take();
        assertFalse(waiting.isDone(), "an empty budget waits");
        waiting.join();
        budget.take().join();
        budget.take().join();
        assertTrue(Clock.since(begun).compareTo(Duration.ofMillis(180)) >= 0);
        for (int i = 0; i < 5; i++) {
            budget.earn();
        }
        assertTrue(budget.take().isDone(), "five answered calls pay for a retry");
    }

    @Test
    void backoffGrowsAndStaysBelowItsBound() {
        for (long[] expected : new long[][] {{1, 100}, {2, 200}, {3, 400}, {40, 1_000}}) {
            Duration bound = Duration.ofMillis(expected[1]);
            var samples =
                    Stream.generate(() -> Backoff.wait((int) expected[0], Duration.ofSeconds(1)))
                            .limit(200)
                            .toList();
            assertTrue(samples.stream().allMatch(wait -> wait.compareTo(bound) <= 0));
            assertTrue(
                    samples.stream().anyMatch(wait -> wait.compareTo(bound.dividedBy(2)) > 0),
                    "jitter uses the whole range");
        }
    }
}
