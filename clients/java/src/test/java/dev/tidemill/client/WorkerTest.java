package dev.tidemill.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.tidemill.v1.CancelCause;
import dev.tidemill.v1.CancelRequested;
import dev.tidemill.v1.Drain;
import dev.tidemill.v1.FailTaskRequest;
import dev.tidemill.v1.Refused;
import dev.tidemill.v1.WorkRequest;
import dev.tidemill.v1.WorkResponse;
import io.grpc.Status;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Predicate;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(30)
class WorkerTest {
    private final CountDownLatch letGo = new CountDownLatch(1);
    private final CountDownLatch interrupted = new CountDownLatch(1);
    private WorkServer server;
    private Client client;
    private Worker worker;

    @BeforeEach
    void connect() throws IOException {
        server = new WorkServer();
        client = Client.connect(server.url());
    }

    @AfterEach
    void end() throws InterruptedException {
        letGo.countDown();
        server.close();
        if (worker != null) {
            worker.stop(Duration.ZERO);
        }
        client.close();
    }

    private WorkerBuilder builder() {
        return Worker.builder(client).handle("hold", this::hold).handle("fail", this::fail);
    }

    private Object hold(Context task) throws InterruptedException {
        try {
            letGo.await();
            return "kept";
        } catch (InterruptedException stopped) {
            interrupted.countDown();
            throw stopped;
        }
    }

    private Object fail(Context task) {
        throw new IllegalStateException("boom", new IOException("wire"));
    }

    private void start(WorkerBuilder setup) throws InterruptedException {
        worker = setup.build().start();
        server.registered();
    }

    private FailTaskRequest failure(Handler handler) throws InterruptedException {
        start(builder().handle("odd", handler));
        server.assign("a", "odd");
        return server.next(WorkRequest::hasFail).getFail();
    }

    @Test
    void anImpossibleSetupIsRefused() {
        WorkerBuilder twice = builder();
        TidemillException two =
                assertThrows(TidemillException.class, () -> twice.handle("hold", this::hold));
        assertTrue(two.getMessage().contains("`hold` has two handlers"), two.getMessage());
        assertThrows(TidemillException.class, () -> Worker.builder(client).build());
        for (int tasks : new int[] {0, 10_001}) {
            WorkerBuilder odd = builder().concurrency(tasks);
            assertEquals(
                    ErrorKind.INVALID, assertThrows(TidemillException.class, odd::build).getKind());
        }
    }

    @Test
    void aHandlerThatThrowsHasFailedWithItsTextAndType() throws InterruptedException {
        FailTaskRequest fail = failure(this::fail);
        assertEquals("boom: wire", fail.getMessage());
        assertEquals("java.lang.IllegalStateException", fail.getType());
        assertFalse(fail.getPermanent());
    }

    @Test
    void whatCannotBeSerialisedFailsForGood() throws InterruptedException {
        FailTaskRequest fail = failure(task -> WorkerTest.class);
        assertTrue(fail.getPermanent());
        assertTrue(fail.getMessage().contains("java.lang.Class"), fail.getMessage());
    }

    @Test
    void anOutputThatWouldBreakTheStreamFailsForGood() throws InterruptedException {
        FailTaskRequest fail = failure(task -> new byte[5 << 20]);
        assertTrue(fail.getPermanent());
        assertEquals("OutputTooLarge", fail.getType());
    }

    @Test
    void evenAnErrorOfTheMachineIsReported() throws InterruptedException {
        FailTaskRequest fail =
                failure(
                        task -> {
                            throw new StackOverflowError();
                        });
        assertEquals("java.lang.StackOverflowError", fail.getType());
    }

    @Test
    void anAsynchronousHandlerSettlesLater() throws InterruptedException {
        CompletableFuture<String> later = new CompletableFuture<>();
        start(builder().handle("later", task -> later));
        server.assign("a", "later");
        server.ping(1);
        server.next(WorkRequest::hasEcho);
        later.complete("done");
        var output = server.next(WorkRequest::hasComplete).getComplete().getOutput();
        assertEquals("done", output.getText());
    }

