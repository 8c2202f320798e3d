package dev.tidemill.client;

import dev.tidemill.v1.ErrorReason;
import java.util.Optional;

/** Names of the contract without their prefixes. */
final class Names {
    private static final String REASON = "ERROR_REASON_";

    private Names() {}

    static Optional<ErrorReason> reason(String name) {
        try {
            ErrorReason found = ErrorReason.valueOf(REASON + name);
            return found == ErrorReason.ERROR_REASON_UNSPECIFIED
                    ? Optional.empty()
                    : Optional.of(found);
        } catch (IllegalArgumentException newer) {
            return Optional.empty();
        }
    }

    static Optional<ErrorReason> reason(int number) {
        return Optional.ofNullable(ErrorReason.forNumber(number));
    }

    static String of(ErrorReason reason) {
        return reason.name().substring(REASON.length());
    }

    /** The name of a reason's number; of one that this version does not know, its number. */
    static String ofReason(int number) {
        return reason(number).map(Names::of).orElse(REASON + number);
    }
}
