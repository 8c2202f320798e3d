package dev.tidemill.client;

import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.protobuf.StatusProto;
import java.security.cert.CertificateException;
import java.util.List;
import java.util.Locale;

/** Reads a gRPC status: its details, and whether it was made on this side. */
final class Statuses {
    private Statuses() {}

    /** Reads the status that a call to {@code address} ended with. */
    static Fault read(Status status, Metadata trailers, Fate fate, String address) {
        Refusal refusal = refusal(status, trailers);
        ErrorKind kind = kind(status, fate);
        Outcome outcome = outcome(refusal, fate.sent());
        String message = fate.answered() ? said(status) : cause(status);
        if (kind == ErrorKind.DEADLINE_EXCEEDED) {
            message = "no answer from " + address + " in time: " + message;
        }
        Fault fault = Fault.of(kind, outcome, address, message).withRefusal(refusal);
        TlsProblem problem = kind == ErrorKind.UNREACHABLE ? tlsProblem(status, address) : null;
        return problem == null ? fault : fault.withTlsProblem(problem);
    }

    /** Reads an error that came inside a message, e.g. of one entry of a batch. */
    static Fault read(com.google.rpc.Status status, String address) {
        Refusal refusal = Refusal.of(status);
        Outcome outcome = outcome(refusal, true);
        return Fault.of(ErrorKind.REFUSED, outcome, address, status.getMessage())
                .withRefusal(refusal);
    }

    private static ErrorKind kind(Status status, Fate fate) {
        // A proxy that answers in plain HTTP answers all the same.
        if (fate.answered() || said(status).startsWith("HTTP status code")) {
            return ErrorKind.REFUSED;
        }
        return switch (status.getCode()) {
            case DEADLINE_EXCEEDED -> ErrorKind.DEADLINE_EXCEEDED;
            case UNAVAILABLE, UNKNOWN, INTERNAL ->
                    fate.sent() ? ErrorKind.CONNECTION_LOST : ErrorKind.UNREACHABLE;
            case CANCELLED -> ErrorKind.CONNECTION_LOST;
            // This side's library refused, e.g. a message that is too large.
            default -> ErrorKind.REFUSED;
        };
    }

    private static Refusal refusal(Status status, Metadata trailers) {
        if (trailers != null) {
            try {
                com.google.rpc.Status details = StatusProto.fromStatusAndTrailers(status, trailers);
                if (details.getCode() == status.getCode().value()) {
                    return Refusal.of(details);
                }
            } catch (IllegalArgumentException unreadable) {
                // The code and the message stand without them.
            }
        }
        return Refusal.of(status.getCode());
    }

    private static Outcome outcome(Refusal refusal, boolean sent) {
        String said = refusal.metadata().get("outcome");
        if (said != null) {
            return said.equals("unknown") ? Outcome.UNKNOWN : Outcome.NOT_APPLIED;
        }
        if (!sent) {
            return Outcome.NOT_APPLIED;
        }
        return switch (refusal.code()) {
            case CANCELLED, DEADLINE_EXCEEDED, INTERNAL, UNAVAILABLE, UNKNOWN -> Outcome.UNKNOWN;
            default -> Outcome.NOT_APPLIED;
        };
    }

    private static String said(Status status) {
        return status.getDescription() == null ? "" : status.getDescription();
    }

    /** The library's words, and those of what was behind it. */
    private static String cause(Status status) {
        String text = said(status);
        for (Throwable at = status.getCause(); at != null; at = at.getCause()) {
            String message = at.getMessage();
            if (message != null && !text.contains(message)) {
                boolean says = !text.isEmpty() && !text.equals("io exception");
                text = says ? text + ": " + message : message;
            }
        }
        return text.lines().findFirst().orElse(status.getCode().name());
    }

    /** What a failed handshake usually means; null if it is about something else. */
    static TlsProblem tlsProblem(Status status, String address) {
        StringBuilder all = new StringBuilder(said(status));
        boolean certificate = false;
        for (Throwable at = status.getCause(); at != null; at = at.getCause()) {
            certificate |= at instanceof CertificateException;
            all.append(' ').append(at);
        }
        String text = all.toString().toLowerCase(Locale.ROOT);
        if (!address.startsWith("https://")) {
            List<String> closed =
                    List.of("closed", "first received frame", "connection reset", "broken pipe");
            return closed.stream().anyMatch(text::contains) ? TlsProblem.REQUIRED : null;
        }
        if (text.contains("not an ssl/tls record")) {
            return TlsProblem.NOT_SPOKEN;
        }
        if (text.contains("certificate_required") || text.contains("certificate required")) {
            return TlsProblem.CERTIFICATE_REQUIRED;
        }
        return certificate || text.contains("certpath") ? TlsProblem.UNTRUSTED : null;
    }
}
