package dev.tidemill.client;

import com.google.protobuf.Int32Value;
import com.google.protobuf.StringValue;
import io.grpc.MethodDescriptor;
import io.grpc.protobuf.ProtoUtils;

/** What a server says of itself by the standard health protocol ({@code grpc.health.v1}). */
public enum Health {
    /** It serves. */
    SERVING,
    /** It runs, but does not serve: it starts, drains, or cannot reach its store. */
    NOT_SERVING,
    /** It does not know. */
    UNKNOWN;

    /**
     * Request and answer have one field, number 1: a string, and an enumeration. Those of the
     * wrapper types are the same on the wire, which spares a dependency for two messages.
     */
    static final MethodDescriptor<StringValue, Int32Value> CHECK =
            MethodDescriptor.<StringValue, Int32Value>newBuilder()
                    .setType(MethodDescriptor.MethodType.UNARY)
                    .setFullMethodName("grpc.health.v1.Health/Check")
                    .setRequestMarshaller(ProtoUtils.marshaller(StringValue.getDefaultInstance()))
                    .setResponseMarshaller(ProtoUtils.marshaller(Int32Value.getDefaultInstance()))
                    .build();

    static Health of(Int32Value answer) {
        return switch (answer.getValue()) {
            case 1 -> SERVING;
            case 2 -> NOT_SERVING;
            default -> UNKNOWN;
        };
    }
}
