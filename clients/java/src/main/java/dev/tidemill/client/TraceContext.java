package dev.tidemill.client;

import java.util.Objects;
import java.util.Optional;

/**
 * Trace context of a caller, as W3C Trace Context defines it. It is stored with the task and passed
 * on to its handler as it is.
 *
 * @param traceparent the {@code traceparent} header, at most 64 bytes
 * @param tracestate the {@code tracestate} header, at most 512 bytes; often empty
 */
public record TraceContext(String traceparent, String tracestate) {
    private static final ThreadLocal<TraceContext> CURRENT = new ThreadLocal<>();

    /** With both headers. */
    public TraceContext {
        Objects.requireNonNull(traceparent, "traceparent");
        Objects.requireNonNull(tracestate, "tracestate");
    }

    /** With this {@code traceparent} and no {@code tracestate}. */
    public TraceContext(String traceparent) {
        this(traceparent, "");
    }

    /**
     * The context of the task whose handler runs on this thread. Tasks that the handler enqueues
     * carry it on, unless they have one of their own.
     */
    public static Optional<TraceContext> current() {
        return Optional.ofNullable(CURRENT.get());
    }

    /** Makes it the one of this thread; null: none. */
    static void enter(TraceContext context) {
        if (context == null) {
            CURRENT.remove();
        } else {
            CURRENT.set(context);
        }
    }

    static TraceContext of(dev.tidemill.v1.TraceContext context) {
        return new TraceContext(context.getTraceparent(), context.getTracestate());
    }

    dev.tidemill.v1.TraceContext toProto() {
        return dev.tidemill.v1.TraceContext.newBuilder()
                .setTraceparent(traceparent)
                .setTracestate(tracestate)
                .build();
    }
}
