package dev.tidemill.client;

import dev.tidemill.v1.EnqueueRequest;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import java.util.UUID;
import java.util.function.Supplier;

/**
 * A task to enqueue. Only the kind is required; what is not set stays absent in the request, so
 * that the server's defaults apply.
 *
 * <pre>{@code
 * Task task = Task.builder("email.send")
 *         .queue("mail")
 *         .text("hello")
 *         .idempotencyKey("order-17")
 *         .priority(Priority.HIGH)
 *         .delay(Duration.ofMinutes(1))
 *         .retryPolicy(RetryPolicy.builder().maxAttempts(10).build())
 *         .label("customer", "42")
 *         .build();
 * }</pre>
 */
public final class Task {
    private final EnqueueRequest message;

    private Task(EnqueueRequest message) {
        this.message = message;
    }

    /** A task of this kind, which selects the handler: {@code [A-Za-z0-9][A-Za-z0-9._-]{0,127}}. */
    public static Builder builder(String kind) {
        return new Builder(kind);
    }

    /** A task of this kind with this text as its input, and else the server's defaults. */
    public static Task ofText(String kind, String text) {
        return builder(kind).text(text).build();
    }

    /** The message of the contract. */
    public EnqueueRequest toProto() {
        return message;
    }

    /** The message as it is sent: with a key, and with the trace it belongs to. */
    EnqueueRequest toRequest(Supplier<Optional<TraceContext>> trace) {
        EnqueueRequest.Builder request = message.toBuilder();
        if (message.getIdempotencyKey().isEmpty()) {
            request.setIdempotencyKey(UUID.randomUUID().toString());
        }
        if (!message.hasTraceContext()) {
            trace.get()
                    .or(TraceContext::current)
                    .ifPresent(context -> request.setTraceContext(context.toProto()));
        }
        return request.build();
    }

    /** Sets up a {@link Task}. */
    public static final class Builder {
        private final EnqueueRequest.Builder message = EnqueueRequest.newBuilder();

        private Builder(String kind) {
            message.setKind(kind);
        }

        /** The queue, in the form of a kind. Without it: {@code default}. */
        public Builder queue(String name) {
            message.setQueue(name);
            return this;
        }

        /** The input. */
        public Builder payload(Payload payload) {
            message.setPayload(payload.toProto());
            return this;
        }

        /** The input as text. */
        public Builder text(String text) {
            return payload(Payload.text(text));
        }

        /**
         * The input as JSON.
         *
         * @throws TidemillException as {@link Payload#json}
         */
        public Builder json(Object value) {
            return payload(Payload.json(value));
        }

        /**
         * Makes repetitions safe beyond one call: the same key with the same content never stores a
         * second task, as long as the first is not finished and 24 h after. 1 to 255 bytes. Without
         * it a fresh key protects the tries of one call.
         */
        public Builder idempotencyKey(String key) {
            message.setIdempotencyKey(key);
            return this;
        }

        /** Order among ready tasks. */
        public Builder priority(Priority priority) {
            message.setPriority(priority.toProto());
            return this;
        }

        /** Not before this long from now, at most 365 days. Replaces {@link #runAt}. */
        public Builder delay(Duration delay) {
            message.setDelay(Protos.duration(delay));
            return this;
        }

        /**
         * Not before this time, at most 365 days ahead; a time in the past means now. Replaces
         * {@link #delay}.
         */
        public Builder runAt(Instant time) {
            message.setRunAt(Protos.time(time));
            return this;
        }

        /** Retries. */
        public Builder retryPolicy(RetryPolicy policy) {
            message.setRetryPolicy(policy.toProto());
            return this;
        }

        /** Longest run of one attempt, 1 s to 24 h. Without it: 30 min. */
        public Builder attemptTimeout(Duration timeout) {
            message.setAttemptTimeout(Protos.duration(timeout));
            return this;
        }

        /** Give up if the task is not finished by then, 1 s to 365 days. Without it: never. */
        public Builder expiresIn(Duration time) {
            message.setExpiresIn(Protos.duration(time));
            return this;
        }

        /**
         * How long the finished task is kept, 1 s to 365 days. Without it: 24 h, FAILED 30 days.
         */
        public Builder resultRetention(Duration time) {
            message.setResultRetention(Protos.duration(time));
            return this;
        }

        /** Adds a label. At most 32; names in the form of a kind, values at most 256 bytes. */
        public Builder label(String name, String value) {
            message.putLabels(name, value);
            return this;
        }

        /** The caller's trace. Without it: that of the client, or of the handler that enqueues. */
        public Builder traceContext(TraceContext context) {
            message.setTraceContext(context.toProto());
            return this;
        }

        /** Drops the input once the task has succeeded, to save memory. */
        public Builder dropInputOnSuccess() {
            message.setDropInputOnSuccess(true);
            return this;
        }

        /** Makes it. */
        public Task build() {
            return new Task(message.build());
        }
    }
}