    @Test
    void blockedHandlersDoNotDelayTheHeartbeat() throws InterruptedException {
        start(builder().concurrency(2));
        server.assign("a", "hold");
        server.assign("b", "hold");
        for (int number = 1; number <= 3; number++) {
            server.ping(number);
            assertEquals(number, server.next(WorkRequest::hasEcho).getEcho().getNumber());
        }
        assertEquals(WorkerStatus.SERVING, worker.status());
    }

    @Test
    void aFlappingConnectionKeepsLeasesAndSaysSettlesAgain() throws InterruptedException {
        AtomicInteger started = new AtomicInteger();
        start(
                builder()
                        .onEvent(
                                event -> {
                                    if (event instanceof WorkerEvent.Started) {
                                        started.incrementAndGet();
                                    }
                                }));
        server.assign("a", "hold");
        server.answers = false;
        for (int i = 0; i < 3; i++) {
            server.breakOff(Status.UNAVAILABLE.asRuntimeException());
            assertEquals(List.of("a"), server.registered().getHeldList());
        }
        letGo.countDown();
        server.next(WorkRequest::hasComplete);
        server.answers = true;
        server.breakOff(Status.UNAVAILABLE.asRuntimeException());
        assertEquals(List.of("a"), server.registered().getHeldList());
        server.next(WorkRequest::hasComplete);
        worker.close();
        assertEquals(1, started.get());
    }

    @Test
    void aSilentStreamIsBrokenOffAndNotHalfClosed() throws InterruptedException {
        start(builder());
        server.assign("a", "hold");
        assertEquals("cancelled", server.end());
        assertEquals(List.of("a"), server.registered().getHeldList());
    }

    @Test
    void aReplicaThatDrainsIsLeftByBreakingOff() throws InterruptedException {
        start(builder());
        server.assign("a", "hold");
        server.say(WorkResponse.newBuilder().setDrain(Drain.getDefaultInstance()));
        assertEquals(List.of("a"), server.registered().getHeldList());
        assertEquals("cancelled", server.end());
        letGo.countDown();
        server.next(WorkRequest::hasComplete);
    }

    @Test
    void aLostLeaseStopsItsHandlerAndNothingItSaysCounts() throws InterruptedException {
        start(builder());
        server.assign("a", "hold");
        server.ping(1);
        server.next(WorkRequest::hasEcho);
        server.lose("a");
        assertTrue(interrupted.await(5, TimeUnit.SECONDS));
        worker.close();
        assertNull(
                server.heard.stream()
                        .filter(request -> !request.hasEcho() && !request.hasCredits())
                        .findAny()
                        .orElse(null));
        assertEquals("half-closed", server.end());
    }

    @Test
    void aSettleThatWasNotAdoptedHasAnAnswerOfItsOwnToCome() throws InterruptedException {
        CountDownLatch lost = new CountDownLatch(1);
        WorkerBuilder setup = builder();
        setup.onEvent(
                event -> {
                    if (event instanceof WorkerEvent.LeaseLost) {
                        lost.countDown();
                    }
                });
        start(setup);
        server.answers = false;
        server.adopts = false;
        server.assign("a", "hold");
        letGo.countDown();
        server.next(WorkRequest::hasComplete);
        server.breakOff(Status.UNAVAILABLE.asRuntimeException());
        server.registered();
        server.next(WorkRequest::hasComplete);
        server.lose("a");
        assertFalse(lost.await(300, TimeUnit.MILLISECONDS), "said at the registration");
        server.lose("a");
        assertTrue(lost.await(5, TimeUnit.SECONDS), "the answer of the settle");
    }

    @Test
    void anAttemptThatRanTooLongHasFailedAndIsNotReleased() throws InterruptedException {
        start(builder().cancelGrace(Duration.ofMillis(100)));
        server.assign("a", "hold");
        CancelRequested.Builder cancel =
                CancelRequested.newBuilder()
                        .setLeaseToken("a")
                        .setCause(CancelCause.CANCEL_CAUSE_ATTEMPT_TIMEOUT);
        server.say(WorkResponse.newBuilder().setCancelRequested(cancel));
        assertEquals("AttemptTimeout", server.next(WorkRequest::hasFail).getFail().getType());
        assertTrue(interrupted.await(5, TimeUnit.SECONDS));
    }

