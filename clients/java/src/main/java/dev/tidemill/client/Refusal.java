package dev.tidemill.client;

import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.rpc.BadRequest;
import com.google.rpc.ErrorInfo;
import com.google.rpc.PreconditionFailure;
import com.google.rpc.QuotaFailure;
import com.google.rpc.RetryInfo;
import io.grpc.Status;
import java.io.Serializable;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * What a status said, beside its message.
 *
 * @param code the gRPC code; null if no status came
 * @param reason the name of the reason; empty if none was given
 * @param metadata of the reason
 * @param violations every one of all details
 * @param retryAfter how long to wait; null if nothing was said
 */
record Refusal(
        Status.Code code,
        String reason,
        Map<String, String> metadata,
        List<Violation> violations,
        Duration retryAfter)
        implements Serializable {

    static final Refusal NONE = of((Status.Code) null);

    /** Domain of the server's own reasons; another one is a proxy's. */
    private static final String DOMAIN = "tidemill.dev";

    static Refusal of(Status.Code code) {
        return new Refusal(code, "", Map.of(), List.of(), null);
    }

    /** Details that cannot be read are left out: the code and the message stand without them. */
    static Refusal of(com.google.rpc.Status status) {
        Refusal found = of(Status.fromCodeValue(status.getCode()).getCode());
        for (Any detail : status.getDetailsList()) {
            try {
                found = found.with(detail);
            } catch (InvalidProtocolBufferException unreadable) {
                // The rest may still be of use.
            }
        }
        return found;
    }

    private Refusal with(Any any) throws InvalidProtocolBufferException {
        if (any.is(ErrorInfo.class)) {
            ErrorInfo info = any.unpack(ErrorInfo.class);
            if (!info.getDomain().equals(DOMAIN)) {
                return this;
            }
            Map<String, String> said = Map.copyOf(info.getMetadataMap());
            return new Refusal(code, info.getReason(), said, violations, retryAfter);
        }
        if (any.is(RetryInfo.class)) {
            Duration delay = Protos.duration(any.unpack(RetryInfo.class).getRetryDelay());
            return new Refusal(code, reason, metadata, violations, delay);
        }
        List<Violation> all = new ArrayList<>(violations);
        if (any.is(BadRequest.class)) {
            any.unpack(BadRequest.class)
                    .getFieldViolationsList()
                    .forEach(v -> all.add(new Violation(v.getField(), v.getDescription())));
        } else if (any.is(QuotaFailure.class)) {
            any.unpack(QuotaFailure.class)
                    .getViolationsList()
                    .forEach(v -> all.add(new Violation(v.getSubject(), v.getDescription())));
        } else if (any.is(PreconditionFailure.class)) {
            any.unpack(PreconditionFailure.class)
                    .getViolationsList()
                    .forEach(v -> all.add(new Violation(v.getSubject(), v.getDescription())));
        }
        return new Refusal(code, reason, metadata, List.copyOf(all), retryAfter);
    }
}
