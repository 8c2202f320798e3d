package dev.tidemill.client;

import dev.tidemill.v1.ErrorReason;
import io.grpc.Status;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/**
 * Why a call failed, and whether it left a trace. {@link #getMessage()} is one line that names the
 * reason and every violated field, each once.
 */
public final class TidemillException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** Everything that is known. */
    private final Fault fault;

    TidemillException(Fault fault, Throwable cause) {
        super(fault.text(), cause);
        this.fault = fault;
    }

    Fault fault() {
        return fault;
    }

    /** What kind of failure it was. */
    public ErrorKind getKind() {
        return fault.kind();
    }

    /** Whether the call left a trace. Considers all tries of the call. */
    public Outcome getOutcome() {
        return fault.outcome();
    }

    /** The reason the server gave. Empty: it gave none, or one that this version does not know. */
    public Optional<ErrorReason> getReason() {
        return Names.reason(fault.refusal().reason());
    }

    /** The reason's name without its prefix, e.g. {@code QUEUE_FULL}; empty if none was given. */
    public String getReasonName() {
        return fault.refusal().reason();
    }

    /** The gRPC code, if a status came. */
    public Optional<Status.Code> getCode() {
        return Optional.ofNullable(fault.refusal().code());
    }

    /** The message alone, without reason, code and violations. */
    public String getDetail() {
        return fault.message();
    }

    /** Every violation the server named. */
    public List<Violation> getViolations() {
        return fault.refusal().violations();
    }

    /** How long the server asks to wait before another try. */
    public Optional<Duration> getRetryAfter() {
        return Optional.ofNullable(fault.refusal().retryAfter());
    }

    /** Metadata of the server's reason, e.g. {@code task_id} of IDEMPOTENCY_KEY_REUSED. */
    public Optional<String> getMetadata(String key) {
        return Optional.ofNullable(fault.refusal().metadata().get(key));
    }

    /** The address that was asked; empty if none was. */
    public String getAddress() {
        return fault.address();
    }

    /**
     * The idempotency key of a failed enqueue: with it the same task can be enqueued again without
     * storing it twice.
     */
    public Optional<String> getIdempotencyKey() {
        return Optional.ofNullable(fault.idempotencyKey());
    }

    /** What seems to be wrong about TLS; the text says it, too. */
    public Optional<TlsProblem> getTlsProblem() {
        return Optional.ofNullable(fault.tlsProblem());
    }
}
