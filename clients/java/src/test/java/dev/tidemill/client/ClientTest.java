package dev.tidemill.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.grpc.Status;
import java.io.IOException;
import java.net.ServerSocket;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(30)
class ClientTest {
    private static final Task TASK = Task.builder("a").build();
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

    @Test
    void triesUntilAnsweredAndKeepsTheKey() {
        for (int i = 0; i < 4; i++) {
            server.refusals.add(Details.away("not_applied"));
        }
        assertEquals("T5", client.enqueue(TASK).taskId());
        assertEquals(new Stats(1, 5), client.stats());
        String key = server.enqueued.get(0).getIdempotencyKey();
        assertFalse(key.isEmpty());
        server.enqueued.forEach(request -> assertEquals(key, request.getIdempotencyKey()));
        client.enqueue(TASK);
        assertNotEquals(key, server.enqueued.get(5).getIdempotencyKey(), "a key for each call");
        client.enqueue(Task.builder("a").idempotencyKey("mine").build());
        assertEquals("mine", server.enqueued.get(6).getIdempotencyKey());
        assertEquals(List.of(), server.endless, "every try has a deadline");
    }

    @Test
    void theLimitOfTriesHoldsAndTheErrorHasTheKey() {
        for (int i = 0; i < 9; i++) {
            server.refusals.add(Details.away("not_applied"));
        }
        try (Client careful = Client.builder(server.url()).maxTries(3).build()) {
            TidemillException error =
                    assertThrows(TidemillException.class, () -> careful.enqueue(TASK));
            assertEquals(3, server.enqueued.size());
            assertEquals(Outcome.NOT_APPLIED, error.getOutcome());
            assertEquals("STORE_UNAVAILABLE", error.getReasonName());
            String key = server.enqueued.get(0).getIdempotencyKey();
            assertEquals(Optional.of(key), error.getIdempotencyKey());
        }
    }

    @Test
    void oneUnknownTryMakesTheOutcomeUnknown() {
        server.refusals.add(Details.away("unknown"));
        server.refusals.add(
                Details.status(
                        Status.Code.INVALID_ARGUMENT,
                        Details.info("INVALID_REQUEST", Map.of("outcome", "not_applied"))));
        TidemillException error = assertThrows(TidemillException.class, () -> client.enqueue(TASK));
        assertEquals(Outcome.UNKNOWN, error.getOutcome());
        assertEquals(2, server.enqueued.size());
    }

    @Test
    void theServerSaysWhen() {
        var full = Details.info("QUEUE_FULL", Map.of());
        server.refusals.add(
                Details.status(Status.Code.RESOURCE_EXHAUSTED, full, Details.retryInfo(1)));
        long begun = System.nanoTime();
        client.enqueue(TASK);
        assertTrue(Clock.since(begun).compareTo(Duration.ofSeconds(1)) >= 0);
        server.refusals.add(Details.status(Status.Code.RESOURCE_EXHAUSTED, full));
        assertThrows(TidemillException.class, () -> client.enqueue(TASK));
        assertEquals(3, server.enqueued.size(), "no RetryInfo, no retry");
        server.refusals.add(
                Details.status(Status.Code.RESOURCE_EXHAUSTED, full, Details.retryInfo(60)));
        TidemillException late = assertThrows(TidemillException.class, () -> client.enqueue(TASK));
        assertEquals(Optional.of(Duration.ofMinutes(1)), late.getRetryAfter());
    }

    @Test
    void theDeadlineHoldsForAServerThatSaysNothing() {
        server.mute = true;
        try (Client hasty = Client.builder(server.url()).timeout(Duration.ofSeconds(2)).build()) {
            hasty.result("T1");
            TidemillException error =
                    assertThrows(TidemillException.class, () -> hasty.enqueue(TASK));
            assertEquals(ErrorKind.DEADLINE_EXCEEDED, error.getKind());
            assertEquals(Outcome.UNKNOWN, error.getOutcome());
            assertTrue(error.getMessage().contains("within 2.0 s"), error.getMessage());
        }
    }

