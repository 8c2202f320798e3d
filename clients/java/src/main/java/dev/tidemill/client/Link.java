package dev.tidemill.client;

import io.grpc.ChannelCredentials;
import io.grpc.ClientInterceptor;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.ManagedChannelBuilder;
import io.grpc.Metadata;
import io.grpc.stub.MetadataUtils;
import java.net.URI;
import java.net.URISyntaxException;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** One address: its connection, and what the calls over it share. */
final class Link {
    /**
     * A silent peer is given up after half a minute: a watch notices a network that swallows
     * packets.
     */
    private static final long KEEP_ALIVE_SECONDS = 20;

    private static final long KEEP_ALIVE_TIMEOUT_SECONDS = 10;

    /** Above the largest message that any server sends. */
    private static final int MOST_MESSAGE = 16 * 1024 * 1024;

    private static final Metadata.Key<String> AUTHORIZATION =
            Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER);

    private static final Pattern CERTIFICATES = Pattern.compile("SslContext: ([^;]*)");

    final String address;
    final Line line = new Line();
    private final String target;
    private final ChannelCredentials credentials;
    private final String domain;
    private final String userAgent;
    private final String token;
    private ManagedChannel channel;
    private boolean closed;

    /** Checks the address and the certificates; connects with the first call. */
    Link(String url, ClientBuilder settings) {
        address = normalized(url);
        target = target(address, url);
        boolean secure = address.startsWith("https://");
        credentials = secure ? settings.tls.credentials() : InsecureChannelCredentials.create();
        domain = secure ? settings.tls.domain() : null;
        userAgent = settings.userAgent;
        token = settings.token;
        try {
            channel = connect(Background.POOL);
        } catch (RuntimeException refused) {
            throw Fault.invalid("address `" + url + "`: " + reason(refused)).exception();
        }
    }

    /**
     * The library names all its transports; what is of use is what is wrong with the certificates.
     */
    private static String reason(RuntimeException refused) {
        Matcher tls = CERTIFICATES.matcher(String.valueOf(refused.getMessage()));
        return tls.find()
                ? "TLS: the certificates or the key cannot be used: " + tls.group(1)
                : refused.getMessage();
    }

    /** The connection that calls share. */
    synchronized ManagedChannel channel() {
        if (closed) {
            throw closedFault().exception();
        }
        return channel;
    }

    static Fault closedFault() {
        return Fault.invalid("the client was closed");
    }

    synchronized boolean isClosed() {
        return closed;
    }

    /** Replaces a connection that could not be had, so that the next call tries anew at once. */
    synchronized void renew(ManagedChannel useless) {
        if (channel == useless && !closed) {
            channel.shutdown();
            channel = connect(Background.POOL);
        }
    }

    /**
     * A connection of its own, so that whoever balances the load may choose anew. Callbacks run on
     * the thread that reads from the network: they must not block.
     */
    ManagedChannel fresh() {
        return connect(Runnable::run);
    }

    synchronized void close() {
        closed = true;
        channel.shutdownNow();
    }

    /** After {@link #close}: waits until then at most for the connection to end. */
    void awaitEnd(long until) throws InterruptedException {
        ManagedChannel last;
        synchronized (this) {
            last = channel;
        }
        last.awaitTermination(Clock.until(until).toNanos(), TimeUnit.NANOSECONDS);
    }

    private ManagedChannel connect(Executor callbacks) {
        ManagedChannelBuilder<?> builder =
                Grpc.newChannelBuilder(target, credentials)
                        .executor(callbacks)
                        .userAgent(userAgent)
                        .keepAliveTime(KEEP_ALIVE_SECONDS, TimeUnit.SECONDS)
                        .keepAliveTimeout(KEEP_ALIVE_TIMEOUT_SECONDS, TimeUnit.SECONDS)
                        .maxInboundMessageSize(MOST_MESSAGE)
                        // Tries are made and counted here.
                        .disableRetry();
        if (domain != null) {
            builder.overrideAuthority(domain);
        }
        if (token != null) {
            builder.intercept(bearer(token));
        }
        return builder.build();
    }

    private static ClientInterceptor bearer(String token) {
        Metadata headers = new Metadata();
        headers.put(AUTHORIZATION, "Bearer " + token);
        return MetadataUtils.newAttachHeadersInterceptor(headers);
    }

    /** {@code localhost:7440} means {@code http://localhost:7440}. */
    static String normalized(String url) {
        int scheme = url.indexOf("://");
        if (scheme < 0 && !url.isEmpty()) {
            return "http://" + url;
        }
        if (url.startsWith("http://") || url.startsWith("https://")) {
            return url.replaceAll("/+$", "");
        }
        throw Fault.invalid(
                        "address `"
                                + url
                                + "`: write http://HOST:PORT, or https://HOST:PORT for TLS")
                .exception();
    }

    private static String target(String address, String url) {
        try {
            URI parsed = new URI(address).parseServerAuthority();
            if (parsed.getHost() == null) {
                throw new URISyntaxException(address, "no host");
            }
            int standard = parsed.getScheme().equals("https") ? 443 : 80;
            int port = parsed.getPort() < 0 ? standard : parsed.getPort();
            return "dns:///" + parsed.getHost() + ":" + port;
        } catch (URISyntaxException none) {
            throw Fault.invalid("address `" + url + "`: " + none.getReason()).exception();
        }
    }
}
