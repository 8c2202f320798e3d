package dev.tidemill.client;

import io.grpc.ChannelCredentials;
import io.grpc.TlsChannelCredentials;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;

/**
 * How addresses that begin with {@code https://} are trusted. Without a {@link Builder#ca} the
 * authorities that the Java runtime trusts are.
 */
public final class Tls {
    private final byte[] ca;
    private final byte[] certificate;
    private final byte[] key;
    private final String domain;

    private Tls(Builder builder) {
        ca = builder.ca;
        certificate = builder.certificate;
        key = builder.key;
        domain = builder.domain;
    }

    /** Sets it up. */
    public static Builder builder() {
        return new Builder();
    }

    /** Trusts these authorities (PEM), and no others. */
    public static Tls ofCa(String pem) {
        return builder().ca(pem).build();
    }

    String domain() {
        return domain;
    }

    ChannelCredentials credentials() {
        TlsChannelCredentials.Builder credentials = TlsChannelCredentials.newBuilder();
        try {
            if (ca != null) {
                credentials.trustManager(new ByteArrayInputStream(ca));
            }
            if (certificate != null) {
                credentials.keyManager(
                        new ByteArrayInputStream(certificate), new ByteArrayInputStream(key));
            }
        } catch (IOException unreadable) {
            throw Fault.invalid("TLS: " + unreadable.getMessage()).exception();
        }
        return credentials.build();
    }

    /** Without the key. */
    @Override
    public String toString() {
        return "Tls[ca=%s, identity=%s, domain=%s]".formatted(ca != null, key != null, domain);
    }

    /** Sets up a {@link Tls}. */
    public static final class Builder {
        private byte[] ca;
        private byte[] certificate;
        private byte[] key;
        private String domain;

        private Builder() {}

        /** Trusts these authorities (PEM), and no others. */
        public Builder ca(String pem) {
            ca = pem.getBytes(StandardCharsets.UTF_8);
            return this;
        }

        /**
         * Shows this certificate (PEM, with its chain) to a server that asks for one, and proves it
         * with this key (PEM, PKCS #8).
         */
        public Builder identity(String certificatePem, String keyPem) {
            certificate = certificatePem.getBytes(StandardCharsets.UTF_8);
            key = keyPem.getBytes(StandardCharsets.UTF_8);
            return this;
        }

        /** Expects this name in the server's certificate instead of the address's host. */
        public Builder domain(String name) {
            domain = name;
            return this;
        }

        /** Makes it. Certificates and keys are checked when the client is built. */
        public Tls build() {
            return new Tls(this);
        }
    }
}
