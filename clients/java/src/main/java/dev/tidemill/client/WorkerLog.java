package dev.tidemill.client;

import dev.tidemill.v1.FailTaskRequest;
import dev.tidemill.v1.WorkRequest;
import io.grpc.Status;
import java.lang.System.Logger.Level;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;

/**
 * What a worker says in the log: one line each, never a payload. Only the session's thread is here.
 */
final class WorkerLog {
    /** The same reason for being without a connection is said this often at most. */
    private static final Duration AGAIN = Duration.ofSeconds(5);

    /** The text of a failure may be long. */
    private static final int MOST_TEXT = 1024;

    private final String name;
    private final Map<Reason, Long> said = new HashMap<>();
    private boolean connected;

    /** Without the text, which may hold a port that differs each time. */
    private record Reason(ErrorKind kind, Status.Code code, String name) {
        static Reason of(Fault fault) {
            return new Reason(fault.kind(), fault.refusal().code(), fault.refusal().reason());
        }
    }

    WorkerLog(String name) {
        this.name = name;
    }

    void event(WorkerEvent event) {
        if (event instanceof WorkerEvent.Connected now) {
            connected = true;
            said.clear();
            log(Level.INFO, "connected to " + now.address());
        } else if (event instanceof WorkerEvent.Disconnected now) {
            disconnected(now.error());
        } else if (event instanceof WorkerEvent.Started now) {
            log(Level.DEBUG, named(now.task()) + ": started");
        } else if (event instanceof WorkerEvent.LeaseLost now) {
            String what = ": the lease was lost; nothing that its handler says counts any more";
            log(Level.WARNING, named(now.task()) + what);
        } else if (event instanceof WorkerEvent.Refused now) {
            String what = ": the server refused what was said of it: ";
            log(Level.WARNING, named(now.task()) + what + now.message());
        } else if (event instanceof WorkerEvent.Stuck now) {
            stuck(now.places());
        } else if (event instanceof WorkerEvent.Draining now) {
            log(Level.INFO, "stopping: takes no more tasks; " + now.running() + " run");
        }
    }

    /** How an attempt ended, now that the server has stored it. */
    void settled(Held held, TaskState state) {
        String task = named(held.task);
        WorkRequest settle = held.settle;
        if (settle != null && settle.hasFail()) {
            failed(held, settle.getFail(), state);
        } else if (state == TaskState.FAILED) {
            log(Level.WARNING, task + ": failed for good, by the server's rules");
        } else if (settle != null && settle.hasRelease() && !state.isTerminal()) {
            log(Level.INFO, task + givenBack(held, settle.getRelease().getDraining()));
            trace(held);
        } else {
            log(Level.DEBUG, task + ": ended as " + state);
        }
    }

    private static String givenBack(Held held, boolean draining) {
        if (!draining) {
            return ": given back by its handler, uncharged";
        }
        return held.job.hasBegun()
                ? ": still ran when the grace was over; given back, uncharged"
                : ": given back before it began, uncharged";
    }

    private void failed(Held held, FailTaskRequest fail, TaskState state) {
        boolean end = state == TaskState.FAILED;
        String fate = "; it is " + state + " now";
        if (!state.isTerminal()) {
            fate = ", and is tried again";
        } else if (end) {
            fate = fail.getPermanent() ? " for good (permanent)" : " for good (no attempt is left)";
        }
        String of = " of " + held.job.context().maxAttempts();
        String type = fail.getType().isEmpty() ? "" : " (" + fail.getType() + ")";
        String why = Failure.cut(fail.getMessage(), MOST_TEXT).replaceAll("\\R", " ") + type;
        String line = named(held.task) + of + ": failed" + fate + ": " + why;
        Level level = end ? Level.WARNING : Level.INFO;
        if (held.job.thrown() == null || held.job.thrown() instanceof Failure) {
            log(level, line);
            trace(held);
        } else {
            // Nobody meant it: where it came from is what one wants to know.
            log(level, line, held.job.thrown());
        }
    }

    private void trace(Held held) {
        if (held.job.thrown() != null) {
            log(Level.DEBUG, named(held.task) + ": thrown here", held.job.thrown());
        }
    }

    private void disconnected(TidemillException error) {
        Reason reason = Reason.of(error.fault());
        Long last = said.get(reason);
        if (last != null && Clock.since(last).compareTo(AGAIN) < 0) {
            return;
        }
        said.put(reason, System.nanoTime());
        String what =
                connected
                        ? "connection lost; trying again, and what runs goes on: "
                        : "not connected yet; trying again: ";
        log(Level.WARNING, what + error.getMessage());
    }

    private void stuck(int places) {
        if (places == 0) {
            log(Level.INFO, "all handlers that were stopped have ended");
        } else {
            String what = " handlers were stopped but do not end; each keeps its place";
            log(Level.WARNING, places + what);
        }
    }

    void listenerThrew(RuntimeException error) {
        log(Level.ERROR, "its listener threw", error);
    }

    private static String named(TaskFacts task) {
        return "task " + task.taskId() + " (" + task.kind() + "), attempt " + task.attempt();
    }

    private void log(Level level, String text) {
        log(level, text, null);
    }

    private void log(Level level, String text, Throwable thrown) {
        if (Worker.logs(level)) {
            Worker.log(level, "worker " + name + ": " + text, thrown);
        }
    }
}