    @Test
    void aPassingRefusalIsSaidAgainAndAFinalOneFailsForGood() throws InterruptedException {
        start(builder());
        server.answers = false;
        server.assign("a", "hold");
        letGo.countDown();
        server.next(WorkRequest::hasComplete);
        server.say(refused("STORE_UNAVAILABLE"));
        server.next(WorkRequest::hasComplete);
        server.say(refused("INVALID_REQUEST"));
        assertTrue(server.next(WorkRequest::hasFail).getFail().getPermanent());
    }

    private static WorkResponse.Builder refused(String reason) {
        return WorkResponse.newBuilder()
                .setRefused(Refused.newBuilder().setLeaseToken("a").setReason(reason));
    }

    @Test
    void aWorkerWhosePlacesAreStuckDoesNotLookHealthy() throws InterruptedException {
        CountDownLatch end = new CountDownLatch(1);
        start(
                builder()
                        .concurrency(1)
                        .handle(
                                "deaf",
                                task -> {
                                    while (end.getCount() > 0) {
                                        Thread.onSpinWait();
                                    }
                                    return null;
                                }));
        server.assign("a", "deaf");
        server.lose("a");
        WorkRequest less = beating(WorkRequest::hasCredits);
        assertEquals(0, less.getCredits().getCredits());
        awaitStatus(WorkerStatus.STUCK);
        assertFalse(worker.isHealthy());
        end.countDown();
        assertEquals(1, beating(WorkRequest::hasCredits).getCredits().getCredits());
        awaitStatus(WorkerStatus.SERVING);
    }

    /** Waits for a message, and pings meanwhile. */
    private WorkRequest beating(Predicate<WorkRequest> wanted) throws InterruptedException {
        long until = Clock.in(Duration.ofSeconds(10));
        for (int number = 0; !Clock.passed(until); number++) {
            WorkRequest found = server.heard.poll(100, TimeUnit.MILLISECONDS);
            if (found != null && wanted.test(found)) {
                return found;
            }
            if (found == null) {
                server.ping(number);
            }
        }
        throw new AssertionError("it did not come");
    }

    private void awaitStatus(WorkerStatus wanted) throws InterruptedException {
        for (int i = 0; i < 100 && worker.status() != wanted; i++) {
            server.ping(i);
            Thread.sleep(50);
        }
        assertEquals(wanted, worker.status());
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
        assertFalse(worker.isHealthy());
    }

    @Test
    void aStopLetsEndWhatRunsAndGivesTheRestBack() throws InterruptedException {
        start(builder().grace(Duration.ofMillis(300)));
        server.assign("a", "hold");
        server.ping(1);
        server.next(WorkRequest::hasEcho);
        worker.close();
        var release = server.next(WorkRequest::hasRelease).getRelease();
        assertTrue(release.getDraining() && !release.getCancelled());
        assertEquals("half-closed", server.end());
        assertEquals(WorkerStatus.STOPPED, worker.status());
    }

    @Test
    void aRefusedRegistrationEndsTheWorker() throws InterruptedException {
        server.refusals.add(
                Details.status(
                        Status.Code.INVALID_ARGUMENT, Details.info("INVALID_REQUEST", Map.of())));
        start(builder());
        TidemillException error = assertThrows(TidemillException.class, worker::join);
        assertEquals("INVALID_REQUEST", error.getReasonName());
        assertEquals(WorkerStatus.FAILED, worker.status());
        assertFalse(worker.isHealthy());
    }

    @Test
    void withoutAServerItIsNotHealthyAndMayGiveUp() {
        server.close();
        worker = builder().connectWithin(Duration.ofMillis(500)).build().start();
        assertEquals(WorkerStatus.CONNECTING, worker.status());
        TidemillException error = assertThrows(TidemillException.class, worker::join);
        assertEquals(ErrorKind.UNREACHABLE, error.getKind());
    }

    @Test
    void aChunkThatIsTooLargeIsRefusedHere() throws InterruptedException {
        FailTaskRequest fail =
                failure(
                        task -> {
                            task.chunk(new byte[70_000]);
                            return null;
                        });
        assertTrue(fail.getMessage().contains("at most 65536"), fail.getMessage());
    }
}