    /** Of a retry, less time is left: the server must not hold its answer back beyond it. */
    @Test
    void aRetryOfALongPollWaitsForWhatIsLeft() {
        server.resultState = dev.tidemill.v1.TaskState.TASK_STATE_SUCCEEDED_VALUE;
        server.resultRefusals.add(
                Details.status(
                        Status.Code.UNAVAILABLE,
                        Details.info("DRAINING", Map.of()),
                        Details.retryInfo(1)));
        Duration wait = Duration.ofSeconds(5);
        assertEquals(TaskState.SUCCEEDED, client.await("T1", wait).state());
        List<Duration> waits =
                server.results.stream().map(request -> Protos.duration(request.getWait())).toList();
        assertEquals(2, waits.size());
        assertTrue(waits.get(0).compareTo(wait) <= 0, waits::toString);
        assertTrue(waits.get(1).compareTo(wait.minusSeconds(1)) <= 0, waits::toString);
    }

    @Test
    void aProbeThatHangsDoesNotHoldUpTheOthers() throws InterruptedException {
        server.refusals.add(Details.away("not_applied"));
        server.hang.set(1);
        ClientBuilder builder = Client.builder(server.url()).timeout(Duration.ofMinutes(5));
        try (Client patient = builder.build()) {
            CompletableFuture<Enqueued> hangs = patient.async().enqueue(TASK);
            server.hung.acquire();
            assertEquals(TaskState.QUEUED, patient.enqueue(TASK).state());
            hangs.cancel(true);
        }
    }

    /** Why it could not be reached says more than that the time was over. */
    @Test
    void aCallWithoutTimeForATryTellsWhyTheServerIsAway() {
        ClientBuilder builder = Client.builder(server.url()).timeout(Duration.ofMillis(1));
        try (Client hasty = builder.build()) {
            Fault away = Fault.of(ErrorKind.UNREACHABLE, Outcome.NOT_APPLIED, server.url(), "m");
            hasty.shared().gateway.line.away(away, Duration.ZERO);
            TidemillException error =
                    assertThrows(TidemillException.class, () -> hasty.enqueue(TASK));
            assertEquals(ErrorKind.UNREACHABLE, error.getKind());
            assertEquals(Outcome.NOT_APPLIED, error.getOutcome());
            assertEquals(List.of(), server.enqueued);
        }
    }

    @Test
    void aWrongAddressIsNamedInOneLine() throws IOException {
        int port;
        try (ServerSocket free = new ServerSocket(0)) {
            port = free.getLocalPort();
        }
        try (Client lost = Client.builder("127.0.0.1:" + port).maxTries(2).build()) {
            TidemillException error =
                    assertThrows(TidemillException.class, () -> lost.enqueue(TASK));
            assertEquals(ErrorKind.UNREACHABLE, error.getKind());
            assertEquals(Outcome.NOT_APPLIED, error.getOutcome());
            String text = error.getMessage();
            assertTrue(text.startsWith("cannot reach http://127.0.0.1:" + port + ": "), text);
            assertTrue(text.contains("refused") && !text.contains("\n"), text);
        }
    }

    @Test
    void addressesThatAreNoneAreRefused() {
        for (String url : List.of("", "ftp://a", "http://a b", "http://")) {
            TidemillException error =
                    assertThrows(TidemillException.class, () -> Client.connect(url));
            assertEquals(ErrorKind.INVALID, error.getKind());
            assertTrue(error.getMessage().contains("`" + url + "`"), error.getMessage());
        }
        assertEquals("http://localhost:7440", Link.normalized("localhost:7440"));
        assertEquals("https://a:1", Link.normalized("https://a:1/"));
        ClientBuilder secret = Client.builder("a:1").token("sec\nret");
        TidemillException error = assertThrows(TidemillException.class, secret::build);
        assertFalse(error.getMessage().contains("sec"), "a token never shows");
    }

    @Test
    void aClosedClientSaysSo() {
        client.close();
        TidemillException error = assertThrows(TidemillException.class, () -> client.enqueue(TASK));
        assertEquals(ErrorKind.INVALID, error.getKind());
    }

    @Test
    void anInterruptEndsACallAndStays() {
        server.mute = true;
        Thread.currentThread().interrupt();
        assertThrows(CancellationException.class, () -> client.enqueue(TASK));
        assertTrue(Thread.interrupted());
    }

    @Test
    void anUnknownStateOfANewerServerIsNoError() {
        assertEquals(TaskState.UNKNOWN, client.result("T1").state());
    }

