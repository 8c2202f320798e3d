package dev.tidemill.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.grpc.Status;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(30)
class LineTest {
    private final List<CompletableFuture<Line.Turn>> turns = new ArrayList<>();
    private volatile boolean over;
    private Line line;

    /** Nobody waits for hours on threads that all tests share. */
    @AfterEach
    void leave() {
        over = true;
    }

    @BeforeEach
    void serverIsAway() {
        stand(new Line(Duration.ofHours(1)));
    }

    private void stand(Line where) {
        line = where;
        turns.clear();
        line.away(Details.refused(Status.Code.UNAVAILABLE), Duration.ZERO);
        for (int i = 0; i < 40; i++) {
            turns.add(line.enter(() -> over));
        }
    }

    /** Waits for a turn; one that was had is no longer among those that wait. */
    private Line.Turn next() {
        CompletableFuture.anyOf(turns.toArray(CompletableFuture[]::new)).join();
        List<CompletableFuture<Line.Turn>> had =
                turns.stream().filter(CompletableFuture::isDone).toList();
        assertEquals(1, had.size(), "one at a time");
        turns.removeAll(had);
        return had.get(0).join();
    }

    @Test
    void oneAtATimeTriesUntilTheServerIsBack() {
        next().release();
        next().release();
        Line.Turn third = next();
        line.back();
        third.release();
        turns.forEach(CompletableFuture::join);
        assertTrue(line.enter(() -> false).isDone(), "nobody waits any more");
    }

    @Test
    void whoTriesForLongLosesTheTurn() {
        stand(new Line(Duration.ofMillis(1)));
        turns.forEach(CompletableFuture::join);
    }
}
