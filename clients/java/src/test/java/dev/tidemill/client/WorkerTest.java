package dev.tidemill.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.tidemill.v1.CancelCause;
import dev.tidemill.v1.CancelRequested;
import dev.tidemill.v1.FailTaskRequest;
import dev.tidemill.v1.WorkRequest;
import dev.tidemill.v1.WorkResponse;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** Handlers, and what is said of them. */
class WorkerTest extends WorkerFixture {
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
    void whatHoldsItselfFailsForGood() throws InterruptedException {
        List<Object> ring = new ArrayList<>();
        ring.add(ring);
        FailTaskRequest fail = failure(task -> ring);
        assertTrue(fail.getPermanent());
        assertTrue(fail.getMessage().contains("java.util.ArrayList is not JSON"), fail::toString);
    }

    @Test
    void anOutputWhoseTextCannotBeHadFailsForGood() throws InterruptedException {
        CharSequence broken =
                new CharSequence() {
                    @Override
                    public int length() {
                        return 1;
                    }

                    @Override
                    public char charAt(int index) {
                        return 'a';
                    }

                    @Override
                    public CharSequence subSequence(int start, int end) {
                        return this;
                    }

                    @Override
                    public String toString() {
                        throw new LinkageError("no text");
                    }
                };
        FailTaskRequest fail = failure(task -> broken);
        assertTrue(fail.getPermanent());
        assertEquals("java.lang.LinkageError", fail.getType());
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
        heardUpToNow(1);
        later.complete("done");
        var output = server.next(WorkRequest::hasComplete).getComplete().getOutput();
        assertEquals("done", output.getText());
    }

    /** What the handler's own code does when it is asked to stop must not hold up heartbeats. */
    @Test
    void whatHangsOnACancelDoesNotDelayTheHeartbeat() throws InterruptedException {
        CountDownLatch ready = new CountDownLatch(1);
        start(
                builder()
                        .handle(
                                "polite",
                                task -> {
                                    task.cancelled().thenRun(() -> block(letGo));
                                    ready.countDown();
                                    return hold(task);
                                }));
        server.assign("a", "polite");
        ready.await();
        server.say(cancel("a"));
        heardUpToNow(1);
    }

    private static void block(CountDownLatch until) {
        try {
            until.await();
        } catch (InterruptedException over) {
            Thread.currentThread().interrupt();
        }
    }

    private static WorkResponse.Builder cancel(String token) {
        CancelRequested.Builder cancel =
                CancelRequested.newBuilder()
                        .setLeaseToken(token)
                        .setCause(CancelCause.CANCEL_CAUSE_CLIENT);
        return WorkResponse.newBuilder().setCancelRequested(cancel);
    }

    @Test
    void blockedHandlersDoNotDelayTheHeartbeat() throws InterruptedException {
        start(builder().concurrency(2));
        assignHeld("a");
        assignHeld("b");
        for (int number = 1; number <= 3; number++) {
            heardUpToNow(number);
        }
        assertEquals(WorkerStatus.SERVING, worker.status());
    }

    @Test
    void aLostLeaseStopsItsHandlerAndNothingItSaysCounts() throws InterruptedException {
        start(builder());
        assignHeld("a");
        server.lose("a");
        assertTrue(interrupted.await(10, TimeUnit.SECONDS));
        worker.close();
        assertEquals(
                List.of(),
                server.heard.stream()
                        .filter(request -> !request.hasEcho() && !request.hasCredits())
                        .toList());
        assertEquals("half-closed", server.end());
    }

    @Test
    void anAttemptThatRanTooLongHasFailedAndIsNotReleased() throws InterruptedException {
        start(builder().cancelGrace(Duration.ofMillis(100)));
        assignHeld("a");
        CancelRequested.Builder cancel =
                CancelRequested.newBuilder()
                        .setLeaseToken("a")
                        .setCause(CancelCause.CANCEL_CAUSE_ATTEMPT_TIMEOUT);
        server.say(WorkResponse.newBuilder().setCancelRequested(cancel));
        assertEquals("AttemptTimeout", server.next(WorkRequest::hasFail).getFail().getType());
        assertTrue(interrupted.await(10, TimeUnit.SECONDS));
    }

    /** A server that is newer than this client. */
    @Test
    void aCauseThatThisVersionDoesNotKnowIsACancelAllTheSame() throws InterruptedException {
        start(
                builder()
                        .handle(
                                "polite",
                                task -> {
                                    var request = task.awaitCancel();
                                    return request.cause() + ", " + request.reason();
                                }));
        server.assign("a", "polite");
        CancelRequested.Builder cancel =
                CancelRequested.newBuilder()
                        .setLeaseToken("a")
                        .setCauseValue(99)
                        .setReason("because");
        server.say(WorkResponse.newBuilder().setCancelRequested(cancel));
        var output = server.next(WorkRequest::hasComplete).getComplete().getOutput();
        assertEquals(dev.tidemill.client.CancelCause.UNKNOWN + ", because", output.getText());
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

    @Test
    void aProgressTextIsCutAtItsLimit() throws InterruptedException {
        start(
                builder()
                        .handle(
                                "talk",
                                task -> {
                                    task.progress(0.5, "é".repeat(1 << 20));
                                    return null;
                                }));
        server.assign("a", "talk");
        var progress = server.next(WorkRequest::hasProgress).getProgress().getProgress();
        assertEquals(1024, progress.getMessageBytes().size());
    }
}