    @Test
    void callsOutliveAnOutage() {
        server.outage = true;
        List<CompletableFuture<Enqueued>> calls = new ArrayList<>();
        for (int i = 0; i < 40; i++) {
            calls.add(client.async().enqueue(TASK));
        }
        server.outage = false;
        calls.forEach(call -> assertEquals(TaskState.QUEUED, call.join().state()));
        assertEquals(40, client.stats().calls());
    }

    @Test
    void aBatchIsSplitAndWhatIsRefusedForTheMomentIsSentAgain() {
        server.refusals.add(Details.away("not_applied"));
        server.refusals.add(
                Details.status(
                        Status.Code.INVALID_ARGUMENT, Details.info("INVALID_REQUEST", Map.of())));
        List<Task> tasks = new ArrayList<>();
        for (int i = 0; i < 1_001; i++) {
            tasks.add(Task.ofText("a", "number " + i));
        }
        List<BatchOutcome> outcomes = client.enqueueBatch(tasks);
        assertEquals(1_001, outcomes.size());
        assertEquals(List.of(1_000, 1, 1), server.batches);
        assertTrue(outcomes.get(0).enqueued().isPresent());
        TidemillException refused = outcomes.get(1).error().orElseThrow();
        assertEquals("INVALID_REQUEST", refused.getReasonName());
        String key = server.enqueued.get(1).getIdempotencyKey();
        assertEquals(Optional.of(key), refused.getIdempotencyKey());
        assertTrue(outcomes.get(1_000).enqueued().isPresent());
        assertEquals(List.of(), client.enqueueBatch(List.of()));
    }

    @Test
    void anEntryThatMayHaveBeenStoredOnceStaysUnknown() {
        server.refusals.add(Details.away("unknown"));
        server.refusals.add(
                Details.status(
                        Status.Code.INVALID_ARGUMENT,
                        Details.info("INVALID_REQUEST", Map.of("outcome", "not_applied"))));
        var outcome = client.enqueueBatch(List.of(TASK)).get(0).error().orElseThrow();
        assertEquals("INVALID_REQUEST", outcome.getReasonName());
        assertEquals(Outcome.UNKNOWN, outcome.getOutcome());
        assertEquals(List.of(1, 1), server.batches);
    }

    @Test
    void theEnvironmentNamesTheAddresses() {
        Map<String, String> all =
                Map.of(
                        "TIDEMILL_URL", "main:1",
                        "TIDEMILL_RESULTS_URL", "results:2",
                        "TIDEMILL_WORKER_URL", "https://worker:3");
        try (Client named = ClientBuilder.of(all::get).build()) {
            assertEquals("http://main:1", named.shared().gateway.address);
            assertEquals("http://results:2", named.shared().results.address);
            assertEquals("https://worker:3", named.shared().worker.address);
        }
        for (Map<String, String> none :
                List.of(Map.<String, String>of(), Map.of("TIDEMILL_URL", ""))) {
            try (Client unnamed = ClientBuilder.of(none::get).build()) {
                assertEquals(Client.DEFAULT_URL, unnamed.shared().gateway.address);
                assertSame(unnamed.shared().gateway, unnamed.shared().worker);
            }
        }
        Map<String, String> wrong = Map.of("TIDEMILL_URL", "ftp://a");
        ClientBuilder refused = ClientBuilder.of(wrong::get);
        TidemillException error = assertThrows(TidemillException.class, refused::build);
        assertTrue(error.getMessage().contains("`ftp://a`"), error.getMessage());
    }

    @Test
    void theNearestTraceContextWins() {
        ClientBuilder builder = Client.builder(server.url());
        builder.traceContext(() -> Optional.of(new TraceContext("span")));
        try (Client traced = builder.build()) {
            TraceContext.enter(new TraceContext("handler"));
            traced.enqueue(TASK);
            traced.enqueue(Task.builder("a").traceContext(new TraceContext("own")).build());
            client.enqueue(TASK);
            TraceContext.enter(null);
        }
        client.enqueue(TASK);
        List<String> found =
                server.enqueued.stream()
                        .map(request -> request.getTraceContext().getTraceparent())
                        .toList();
        assertEquals(List.of("span", "own", "handler", ""), found);
    }
}
