package dev.tidemill.client;

import io.grpc.Status;
import java.io.Serializable;
import java.time.Duration;

/**
 * What is known of a failure: a {@link TidemillException} before it is thrown.
 *
 * @param kind what kind it is
 * @param outcome whether the call left a trace
 * @param message what happened, in words
 * @param refusal what a status said beside its message
 * @param address who was asked; may be empty
 * @param idempotencyKey of an enqueue; may be null
 * @param tlsProblem what seems to be wrong about TLS; may be null
 */
record Fault(
        ErrorKind kind,
        Outcome outcome,
        String message,
        Refusal refusal,
        String address,
        String idempotencyKey,
        TlsProblem tlsProblem)
        implements Serializable {

    static Fault of(ErrorKind kind, Outcome outcome, String address, String message) {
        return new Fault(kind, outcome, message, Refusal.NONE, address, null, null);
    }

    static Fault invalid(String message) {
        return of(ErrorKind.INVALID, Outcome.NOT_APPLIED, "", message);
    }

    static Fault contract(String address, String message) {
        return of(ErrorKind.CONTRACT, Outcome.UNKNOWN, address, message);
    }

    /** No answer from {@code address} within {@code limit}. */
    static Fault deadline(Outcome outcome, String address, Duration limit) {
        String message = "no answer from " + address + " within " + seconds(limit);
        return of(ErrorKind.DEADLINE_EXCEEDED, outcome, address, message)
                .withRefusal(Refusal.of(Status.Code.DEADLINE_EXCEEDED));
    }

    /** A stream broke off. */
    static Fault broken(Outcome outcome, String address, String message) {
        return of(ErrorKind.CONNECTION_LOST, outcome, address, message);
    }

    Fault withRefusal(Refusal found) {
        return new Fault(kind, outcome, message, found, address, idempotencyKey, tlsProblem);
    }

    /** An earlier try may have left a trace, even if the last one did not. */
    Fault withOutcome(Outcome ofAllTries) {
        return new Fault(kind, ofAllTries, message, refusal, address, idempotencyKey, tlsProblem);
    }

    Fault withKey(String key) {
        return new Fault(kind, outcome, message, refusal, address, key, tlsProblem);
    }

    Fault withTlsProblem(TlsProblem problem) {
        return new Fault(
                kind,
                outcome,
                message + "; " + problem.hint(),
                refusal,
                address,
                idempotencyKey,
                problem);
    }

    TidemillException exception() {
        return new TidemillException(this, null);
    }

    /** Of something that was thrown; what is none of ours is a bug, and thrown on as it is. */
    static Fault of(Throwable thrown) {
        Throwable inner = Futures.unwrapped(thrown);
        if (inner instanceof TidemillException known) {
            return known.fault();
        }
        throw inner instanceof RuntimeException bug ? bug : new IllegalStateException(inner);
    }

    /**
     * When to try again, by the rule of AIP-194: UNAVAILABLE always, RESOURCE_EXHAUSTED only if the
     * server says when, others never.
     */
    Again again() {
        Duration delay = refusal.retryAfter() == null ? Duration.ZERO : refusal.retryAfter();
        return switch (kind) {
            case UNREACHABLE, CONNECTION_LOST -> Again.whenBack(Duration.ZERO);
            case REFUSED ->
                    switch (refusal.code()) {
                        case UNAVAILABLE -> Again.whenBack(delay);
                        case RESOURCE_EXHAUSTED ->
                                refusal.retryAfter() == null ? Again.NEVER : Again.after(delay);
                        default -> Again.NEVER;
                    };
            default -> Again.NEVER;
        };
    }

    /** The same for a stream, which may be resumed after anything but a considered refusal. */
    Again resume() {
        Status.Code code = refusal.code();
        boolean considered = !refusal.reason().isEmpty() && code != Status.Code.DEADLINE_EXCEEDED;
        if (code == null || considered) {
            return again();
        }
        return switch (code) {
            case UNKNOWN, INTERNAL, ABORTED, CANCELLED, DEADLINE_EXCEEDED ->
                    Again.whenBack(Duration.ZERO);
            default -> again();
        };
    }

    /** One line for people. */
    String text() {
        String code = refusal.code() == null ? "no status" : refusal.code().name();
        StringBuilder text = new StringBuilder();
        switch (kind) {
            case UNREACHABLE -> text.append("cannot reach ").append(address).append(": ");
            case CONNECTION_LOST ->
                    text.append("lost the connection to ")
                            .append(address)
                            .append(" (" + code + "): ");
            case CONTRACT -> text.append("the server broke the contract: ");
            case REFUSED ->
                    text.append(
                            refusal.reason().isEmpty()
                                    ? code + " from " + address + ": "
                                    : refusal.reason() + " (" + code + "): ");
            case DEADLINE_EXCEEDED, INVALID -> {}
        }
        text.append(message);
        for (Violation violation : refusal.violations()) {
            if (isSaid(violation)) {
                continue;
            }
            text.append("; ").append(violation.subject()).append(": ");
            text.append(violation.description());
        }
        return text.toString();
    }

    /** A message about one field holds what is wrong with it. */
    private boolean isSaid(Violation violation) {
        return message.contains(violation.subject()) && message.contains(violation.description());
    }

    private static String seconds(Duration limit) {
        return limit.toMillis() / 1_000.0 + " s";
    }
}
