package dev.tidemill.client;

import com.google.protobuf.Timestamp;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;

/** Times and durations of the contract. */
final class Protos {
    private Protos() {}

    static com.google.protobuf.Duration duration(Duration duration) {
        return com.google.protobuf.Duration.newBuilder()
                .setSeconds(duration.getSeconds())
                .setNanos(duration.getNano())
                .build();
    }

    /** One that the server sent. A negative one counts as zero. */
    static Duration duration(com.google.protobuf.Duration duration) {
        boolean negative = duration.getSeconds() < 0 || duration.getNanos() < 0;
        return negative
                ? Duration.ZERO
                : Duration.ofSeconds(duration.getSeconds(), duration.getNanos());
    }

    static Timestamp time(Instant time) {
        return Timestamp.newBuilder()
                .setSeconds(time.getEpochSecond())
                .setNanos(time.getNano())
                .build();
    }

    /** One that the server sent; empty if it is absent or out of this platform's range. */
    static Optional<Instant> time(boolean present, Timestamp time) {
        try {
            return present
                    ? Optional.of(Instant.ofEpochSecond(time.getSeconds(), time.getNanos()))
                    : Optional.empty();
        } catch (DateTimeException outOfRange) {
            return Optional.empty();
        }
    }
}
