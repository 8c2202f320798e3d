package dev.tidemill.client;

import static dev.tidemill.client.TestServer.ended;
import static dev.tidemill.client.TestServer.running;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.tidemill.client.TestServer.Script;
import dev.tidemill.v1.TaskEvent;
import dev.tidemill.v1.Truncated;
import dev.tidemill.v1.WatchResultsResponse;
import dev.tidemill.v1.WatchTarget;
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
        ClientBuilder builder = Client.builder(server.url()).timeout(Duration.ofMillis(300));
        try (Client lost = builder.build()) {
            Watch watch = lost.watch("T1");
            TidemillException error = assertThrows(TidemillException.class, watch::next);
            assertEquals(ErrorKind.UNREACHABLE, error.getKind());
        }
    }

    @Test
    void aCloseEndsAWaitInAnotherThread() throws Exception {
        server.close();
        try (Client patient = Client.builder(server.url()).timeout(Duration.ofMinutes(5)).build()) {
            Watch watch = patient.watch("T1");
            CompletableFuture<Boolean> more = CompletableFuture.supplyAsync(watch::hasNext);
            Thread.sleep(300);
            assertFalse(more.isDone());
            watch.close();
            assertFalse(more.get());
        }
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

    @Test
    void manyTasksGoOnFromTheirOwnNumbers() {
        server.many.add(List.of(of("A", running(1)), of("B", running(5))));
        server.many.add(
                List.of(
                        of("B", ended(6)),
                        WatchResultsResponse.newBuilder()
                                .setTaskId("C")
                                .setError(
                                        com.google.rpc.Status.newBuilder()
                                                .setCode(5)
                                                .setMessage("?"))
                                .build(),
                        of("A", ended(2))));
        List<String> seen = new ArrayList<>();
        try (WatchMany watch = client.watchMany()) {
            watch.add("A", 0);
            watch.add("B", 4);
            watch.add("C", 0);
            watch.finish();
            for (Watched watched : watch) {
                String what =
                        watched.event()
                                .map(event -> "" + event.sequence())
                                .orElseGet(
                                        () -> watched.error().orElseThrow().getCode().toString());
                seen.add(watched.taskId() + " " + what);
            }
        }
        assertEquals(List.of("A 1", "B 5", "B 6", "C Optional[NOT_FOUND]", "A 2"), seen);
        List<Long> cursors =
                server.asked.get(1).getAddList().stream()
                        .map(WatchTarget::getAfterSequence)
                        .sorted()
                        .toList();
        assertEquals(List.of(0L, 1L, 5L), cursors);
    }

    private static WatchResultsResponse of(String taskId, TaskEvent event) {
        return WatchResultsResponse.newBuilder().setTaskId(taskId).setEvent(event).build();
    }
}
