package dev.tidemill.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.rpc.RetryInfo;
import io.grpc.Status;
import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Spans that no clock can hold. */
@Timeout(30)
class DurationTest {
    private static final Duration LONGEST = Duration.ofSeconds(Long.MAX_VALUE, 999_999_999);
    private static final Duration SHORTEST = Duration.ofSeconds(Long.MIN_VALUE);

    private static com.google.protobuf.Duration proto(long seconds, int nanos) {
        return com.google.protobuf.Duration.newBuilder()
                .setSeconds(seconds)
                .setNanos(nanos)
                .build();
    }

    @Test
    void clocksSaturate() {
        assertFalse(Clock.passed(Clock.in(LONGEST)));
        assertTrue(Clock.passed(Clock.in(SHORTEST)));
        Background.after(LONGEST, () -> {}).cancel(false);
    }

    @Test
    void whatIsSentIsLeftToTheServerToRefuse() {
        assertEquals(proto(Long.MAX_VALUE, 999_999_999), Protos.duration(LONGEST));
        assertEquals(proto(Long.MIN_VALUE, 0), Protos.duration(SHORTEST));
        assertEquals(proto(-1, -500_000_000), Protos.duration(Duration.ofMillis(-1_500)));
        Task task =
                Task.builder("a")
                        .delay(LONGEST)
                        .runAt(Instant.MAX)
                        .attemptTimeout(LONGEST)
                        .expiresIn(LONGEST)
                        .resultRetention(LONGEST)
                        .retryPolicy(
                                RetryPolicy.builder()
                                        .initialBackoff(LONGEST)
                                        .maxBackoff(LONGEST)
                                        .build())
                        .build();
        assertEquals(Long.MAX_VALUE, task.toProto().getResultRetention().getSeconds());
        var fail = Failure.of("m").retryAfter(LONGEST).toSettle("a", null).getFail();
        assertEquals(Long.MAX_VALUE, fail.getRetryAfter().getSeconds());
    }

    @Test
    void whatComesIsBounded() {
        Duration longest = Protos.duration(proto(Long.MAX_VALUE, Integer.MAX_VALUE));
        assertEquals(Clock.FOREVER, longest);
        assertEquals(Duration.ZERO, Protos.duration(proto(Long.MIN_VALUE, 0)));
        assertEquals(Duration.ofMillis(1_250), Protos.duration(proto(1, 250_000_000)));
    }

    @Test
    void aServerThatAsksForEternityIsNotWaitedFor() throws Exception {
        try (TestServer server = new TestServer();
                Client client = Client.builder(server.url()).timeout(LONGEST).build()) {
            server.refusals.add(
                    Details.status(
                            Status.Code.RESOURCE_EXHAUSTED,
                            Details.info("QUEUE_FULL", Map.of()),
                            RetryInfo.newBuilder()
                                    .setRetryDelay(proto(Long.MAX_VALUE, 999_999_999))
                                    .build()));
            Task task = Task.builder("a").build();
            assertThrows(TidemillException.class, () -> client.enqueue(task));
            assertEquals("T2", client.enqueue(task).taskId());
        }
    }

    @Test
    void aWaitAndAWorkerOfAnyLength() throws Exception {
        try (TestServer server = new TestServer();
                Client client = Client.builder(server.url()).timeout(LONGEST).build()) {
            server.resultState = dev.tidemill.v1.TaskState.TASK_STATE_SUCCEEDED_VALUE;
            assertEquals(TaskState.SUCCEEDED, client.await("T1", LONGEST).state());
            assertEquals(TaskState.SUCCEEDED, client.await("T1", SHORTEST).state());
        }
        try (WorkServer server = new WorkServer();
                Client client = Client.connect(server.url())) {
            server.pingInterval = LONGEST;
            Worker worker =
                    Worker.builder(client)
                            .handle("a", task -> null)
                            .grace(LONGEST)
                            .cancelGrace(LONGEST)
                            .connectWithin(LONGEST)
                            .build()
                            .start();
            server.registered();
            worker.stop(LONGEST);
            worker.stop(SHORTEST);
            assertTrue(worker.join(LONGEST));
        }
    }
}
