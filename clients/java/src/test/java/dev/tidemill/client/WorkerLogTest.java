package dev.tidemill.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.tidemill.v1.Assignment;
import dev.tidemill.v1.WorkRequest;
import java.util.ArrayList;
import java.util.List;
import java.util.logging.Handler;
import java.util.logging.Level;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class WorkerLogTest {
    private static final Logger LOGGER = Logger.getLogger("dev.tidemill.client.Worker");
    private static final String TASK = "worker w: task T1 (greet), attempt 2";

    private final List<LogRecord> records = new ArrayList<>();
    private final WorkerLog log = new WorkerLog("w");
    private final Handler handler =
            new Handler() {
                @Override
                public void publish(LogRecord line) {
                    line.getSourceClassName();
                    records.add(line);
                }

                @Override
                public void flush() {}

                @Override
                public void close() {}
            };

    @BeforeEach
    void listen() {
        LOGGER.addHandler(handler);
        LOGGER.setUseParentHandlers(false);
    }

    @AfterEach
    void stop() {
        LOGGER.removeHandler(handler);
        LOGGER.setUseParentHandlers(true);
    }

    /** The only line of an attempt that ended so. */
    private LogRecord line(dev.tidemill.client.Handler run, TaskState state) {
        Assignment assignment =
                Assignment.newBuilder()
                        .setLeaseToken("a")
                        .setTaskId("T1")
                        .setKind("greet")
                        .setAttempt(2)
                        .setMaxAttempts(4)
                        .setPayload(Payload.text("secret").toProto())
                        .build();
        Reports reports = new Reports(() -> {});
        Job job = new Job(run, new Context(assignment, reports), reports);
        job.run();
        Held held = new Held(TaskFacts.of(assignment), job);
        held.settle = job.settle();
        return settled(held, state);
    }

    private LogRecord settled(Held held, TaskState state) {
        log.settled(held, state);
        assertEquals(1, records.size());
        LogRecord line = records.get(0);
        assertFalse(line.getMessage().contains("secret"), line.getMessage());
        return line;
    }

    @Test
    void anExceptionIsToldWithItsPlace() {
        RuntimeException thrown = new IllegalStateException("boom\nand more");
        LogRecord line =
                line(
                        task -> {
                            throw thrown;
                        },
                        TaskState.SCHEDULED);
        String type = " (java.lang.IllegalStateException)";
        assertEquals(
                TASK + " of 4: failed, and is tried again: boom and more" + type,
                line.getMessage());
        assertEquals(Level.INFO, line.getLevel());
        assertSame(thrown, line.getThrown());
        assertEquals("dev.tidemill.client.Worker", line.getSourceClassName());
    }

    @Test
    void aPermanentFailureIsAWarningWithoutItsPlace() {
        LogRecord line =
                line(
                        task -> {
                            throw Failure.permanent("no such address");
                        },
                        TaskState.FAILED);
        assertEquals(
                TASK + " of 4: failed for good (permanent): no such address", line.getMessage());
        assertEquals(Level.WARNING, line.getLevel());
        assertNull(line.getThrown());
    }

    @Test
    void theLastAttemptIsAWarning() {
        LogRecord line =
                line(
                        task -> {
                            throw Failure.of("again");
                        },
                        TaskState.FAILED);
        assertEquals(
                TASK + " of 4: failed for good (no attempt is left): again", line.getMessage());
        assertEquals(Level.WARNING, line.getLevel());
    }

    @Test
    void whatIsGivenBackIsTold() {
        LogRecord line =
                line(
                        task -> {
                            throw Failure.release();
                        },
                        TaskState.QUEUED);
        assertEquals(TASK + ": given back by its handler, uncharged", line.getMessage());
        assertEquals(Level.INFO, line.getLevel());
    }

    @Test
    void whatRanTooLongForTheGraceIsTold() {
        Assignment assignment = Assignment.newBuilder().setTaskId("T1").setAttempt(2).build();
        Reports reports = new Reports(() -> {});
        Held held =
                new Held(
                        new TaskFacts("T1", "greet", 2),
                        new Job(task -> null, new Context(assignment, reports), reports));
        held.job.run();
        held.settle = Failure.release("a", false, true);
        assertEquals(
                TASK + ": still ran when the grace was over; given back, uncharged",
                settled(held, TaskState.QUEUED).getMessage());
    }

    @Test
    void whatWentWellIsForDebuggingOnly() {
        log.settled(done(), TaskState.SUCCEEDED);
        assertEquals(List.of(), records);
    }

    private static Held done() {
        Reports reports = new Reports(() -> {});
        Context context = new Context(Assignment.getDefaultInstance(), reports);
        Held held = new Held(new TaskFacts("T1", "greet", 2), new Job(t -> null, context, reports));
        held.settle = WorkRequest.getDefaultInstance();
        return held;
    }

    @Test
    void theSameReasonIsNotSaidInBursts() {
        TidemillException away =
                Fault.of(ErrorKind.UNREACHABLE, Outcome.NOT_APPLIED, "http://a", "refused")
                        .exception();
        TidemillException lost = Fault.broken(Outcome.UNKNOWN, "http://a", "it broke").exception();
        for (int i = 0; i < 3; i++) {
            log.event(new WorkerEvent.Disconnected(away));
        }
        log.event(new WorkerEvent.Connected("http://a"));
        log.event(new WorkerEvent.Disconnected(lost));
        log.event(new WorkerEvent.Disconnected(lost));
        log.event(new WorkerEvent.Disconnected(away));
        List<String> lines = records.stream().map(LogRecord::getMessage).toList();
        String again = "worker w: connection lost; trying again, and what runs goes on: ";
        assertEquals(
                List.of(
                        "worker w: not connected yet; trying again: cannot reach http://a: refused",
                        "worker w: connected to http://a",
                        again + lost.getMessage(),
                        again + away.getMessage()),
                lines);
        assertTrue(records.stream().allMatch(line -> line.getThrown() == null));
    }
}
