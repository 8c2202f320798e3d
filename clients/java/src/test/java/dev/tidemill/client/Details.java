package dev.tidemill.client;

import com.google.protobuf.Any;
import com.google.protobuf.Message;
import com.google.rpc.ErrorInfo;
import com.google.rpc.RetryInfo;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.StatusProto;
import java.util.Map;

/** Errors with details, as the server makes them. */
final class Details {
    private Details() {}

    static ErrorInfo info(String reason, Map<String, String> metadata) {
        return ErrorInfo.newBuilder()
                .setReason(reason)
                .setDomain("tidemill.dev")
                .putAllMetadata(metadata)
                .build();
    }

    static RetryInfo retryInfo(long seconds) {
        var delay = com.google.protobuf.Duration.newBuilder().setSeconds(seconds);
        return RetryInfo.newBuilder().setRetryDelay(delay).build();
    }

    static StatusRuntimeException status(Status.Code code, Message... details) {
        var status = com.google.rpc.Status.newBuilder().setCode(code.value()).setMessage("m");
        for (Message detail : details) {
            status.addDetails(Any.pack(detail));
        }
        return StatusProto.toStatusRuntimeException(status.build());
    }

    /** The store is away, and the call had this outcome. */
    static StatusRuntimeException away(String outcome) {
        return status(
                Status.Code.UNAVAILABLE, info("STORE_UNAVAILABLE", Map.of("outcome", outcome)));
    }

    /** The error of a call to {@code http://here} that was refused so. */
    static Fault refused(Status.Code code, Message... details) {
        StatusRuntimeException error = status(code, details);
        Fate fate = new Fate();
        var tracer = fate.newClientStreamTracer(null, null);
        tracer.streamCreated(null, null);
        tracer.inboundTrailers(new Metadata());
        return Statuses.read(error.getStatus(), error.getTrailers(), fate, "http://here");
    }
}
