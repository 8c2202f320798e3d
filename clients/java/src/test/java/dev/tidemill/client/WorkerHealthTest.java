package dev.tidemill.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.tidemill.v1.Drain;
import dev.tidemill.v1.WorkRequest;
import dev.tidemill.v1.WorkResponse;
import io.grpc.Status;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.Test;

/** A worker that cannot receive tasks must not look as if it could. */
class WorkerHealthTest extends WorkerFixture {
    private void assertUnhealthy(WorkerStatus expected) {
        assertEquals(expected, worker.status());
        assertFalse(worker.isHealthy());
    }

    @Test
    void aWorkerWhosePlacesAreStuckDoesNotLookHealthy() throws InterruptedException {
        CountDownLatch began = new CountDownLatch(1);
        CountDownLatch end = new CountDownLatch(1);
        start(
                builder()
                        .concurrency(1)
                        .handle(
                                "deaf",
                                task -> {
                                    began.countDown();
                                    while (end.getCount() > 0) {
                                        Thread.onSpinWait();
                                    }
                                    return null;
                                }));
        server.assign("a", "deaf");
        // A handler that has not begun when its lease is lost never begins, and is in nobody's way.
        began.await();
        server.lose("a");
        assertEquals(0, server.next(WorkRequest::hasCredits).getCredits().getCredits());
        assertEquals(1, event(WorkerEvent.Stuck.class).places());
        assertUnhealthy(WorkerStatus.STUCK);
        end.countDown();
        assertEquals(1, server.next(WorkRequest::hasCredits).getCredits().getCredits());
        assertEquals(0, event(WorkerEvent.Stuck.class).places());
        assertEquals(WorkerStatus.SERVING, worker.status());
    }

    @Test
    void aLeaseThatIsLostBeforeItsHandlerBeganKeepsNoPlace() throws InterruptedException {
        CountDownLatch free = new CountDownLatch(1);
        ExecutorService one = Executors.newSingleThreadExecutor();
        try {
            one.execute(
                    () -> {
                        try {
                            free.await();
                        } catch (InterruptedException over) {
                            Thread.currentThread().interrupt();
                        }
                    });
            start(builder().concurrency(1).executor(one));
            server.assign("a", "hold");
            server.lose("a");
            event(WorkerEvent.LeaseLost.class);
            free.countDown();
            assignHeld("b");
            assertEquals(WorkerStatus.SERVING, worker.status());
            letGo.countDown();
            assertEquals("b", server.next(WorkRequest::hasComplete).getComplete().getLeaseToken());
        } finally {
            one.shutdownNow();
        }
    }

    @Test
    void anExecutorThatTakesNoMoreGivesTheTaskBackUncounted() throws InterruptedException {
        ExecutorService closed = Executors.newSingleThreadExecutor();
        closed.shutdown();
        start(builder().executor(closed));
        server.assign("a", "hold");
        var release = server.next(WorkRequest::hasRelease).getRelease();
        assertTrue(release.getDraining());
        assertEquals(0, server.next(WorkRequest::hasCredits).getCredits().getCredits());
        assertUnhealthy(WorkerStatus.STUCK);
    }

    @Test
    void oneThatIsToldToStopTakesNoMore() throws InterruptedException {
        start(builder());
        assignHeld("a");
        assertTrue(worker.isHealthy());
        worker.stop();
        event(WorkerEvent.Draining.class);
        assertUnhealthy(WorkerStatus.DRAINING);
        letGo.countDown();
        worker.close();
        assertUnhealthy(WorkerStatus.STOPPED);
    }

    @Test
    void oneWithoutAStreamWaitsForOne() throws InterruptedException {
        start(builder());
        event(WorkerEvent.Connected.class);
        assertTrue(worker.isHealthy());
        server.late = true;
        server.breakOff(Status.UNAVAILABLE.asRuntimeException());
        event(WorkerEvent.Disconnected.class);
        assertUnhealthy(WorkerStatus.CONNECTING);
        server.registered();
        assertUnhealthy(WorkerStatus.CONNECTING);
        server.admit();
        event(WorkerEvent.Connected.class);
        assertEquals(WorkerStatus.SERVING, worker.status());
    }

    @Test
    void oneWhoseReplicaDrainsWaitsForAnother() throws InterruptedException {
        start(builder());
        server.late = true;
        server.say(WorkResponse.newBuilder().setDrain(Drain.getDefaultInstance()));
        server.registered();
        assertUnhealthy(WorkerStatus.CONNECTING);
    }

    @Test
    void aStreamThatIsSilentIsBrokenOff() throws InterruptedException {
        server.pingInterval = Duration.ofMillis(10);
        start(builder());
        server.late = true;
        assertEquals("cancelled", server.end());
        event(WorkerEvent.Disconnected.class);
        assertUnhealthy(WorkerStatus.CONNECTING);
    }

    @Test
    void aSessionThatDoesNotLookAnyMoreIsStuck() {
        Duration blocked = Duration.ofSeconds(4);
        assertEquals(WorkerStatus.STUCK, Session.status(WorkerStatus.SERVING, blocked));
        assertEquals(
                WorkerStatus.SERVING, Session.status(WorkerStatus.SERVING, Duration.ofSeconds(1)));
        assertEquals(WorkerStatus.DRAINING, Session.status(WorkerStatus.DRAINING, blocked));
    }

    @Test
    void aRefusedRegistrationEndsTheWorker() throws InterruptedException {
        server.refusals.add(
                Details.status(
                        Status.Code.INVALID_ARGUMENT, Details.info("INVALID_REQUEST", Map.of())));
        start(builder());
        TidemillException error = assertThrows(TidemillException.class, worker::join);
        assertEquals("INVALID_REQUEST", error.getReasonName());
        assertUnhealthy(WorkerStatus.FAILED);
    }

    @Test
    void withoutAServerItIsNotHealthyAndMayGiveUp() {
        server.close();
        worker = builder().connectWithin(Duration.ZERO).build();
        assertUnhealthy(WorkerStatus.NEW);
        worker.start();
        TidemillException error = assertThrows(TidemillException.class, worker::join);
        assertEquals(ErrorKind.UNREACHABLE, error.getKind());
        assertUnhealthy(WorkerStatus.FAILED);
    }
}
