package dev.tidemill.client;

import java.time.Duration;

/**
 * How often and how fast a failed task is tried again. What is not set takes the server's default:
 * 4 attempts, 1 s doubling up to 10 min, with full jitter.
 */
public final class RetryPolicy {
    private final dev.tidemill.v1.RetryPolicy message;

    private RetryPolicy(dev.tidemill.v1.RetryPolicy message) {
        this.message = message;
    }

    /** Sets one up. */
    public static Builder builder() {
        return new Builder();
    }

    dev.tidemill.v1.RetryPolicy toProto() {
        return message;
    }

    /** Sets up a {@link RetryPolicy}. */
    public static final class Builder {
        private final dev.tidemill.v1.RetryPolicy.Builder message =
                dev.tidemill.v1.RetryPolicy.newBuilder();

        private Builder() {}

        /**
         * Attempts in all, the first included: 1 to 100. Failures and crashes count, releases do
         * not.
         */
        public Builder maxAttempts(int attempts) {
            message.setMaxAttempts(attempts);
            return this;
        }

        /** Backoff after the first failure, 1 ms to 24 h. */
        public Builder initialBackoff(Duration backoff) {
            message.setInitialBackoff(Protos.duration(backoff));
            return this;
        }

        /** Upper bound of the backoff, at most 7 days. */
        public Builder maxBackoff(Duration backoff) {
            message.setMaxBackoff(Protos.duration(backoff));
            return this;
        }

        /** Growth of the backoff from one failure to the next, 1 to 100. */
        public Builder multiplier(double multiplier) {
            message.setMultiplier(multiplier);
            return this;
        }

        /** Makes it. */
        public RetryPolicy build() {
            return new RetryPolicy(message.build());
        }
    }
}
