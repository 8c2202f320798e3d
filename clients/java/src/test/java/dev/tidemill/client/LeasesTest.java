package dev.tidemill.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.tidemill.v1.Assignment;
import dev.tidemill.v1.CancelCause;
import dev.tidemill.v1.CancelRequested;
import dev.tidemill.v1.MessageKind;
import dev.tidemill.v1.Refused;
import dev.tidemill.v1.WorkRequest;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** One lease, step by step on one thread: what is said, and what may not replace it. */
class LeasesTest {
    private final List<WorkRequest> said = new ArrayList<>();
    private final List<WorkerEvent> events = new ArrayList<>();
    private final Reports reports = new Reports(() -> {});
    private final Leases leases = leases(Duration.ZERO);
    private final Job job = job();

    private Leases leases(Duration cancelGrace) {
        Duration none = Duration.ZERO;
        Setup setup =
                new Setup(
                        null,
                        List.of(),
                        Map.of(),
                        1,
                        none,
                        cancelGrace,
                        none,
                        "",
                        null,
                        new WorkerLog(""),
                        events::add);
        return new Leases(setup, new Places(1), said::add);
    }

    private Job job() {
        Assignment assignment = Assignment.newBuilder().setLeaseToken("a").build();
        Job made = new Job(task -> "kept", new Context(assignment, reports), reports);
        leases.add("a", new Held(TaskFacts.of(assignment), made));
        return made;
    }

    private void ask() {
        leases.ask(
                CancelRequested.newBuilder()
                        .setLeaseToken("a")
                        .setCause(CancelCause.CANCEL_CAUSE_CLIENT)
                        .build());
    }

    private void refuse(MessageKind kind) {
        leases.refused(
                Refused.newBuilder()
                        .setLeaseToken("a")
                        .setReason("INVALID_REQUEST")
                        .setKind(kind)
                        .build());
    }

    /** As a server does that is older than the field that says of what. */
    private void refuse(String reason) {
        leases.refused(Refused.newBuilder().setLeaseToken("a").setReason(reason).build());
    }

    /** What was said since. */
    private WorkRequest.MessageCase last() {
        assertEquals(1, said.size(), said::toString);
        return said.remove(0).getMessageCase();
    }

    private void report() {
        assertTrue(leases.takes(new Reports.Report("a", WorkRequest.getDefaultInstance(), false)));
    }

    private void settle() {
        job.run();
        assertTrue(leases.takes(reports.poll()));
    }

    @Test
    void aHandlerThatEndedInTimeIsNotCancelled() {
        ask();
        job.run();
        leases.tick();
        assertEquals(WorkRequest.MessageCase.COMPLETE, last());
        assertFalse(leases.takes(reports.poll()), "it was said");
    }

    @Test
    void aHandlerThatEndedInTimeIsNotReleased() {
        job.run();
        leases.releaseRunning();
        assertEquals(WorkRequest.MessageCase.COMPLETE, last());
        assertFalse(leases.takes(reports.poll()), "it was said");
    }

    @Test
    void oneThatRunsIsCancelledOrReleased() {
        ask();
        leases.tick();
        assertEquals(WorkRequest.MessageCase.RELEASE, last());
        assertTrue(job.isOver());
    }

    @Test
    void aCancelThatIsSaidAgainDoesNotProlongTheGrace() {
        ask();
        Long due = leases.nextDue();
        assertNotNull(due);
        ask();
        assertEquals(due, leases.nextDue());
    }

    @Test
    void aRefusalIsOfWhatItSays() {
        report();
        settle();
        for (int reports = 0; reports < 3; reports++) {
            refuse(MessageKind.MESSAGE_KIND_PROGRESS);
        }
        assertTrue(said.isEmpty());
        assertNull(leases.nextDue(), "the settle's own answer is to come");
        refuse(MessageKind.MESSAGE_KIND_COMPLETE);
        assertEquals(WorkRequest.MessageCase.FAIL, last());
        refuse(MessageKind.MESSAGE_KIND_COMPLETE);
        assertFalse(leases.isEmpty(), "the answer of the failure is to come");
        refuse(MessageKind.MESSAGE_KIND_FAIL);
        assertTrue(leases.isEmpty());
    }

    @Test
    void anOlderServerDoesNotSayOfWhatItsRefusalIs() {
        report();
        settle();
        refuse("INVALID_REQUEST");
        assertTrue(said.isEmpty() && events.isEmpty(), "the settle's own answer is to come");
        assertNotNull(leases.nextDue(), "and it is said again");
        refuse("INVALID_REQUEST");
        assertEquals(WorkRequest.MessageCase.FAIL, last());
    }

    @Test
    void theRefusalOfASettleWithoutReportsIsFinal() {
        settle();
        refuse("INVALID_REQUEST");
        assertTrue(said.get(0).getFail().getPermanent());
        assertEquals(WorkRequest.MessageCase.FAIL, last());
        refuse("INVALID_REQUEST");
        assertTrue(leases.isEmpty(), "nothing that could be said would be taken");
    }

    @Test
    void aReasonOfANewerServerMayPass() {
        settle();
        refuse("SOMETHING_NEW");
        assertTrue(said.isEmpty() && events.isEmpty());
        assertNotNull(leases.nextDue(), "said again");
    }

    @Test
    void aRefusedReportIsToldToItsHandlerAlone() {
        report();
        refuse("INVALID_REQUEST");
        assertTrue(events.get(0) instanceof WorkerEvent.Refused);
        settle();
        assertNull(leases.nextDue());
    }

    @Test
    void onlyWhatARegistrationNamedCanBeLeftUnadopted() {
        settle();
        leases.adopted(Set.of(), List.of());
        assertEquals(WorkRequest.MessageCase.COMPLETE, last());
        leases.lost("a");
        assertTrue(leases.isEmpty(), "no answer of a registration came before");
    }
}
