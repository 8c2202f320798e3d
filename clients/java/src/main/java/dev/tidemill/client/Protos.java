package dev.tidemill.client;

import com.google.protobuf.Timestamp;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;

/** Times and durations of the contract. */
final class Protos {
    private Protos() {}

    private static final int NANOS = 1_000_000_000;

    /** One that is too long goes as it is: the server names the field and the limit. */
    static com.google.protobuf.Duration duration(Duration duration) {
        // Of the contract's, both parts have the same sign.
        boolean mixed = duration.isNegative() && duration.getNano() > 0;
        return com.google.protobuf.Duration.newBuilder()
                .setSeconds(duration.getSeconds() + (mixed ? 1 : 0))
                .setNanos(duration.getNano() - (mixed ? NANOS : 0))
                .build();
    }

    /** One that the server sent. A negative one counts as zero, an endless one as a century. */
    static Duration duration(com.google.protobuf.Duration duration) {
        if (duration.getSeconds() < 0 || duration.getNanos() < 0) {
            return Duration.ZERO;
        }
        boolean endless = duration.getSeconds() >= Clock.FOREVER.toSeconds();
        return endless
                ? Clock.FOREVER
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
