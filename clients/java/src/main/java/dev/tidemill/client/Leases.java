package dev.tidemill.client;

import dev.tidemill.v1.CancelRequested;
import dev.tidemill.v1.MessageKind;
import dev.tidemill.v1.Refused;
import dev.tidemill.v1.Settled;
import dev.tidemill.v1.WorkRequest;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;

/** The leases that a session holds, and what becomes of each. Only the session's thread is here. */
final class Leases {
    private final Setup setup;
    private final Places places;
    private final Consumer<WorkRequest> say;
    private final Map<String, Held> all = new HashMap<>();

    /** {@code say} says something at once, if there is a stream. */
    Leases(Setup setup, Places places, Consumer<WorkRequest> say) {
        this.setup = setup;
        this.places = places;
        this.say = say;
    }

    boolean isEmpty() {
        return all.isEmpty();
    }

    int size() {
        return all.size();
    }

    Set<String> tokens() {
        return all.keySet();
    }

    void add(String token, Held held) {
        all.put(token, held);
    }

    /** When something is due; null: never. */
    Long nextDue() {
        Long soonest = null;
        for (Held held : all.values()) {
            if (held.due != null && (soonest == null || held.due - soonest < 0)) {
                soonest = held.due;
            }
        }
        return soonest;
    }

    /**
     * A new stream, whose registration named some, has adopted these. Whether an open settle was
     * applied is unknown: it is said again.
     */
    void adopted(Set<String> named, List<String> tokens) {
        Set<String> adopted = new HashSet<>(tokens);
        all.forEach(
                (token, held) -> {
                    held.notAdopted = named.contains(token) && !adopted.contains(token);
                    if (held.settle != null) {
                        held.due = null;
                        say.accept(held.settle);
                    }
                });
    }

    void ask(CancelRequested message) {
        Held held = all.get(message.getLeaseToken());
        if (held != null && held.settle == null) {
            held.job.context().ask(CancelRequest.of(message));
            if (held.due == null) {
                // Said again after each registration: the grace began with the first.
                held.due = Clock.in(setup.cancelGrace());
            }
        }
    }

    void settled(Settled message) {
        Held held = all.remove(message.getLeaseToken());
        if (held != null) {
            TaskState state = TaskState.of(message.getState());
            setup.log().settled(held, state);
            setup.tell(new WorkerEvent.Settled(held.task, state));
        }
    }

    void lost(String token) {
        Held held = all.get(token);
        if (held == null) {
            return;
        }
        boolean saidAtRegistration = held.notAdopted;
        held.notAdopted = false;
        // Otherwise the settle that was said again has an answer of its own to come.
        if (held.settle == null || !saidAtRegistration) {
            forget(token);
            setup.tell(new WorkerEvent.LeaseLost(held.task));
        }
    }

    /**
     * Something that a handler said. What it says after its lease was lost, or after it was
     * stopped, goes nowhere.
     */
    boolean takes(Reports.Report report) {
        Held held = all.get(report.token());
        if (held == null || held.settle != null) {
            return false;
        }
        if (report.settles()) {
            held.settle = report.message();
            held.due = null;
        } else {
            held.reported = true;
        }
        return true;
    }

    /** Ends an attempt from this side: its handler is stopped. */
    void settle(String token, WorkRequest message) {
        Held held = all.get(token);
        if (held != null) {
            places.stop(held.job);
            held.due = null;
            held.settle = message;
        }
        say.accept(message);
    }

    void refused(Refused message) {
        String token = message.getLeaseToken();
        Held held = all.get(token);
        if (held == null) {
            return;
        }
        String reason = message.getReason();
        String text = reason + ": " + message.getMessage();
        boolean wrong = reason.equals("INVALID_REQUEST") && !message.getOutcomeUnknown();
        boolean unsaid = unsaid(message.getKind());
        if (held.settle == null || message.getKind() == MessageKind.MESSAGE_KIND_PROGRESS) {
            // A report; its handler hears of it with the next one.
            held.job.context().refuse(text);
        } else if (!unsaid && message.getKind() != kind(held.settle)) {
            // Of a settle that another has replaced, whose own answer is still to come.
            return;
        } else if (!wrong || (unsaid && held.reported)) {
            // It may pass; or it was a report before the settle that was refused, which an older
            // server does not say: then the settle's own answer is still to come, and to say it
            // again is harmless.
            held.reported &= !wrong;
            held.refusals++;
            held.due = Clock.in(Backoff.wait(held.refusals, Session.MAX_BACKOFF));
            return;
        } else if (held.settle.hasComplete()) {
            // An output that the server cannot take must not be tried for ever: the next attempt
            // would make the same one.
            Failure failure = Failure.permanent("the output was refused: " + text);
            settle(token, failure.toSettle(token, null));
        } else {
            // Nothing that could be said would be taken: the lease expires.
            forget(token);
        }
        setup.tell(new WorkerEvent.Refused(held.task, text));
    }

    private static boolean unsaid(MessageKind kind) {
        return kind == MessageKind.MESSAGE_KIND_UNSPECIFIED || kind == MessageKind.UNRECOGNIZED;
    }

    private static MessageKind kind(WorkRequest settle) {
        return switch (settle.getMessageCase()) {
            case COMPLETE -> MessageKind.MESSAGE_KIND_COMPLETE;
            case FAIL -> MessageKind.MESSAGE_KIND_FAIL;
            case RELEASE -> MessageKind.MESSAGE_KIND_RELEASE;
            default -> MessageKind.MESSAGE_KIND_UNSPECIFIED;
        };
    }

    /** Says a settle again, or stops a handler that was asked to stop. */
    void tick() {
        List<String> due =
                all.entrySet().stream()
                        .filter(held -> held.getValue().due != null)
                        .filter(held -> Clock.passed(held.getValue().due))
                        .map(Map.Entry::getKey)
                        .toList();
        due.forEach(this::due);
    }

    private void due(String token) {
        Held held = all.get(token);
        held.due = null;
        Context context = held.job.context();
        if (held.settle != null) {
            say.accept(held.settle);
        } else if (held.job.settle() != null) {
            // It ended in time; its report waits for a stream.
            settle(token, held.job.settle());
        } else if (context.isCancelled()) {
            settle(token, Failure.cancelled().toSettle(token, context.cause()));
        }
    }

    /** The grace is over: what still runs is given back; what has ended waits for its answer. */
    void releaseRunning() {
        List<String> running =
                all.entrySet().stream()
                        .filter(held -> held.getValue().settle == null)
                        .map(Map.Entry::getKey)
                        .toList();
        running.forEach(
                token -> {
                    WorkRequest ended = all.get(token).job.settle();
                    settle(token, ended != null ? ended : Failure.release(token, false, true));
                });
    }

    /** Whoever forgets a lease stops its handler: nothing it does would count. */
    private void forget(String token) {
        places.stop(all.remove(token).job);
    }

    void dropAll() {
        all.values().forEach(held -> places.stop(held.job));
        all.clear();
    }
}
