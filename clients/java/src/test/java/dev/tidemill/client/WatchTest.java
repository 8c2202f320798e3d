package dev.tidemill.client;

import static dev.tidemill.client.TestServer.ended;
import static dev.tidemill.client.TestServer.running;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.tidemill.client.TestServer.Script;
import dev.tidemill.v1.TaskEvent;
import dev.tidemill.v1.Truncated;
import io.grpc.Status;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Flow;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(30)
class WatchTest {
    private TestServer server;
    private Client client;

    @BeforeEach
    void start() throws IOException {
        server = new TestServer();
        client = Client.connect(server.url());
    }

    @AfterEach
    void stop() {
        client.close();
        server.close();
    }

    private static List<Long> numbers(Iterable<Event> events) {
        List<Long> numbers = new ArrayList<>();
        events.forEach(event -> numbers.add(event.sequence()));
        return numbers;
    }

    @Test
    void goesOnAfterTheLastEventThroughEveryKindOfBreak() {
        server.scripts.add(Script.broken(Status.UNAVAILABLE.asRuntimeException(), running(1)));
        server.scripts.add(Script.of());
        server.scripts.add(Script.of(running(2), running(2), running(3)));
        server.scripts.add(Script.broken(Status.INTERNAL.asRuntimeException()));
        server.scripts.add(Script.of(ended(4)));
        AtomicInteger breaks = new AtomicInteger();
        Watch watch = client.watch("T1").onBreak(error -> breaks.incrementAndGet());
        assertEquals(List.of(1L, 2L, 3L, 4L), numbers(watch));
        assertEquals(List.of(0L, 1L, 1L, 3L, 3L), server.cursors);
        assertEquals(4, breaks.get());
        assertEquals(4, watch.lastSequence());
    }

    @Test
    void aConsideredRefusalEndsIt() {
        server.scripts.add(
                Script.broken(
                        Details.status(
                                Status.Code.NOT_FOUND, Details.info("TASK_NOT_FOUND", Map.of()))));
        Watch watch = client.watch("T1");
        TidemillException error = assertThrows(TidemillException.class, watch::hasNext);
        assertEquals("TASK_NOT_FOUND", error.getReasonName());
        assertEquals(1, server.cursors.size());
        assertFalse(watch.hasNext());
    }

    @Test
    void aHoleInTheNumbersIsAnErrorUnlessItIsNamed() {
        server.scripts.add(Script.of(running(1), running(3)));
        Watch watch = client.watch("T1");
        assertEquals(1, watch.next().sequence());
        TidemillException error = assertThrows(TidemillException.class, watch::next);
        assertEquals(ErrorKind.CONTRACT, error.getKind());
        Truncated gap = Truncated.newBuilder().setFromSequence(1).setToSequence(5).build();
        TaskEvent truncated = TaskEvent.newBuilder().setSequence(5).setTruncated(gap).build();
        server.scripts.add(Script.of(truncated, ended(6)));
        assertEquals(List.of(5L, 6L), numbers(client.watch("T1")));
    }

    @Test
    void theResultComesEvenBehindTheCursor() {
        server.scripts.add(Script.of(ended(4)));
        assertEquals(TaskState.SUCCEEDED, client.watch("T1").after(4).result().state());
        assertEquals(List.of(4L), server.cursors);
    }

    @Test
    void givesUpWhereNobodyEverAnswered() {
        server.close();
        try (Client lost = Client.builder(server.url()).maxTries(2).build()) {
            Watch watch = lost.watch("T1");
            TidemillException error = assertThrows(TidemillException.class, watch::next);
            assertEquals(ErrorKind.UNREACHABLE, error.getKind());
        }
    }

    /** Others may stand in it, and the server may have asked for an hour's patience. */
    @Test
    void theWaitInLineHasALimit() {
        try (Client hasty = Client.builder(server.url()).timeout(Duration.ofMillis(100)).build()) {
            Fault away =
                    Details.refused(Status.Code.UNAVAILABLE, Details.info("DRAINING", Map.of()));
            hasty.shared().results.line.away(away, Duration.ofHours(1));
            Watch watch = hasty.watch("T1");
            TidemillException error = assertThrows(TidemillException.class, watch::next);
            assertEquals("DRAINING", error.getReasonName());
            assertEquals(List.of(), server.cursors);
        }
    }

    @Test
    void aCloseEndsAWaitForTheServer() throws Exception {
        // Longer than the server asks to wait for.
        try (Client patient = Client.builder(server.url()).timeout(Duration.ofDays(1)).build()) {
            server.scripts.add(
                    Script.broken(
                            Details.status(
                                    Status.Code.UNAVAILABLE,
                                    Details.info("DRAINING", Map.of()),
                                    Details.retryInfo(3_600))));
            Watch watch = patient.watch("T1");
            CompletableFuture<Boolean> more = CompletableFuture.supplyAsync(watch::hasNext);
            server.watched.acquire();
            assertFalse(more.isDone());
            watch.close();
            assertFalse(more.get());
        }
    }

    @Test
    void aCloseEndsAWaitForAnEvent() throws Exception {
        server.scripts.add(Script.open());
        Watch watch = client.watch("T1");
        CompletableFuture<Boolean> more = CompletableFuture.supplyAsync(watch::hasNext);
        server.watched.acquire();
        assertFalse(more.isDone());
        watch.close();
        assertFalse(more.get());
    }

    /** A server that is newer than this client. */
    @Test
    void anEventThatThisVersionDoesNotKnowKeepsItsNumber() {
        TaskEvent news = TaskEvent.newBuilder().setSequence(1).build();
        server.scripts.add(Script.of(news, running(2), ended(3)));
        List<Event> events = new ArrayList<>();
        client.watch("T1").forEach(events::add);
        assertEquals(List.of(1L, 2L, 3L), events.stream().map(Event::sequence).toList());
        assertTrue(events.get(0) instanceof Event.Unknown, events::toString);
    }

    @Test
    void aSubscriberGetsWhatItAsksFor() throws Exception {
        server.scripts.add(Script.of(running(1), running(2), ended(3)));
        List<Long> seen = new ArrayList<>();
        CompletableFuture<Void> done = new CompletableFuture<>();
        Flow.Subscriber<Event> oneByOne =
                new Flow.Subscriber<>() {
                    private Flow.Subscription subscription;

                    @Override
                    public void onSubscribe(Flow.Subscription given) {
                        subscription = given;
                        given.request(1);
                    }

                    @Override
                    public void onNext(Event event) {
                        seen.add(event.sequence());
                        subscription.request(1);
                    }

                    @Override
                    public void onError(Throwable error) {
                        done.completeExceptionally(error);
                    }

                    @Override
                    public void onComplete() {
                        done.complete(null);
                    }
                };
        client.watch("T1").publisher().subscribe(oneByOne);
        done.get();
        assertEquals(List.of(1L, 2L, 3L), seen);
    }
}
