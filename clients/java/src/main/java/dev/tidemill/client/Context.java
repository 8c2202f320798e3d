package dev.tidemill.client;

import dev.tidemill.v1.Assignment;
import dev.tidemill.v1.ReportProgressRequest;
import dev.tidemill.v1.WorkRequest;
import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;

/** One attempt of one task, for its handler. */
public final class Context {
    /** The contract's limit of one chunk. */
    private static final int MOST_CHUNK = 64 * 1024;

    /** The contract's limit of the text of a progress. */
    private static final int MOST_TEXT = 1024;

    private final Assignment assignment;
    private final Payload payload;
    private final Reports reports;
    private final CompletableFuture<CancelRequest> cancel = new CompletableFuture<>();
    private volatile CancelRequest asked;
    private volatile boolean over;
    private volatile String refused;

    Context(Assignment assignment, Reports reports) {
        this.assignment = assignment;
        this.payload = Payload.ofProto(assignment.getPayload());
        this.reports = reports;
    }

    /** The input. */
    public Payload payload() {
        return payload;
    }

    /** The task. */
    public String taskId() {
        return assignment.getTaskId();
    }

    /** Its queue. */
    public String queue() {
        return assignment.getQueue();
    }

    /** Its kind. */
    public String kind() {
        return assignment.getKind();
    }

    /** Number of this attempt, from 1. */
    public int attempt() {
        return assignment.getAttempt();
    }

    /** Attempts allowed in all. */
    public int maxAttempts() {
        return assignment.getMaxAttempts();
    }

    /**
     * Grows with every lease of the task. Send it along with writes to other systems and let them
     * refuse a smaller one than they have seen: so a handler that lost its lease without noticing
     * changes nothing.
     */
    public long fence() {
        return assignment.getFence();
    }

    /** Longest run of this attempt; after it a cancel request comes. */
    public Optional<Duration> attemptTimeout() {
        return assignment.hasAttemptTimeout()
                ? Optional.of(Protos.duration(assignment.getAttemptTimeout()))
                : Optional.empty();
    }

    /** Labels given at enqueue. */
    public Map<String, String> labels() {
        return assignment.getLabelsMap();
    }

    /**
     * Trace context given at enqueue. Tasks that are enqueued on the handler's thread carry it on
     * by themselves.
     */
    public Optional<TraceContext> traceContext() {
        return assignment.hasTraceContext()
                ? Optional.of(TraceContext.of(assignment.getTraceContext()))
                : Optional.empty();
    }

    /** When the task was enqueued. */
    public Optional<Instant> createTime() {
        return Protos.time(assignment.hasCreateTime(), assignment.getCreateTime());
    }

    /** When this attempt was leased, by the store's clock. */
    public Optional<Instant> leaseTime() {
        return Protos.time(assignment.hasLeaseTime(), assignment.getLeaseTime());
    }

    /** The error of the attempt before, if there was one. */
    public Optional<TaskError> lastError() {
        return TaskError.of(assignment.hasLastError(), assignment.getLastError());
    }

    /**
     * Tells how far the attempt has come: a share between 0 and 1, and a short text for people, cut
     * at 1 KiB. Never waits: it is dropped if much else is on its way, and the server stores it at
     * most twice a second, the latest winning.
     */
    public void progress(double fraction, String message) {
        double share = Double.isNaN(fraction) ? 0 : Math.min(1, Math.max(0, fraction));
        String text = Failure.cut(message, MOST_TEXT);
        var progress = dev.tidemill.v1.Progress.newBuilder().setFraction(share).setMessage(text);
        if (!over) {
            reports.offer(token(), report(about().setProgress(progress)));
        }
    }

    /**
     * Sends a piece of output, as {@link Payload#of} understands it, which watchers see at once.
     * Waits while much is on its way. Pieces come in order; those that are on their way when a
     * connection breaks may be lost.
     *
     * @throws ReportException if it was not sent
     * @throws InterruptedException if the handler was stopped meanwhile
     */
    public void chunk(Object piece) throws InterruptedException {
        dev.tidemill.v1.Payload content = Payload.of(piece).toProto();
        int bytes = content.getSerializedSize();
        if (bytes > MOST_CHUNK) {
            throw new ReportException(
                    ReportException.Kind.TOO_LARGE,
                    "a chunk of " + bytes + " bytes: at most 65536 are allowed; split it");
        }
        String earlier = refused;
        if (earlier != null) {
            throw new ReportException(
                    ReportException.Kind.REFUSED, "an earlier chunk was refused: " + earlier);
        }
        if (!reports.put(token(), report(about().setOutputChunk(content)), () -> over)) {
            throw new ReportException(ReportException.Kind.STOPPED, "the attempt is over");
        }
    }

    /** The request to stop, if there is one. */
    public Optional<CancelRequest> cancelRequest() {
        return Optional.ofNullable(asked);
    }

    /** True once the handler is asked to stop. */
    public boolean isCancelled() {
        return asked != null;
    }

    /**
     * Done when the handler is asked to stop. It may then still succeed, or agree with {@link
     * Failure#cancelled}; after the worker's cancel grace its thread is interrupted, which counts
     * as agreeing.
     */
    public CompletableFuture<CancelRequest> cancelled() {
        return cancel.copy();
    }

    /** Waits until the handler is asked to stop; see {@link #cancelled}. */
    public CancelRequest awaitCancel() throws InterruptedException {
        try {
            return cancel.get();
        } catch (ExecutionException never) {
            throw new IllegalStateException(never);
        }
    }

    /** What hangs on {@link #cancelled} is the handler's, and must not hold up the session. */
    void ask(CancelRequest request) {
        asked = request;
        Background.POOL.execute(() -> cancel.complete(request));
    }

    /** Why it is asked to stop; may be null. */
    CancelCause cause() {
        return cancelRequest().map(CancelRequest::cause).orElse(null);
    }

    /** What the server said of a report that it did not take. */
    void refuse(String message) {
        refused = message;
    }

    /** Nothing that it says counts any more. */
    void end() {
        over = true;
    }

    String token() {
        return assignment.getLeaseToken();
    }

    Assignment assignment() {
        return assignment;
    }

    private ReportProgressRequest.Builder about() {
        return ReportProgressRequest.newBuilder().setLeaseToken(token());
    }

    private static WorkRequest report(ReportProgressRequest.Builder report) {
        return WorkRequest.newBuilder().setProgress(report).build();
    }
}
