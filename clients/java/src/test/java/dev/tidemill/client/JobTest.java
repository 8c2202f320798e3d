package dev.tidemill.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.tidemill.v1.Assignment;
import java.lang.reflect.Proxy;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Handlers that are stopped, from the session's side. */
@Timeout(30)
class JobTest {
    private final Reports reports = new Reports(() -> {});

    private Job job(Handler handler) {
        Assignment assignment = Assignment.newBuilder().setLeaseToken("a").build();
        return new Job(handler, new Context(assignment, reports), reports);
    }

    @Test
    void aHandlerThatIsStoppedBeforeItBeginsNeverBegins() {
        Job job = job(task -> "begun");
        job.stop();
        assertTrue(job.isOver(), "it keeps no place");
        job.run();
        assertNull(reports.poll());
    }

    /** What hangs on the stage is the handler's: here it waits for this very thread. */
    @Test
    void whatHangsOnAStageDoesNotHoldUpWhoeverStopsIt() throws InterruptedException {
        CompletableFuture<String> stage = new CompletableFuture<>();
        CountDownLatch stopped = new CountDownLatch(1);
        CountDownLatch heard = new CountDownLatch(1);
        stage.whenComplete((done, error) -> await(stopped, heard));
        Job job = job(task -> stage);
        job.run();
        assertFalse(job.isOver());
        job.stop();
        stopped.countDown();
        heard.await();
        assertTrue(stage.isCancelled());
    }

    private static void await(CountDownLatch other, CountDownLatch then) {
        try {
            other.await();
            then.countDown();
        } catch (InterruptedException over) {
            Thread.currentThread().interrupt();
        }
    }

    @Test
    void aStageThatIsNoFutureKeepsItsPlaceUntilItEnds() {
        CompletableFuture<String> inner = new CompletableFuture<>();
        Job job = job(task -> opaque(inner));
        job.run();
        job.stop();
        assertFalse(job.isOver());
        inner.complete("late");
        assertTrue(job.isOver());
    }

    @Test
    void aStageThatCannotBeWaitedForHasFailed() {
        Job job = job(task -> opaque(null));
        job.run();
        assertTrue(job.isOver());
        String type = reports.poll().message().getFail().getType();
        assertEquals("java.lang.UnsupportedOperationException", type);
    }

    /** One that can be listened to at most, as the interface allows. */
    private static CompletionStage<?> opaque(CompletableFuture<?> inner) {
        return (CompletionStage<?>)
                Proxy.newProxyInstance(
                        JobTest.class.getClassLoader(),
                        new Class<?>[] {CompletionStage.class},
                        (stage, method, arguments) -> {
                            if (inner == null || !method.getName().equals("whenComplete")) {
                                throw new UnsupportedOperationException(method.getName());
                            }
                            return method.invoke(inner, arguments);
                        });
    }
}
