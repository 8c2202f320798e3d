package dev.tidemill.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.protobuf.UnknownFieldSet;
import dev.tidemill.v1.Drain;
import dev.tidemill.v1.WorkRequest;
import dev.tidemill.v1.WorkResponse;
import io.grpc.Status;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** Streams that break, replicas that drain, and the end. */
class WorkerStreamTest extends WorkerFixture {
    private void drain() {
        server.say(WorkResponse.newBuilder().setDrain(Drain.getDefaultInstance()));
    }

    private void breakOff() {
        server.breakOff(Status.UNAVAILABLE.asRuntimeException());
    }

    private boolean started(String taskId) {
        return events.stream()
                .anyMatch(
                        event ->
                                event instanceof WorkerEvent.Started it
                                        && it.task().taskId().equals(taskId));
    }

    @Test
    void aFlappingConnectionKeepsLeasesAndSaysSettlesAgain() throws InterruptedException {
        start(builder());
        server.answers = false;
        assignHeld("a");
        for (int i = 0; i < 3; i++) {
            breakOff();
            assertEquals(List.of("a"), server.registered().getHeldList());
        }
        letGo.countDown();
        server.next(WorkRequest::hasComplete);
        server.answers = true;
        breakOff();
        assertEquals(List.of("a"), server.registered().getHeldList());
        server.next(WorkRequest::hasComplete);
        worker.close();
        assertEquals(1, events.stream().filter(WorkerEvent.Started.class::isInstance).count());
    }

    @Test
    void aSilentStreamIsBrokenOffAndNotHalfClosed() throws InterruptedException {
        server.pingInterval = Duration.ofMillis(10);
        start(builder());
        assignHeld("a");
        server.pingInterval = Duration.ofMinutes(1);
        assertEquals("cancelled", server.end());
        assertEquals(List.of("a"), server.registered().getHeldList());
    }

    @Test
    void aReplicaThatDrainsIsLeftByBreakingOff() throws InterruptedException {
        start(builder());
        assignHeld("a");
        drain();
        assertEquals(List.of("a"), server.registered().getHeldList());
        assertEquals("cancelled", server.end());
        letGo.countDown();
        server.next(WorkRequest::hasComplete);
    }

    @Test
    void whatADrainingReplicaStillAssignsRunsAndIsNamedToo() throws InterruptedException {
        start(builder());
        server.late = true;
        drain();
        assertEquals(List.of(), server.registered().getHeldList());
        assignHeld("b");
        server.late = false;
        server.admit();
        assertEquals(List.of("b"), server.registered().getHeldList());
        letGo.countDown();
        assertEquals("b", server.next(WorkRequest::hasComplete).getComplete().getLeaseToken());
    }

    @Test
    void aSettleThatWasNotAdoptedHasAnAnswerOfItsOwnToCome() throws InterruptedException {
        start(builder());
        server.answers = false;
        server.adopts = false;
        assignHeld("a");
        letGo.countDown();
        server.next(WorkRequest::hasComplete);
        breakOff();
        server.registered();
        server.next(WorkRequest::hasComplete);
        server.lose("a");
        heardUpToNow(1);
        boolean early = events.stream().anyMatch(WorkerEvent.LeaseLost.class::isInstance);
        assertFalse(early, "said at the registration");
        server.lose("a");
        event(WorkerEvent.LeaseLost.class);
    }

    /** E.g. a process that was paused: the end of its stream says that it broke the rules. */
    @Test
    void onlyARegistrationThatIsRefusedIsMeantForGood() throws InterruptedException {
        start(builder());
        assignHeld("a");
        server.breakOff(
                Details.status(
                        Status.Code.INVALID_ARGUMENT, Details.info("INVALID_REQUEST", Map.of())));
        assertEquals(List.of("a"), server.registered().getHeldList());
        server.refusals.add(Status.PERMISSION_DENIED.asRuntimeException());
        breakOff();
        server.registered();
        assertEquals(List.of("a"), server.registered().getHeldList(), "a proxy's word may pass");
        letGo.countDown();
        server.next(WorkRequest::hasComplete);
    }

    /** A server that is newer than this client. */
    @Test
    void whatThisVersionDoesNotKnowIsLeftOut() throws InterruptedException {
        start(builder());
        var field = UnknownFieldSet.Field.newBuilder().addVarint(1).build();
        UnknownFieldSet news = UnknownFieldSet.newBuilder().addField(1_000, field).build();
        server.say(WorkResponse.newBuilder().setUnknownFields(news));
        heardUpToNow(1);
        assertEquals(WorkerStatus.SERVING, worker.status());
    }

    @Test
    void aStopLetsEndWhatRunsAndGivesTheRestBack() throws InterruptedException {
        start(builder().grace(Duration.ofMillis(300)));
        assignHeld("a");
        worker.close();
        var release = server.next(WorkRequest::hasRelease).getRelease();
        assertTrue(release.getDraining() && !release.getCancelled());
        assertEquals("half-closed", server.end());
        assertEquals(WorkerStatus.STOPPED, worker.status());
    }

    @Test
    void aStopWhileTheFirstRegistrationIsUnderWayGivesBackWhatItBrings()
            throws InterruptedException {
        server.late = true;
        worker = builder().build().start();
        server.registered();
        worker.stop();
        assertEquals("half-closed", server.end());
        server.admit();
        server.assign("a", "hold");
        server.admit();
        worker.close();
        assertEquals(WorkerStatus.STOPPED, worker.status());
        assertTrue(server.ends.isEmpty(), "not broken off: that would keep the lease");
        assertFalse(started("Ta"));
    }

    @Test
    void whatComesAfterAStopIsGivenBackUncounted() throws InterruptedException {
        start(builder());
        assignHeld("a");
        server.late = true;
        drain();
        assertEquals(List.of("a"), server.registered().getHeldList());
        worker.stop();
        assertEquals(0, server.next(WorkRequest::hasCredits).getCredits().getCredits());
        server.late = false;
        server.admit();
        server.assign("b", "hold");
        assertEquals(0, server.next(WorkRequest::hasCredits).getCredits().getCredits());
        var release = server.next(WorkRequest::hasRelease).getRelease();
        assertEquals("b", release.getLeaseToken());
        assertTrue(release.getDraining());
        letGo.countDown();
        assertEquals("a", server.next(WorkRequest::hasComplete).getComplete().getLeaseToken());
        worker.close();
        assertEquals(Set.of("cancelled", "half-closed"), Set.of(server.end(), server.end()));
        assertTrue(started("Ta") && !started("Tb"));
    }

    @Test
    void aSecondStopDoesNotCutShortTheLastWord() throws InterruptedException {
        start(builder());
        server.answers = false;
        assignHeld("a");
        worker.stop(Duration.ZERO);
        server.next(WorkRequest::hasRelease);
        worker.stop(Duration.ZERO);
        heardUpToNow(1);
        server.settled("a");
        worker.close();
        assertEquals(WorkerStatus.STOPPED, worker.status());
    }
}
