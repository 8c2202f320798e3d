package dev.tidemill.client;

import io.grpc.Attributes;
import io.grpc.ClientStreamTracer;
import io.grpc.Metadata;

/**
 * What became of one call on its way: a status does not say whether it came from the server or was
 * made on this side, nor whether anything was sent.
 */
final class Fate extends ClientStreamTracer.Factory {
    private volatile boolean sent;
    private volatile boolean answered;

    /** The call was given to a connection. */
    boolean sent() {
        return sent;
    }

    /** The server ended the call with a status of its own. */
    boolean answered() {
        return answered;
    }

    @Override
    public ClientStreamTracer newClientStreamTracer(
            ClientStreamTracer.StreamInfo info, Metadata headers) {
        return new ClientStreamTracer() {
            @Override
            public void streamCreated(Attributes transport, Metadata headers) {
                sent = true;
            }

            @Override
            public void inboundTrailers(Metadata trailers) {
                answered = true;
            }
        };
    }
}
