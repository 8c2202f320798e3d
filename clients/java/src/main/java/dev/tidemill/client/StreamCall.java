package dev.tidemill.client;

import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ClientCall;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.Status;
import java.util.function.Consumer;

/**
 * One streaming call. What comes of it goes to a queue as a {@link Signal}; what is sent must come
 * from one thread. Messages come one by one, each asked for with {@link #more}.
 */
final class StreamCall<Q, A> {
    /** Something that came of a stream. */
    sealed interface Signal {
        /** The stream it came of: one that was left may still say something. */
        StreamCall<?, ?> of();
    }

    /** The server has taken the call. */
    record Opened(StreamCall<?, ?> of) implements Signal {}

    /** A message came. */
    record Message(StreamCall<?, ?> of, Object content) implements Signal {}

    /** There is room to send again. */
    record Ready(StreamCall<?, ?> of) implements Signal {}

    /** It is over: with an error, or null in order. */
    record Closed(StreamCall<?, ?> of, Fault fault) implements Signal {}

    private final ClientCall<Q, A> call;
    private final String address;
    private final Fate fate = new Fate();
    private final long since = System.nanoTime();

    StreamCall(Channel channel, MethodDescriptor<Q, A> method, String address) {
        this.address = address;
        this.call = channel.newCall(method, CallOptions.DEFAULT.withStreamTracerFactory(fate));
    }

    /** Begins. The sink is called on threads of the transport and must not block. */
    void start(Consumer<Signal> sink) {
        call.start(new Ears(sink), new Metadata());
        call.request(1);
    }

    void send(Q message) {
        call.sendMessage(message);
    }

    void halfClose() {
        call.halfClose();
    }

    /** Breaks it off. From any thread. */
    void cancel(String why) {
        call.cancel(why, null);
    }

    void more() {
        call.request(1);
    }

    /** Takes whatever still comes. */
    void drain() {
        call.request(Integer.MAX_VALUE);
    }

    /** False: what is sent now waits in memory. */
    boolean isReady() {
        return call.isReady();
    }

    /** When it began. */
    long since() {
        return since;
    }

    private final class Ears extends ClientCall.Listener<A> {
        private final Consumer<Signal> sink;

        Ears(Consumer<Signal> sink) {
            this.sink = sink;
        }

        @Override
        public void onHeaders(Metadata headers) {
            sink.accept(new Opened(StreamCall.this));
        }

        @Override
        public void onMessage(A message) {
            sink.accept(new Message(StreamCall.this, message));
        }

        @Override
        public void onReady() {
            sink.accept(new Ready(StreamCall.this));
        }

        @Override
        public void onClose(Status status, Metadata trailers) {
            Fault fault = status.isOk() ? null : Statuses.read(status, trailers, fate, address);
            sink.accept(new Closed(StreamCall.this, fault));
        }
    }
}
