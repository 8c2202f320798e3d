package dev.tidemill.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.grpc.ServerCredentials;
import io.grpc.TlsServerCredentials;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.util.Base64;
import java.util.Optional;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(60)
class TlsTest {
    private static final Task TASK = Task.builder("a").build();

    @TempDir private static Path folder;
    private static Pem here;
    private static Pem stranger;

    /** A certificate that signs itself, and its key. */
    private record Pem(String certificate, String key) {}

    @BeforeAll
    static void makeCertificates() throws Exception {
        here = make("here");
        stranger = make("stranger");
    }

    private static Pem make(String name) throws Exception {
        Path store = folder.resolve(name + ".p12");
        String keytool = Path.of(System.getProperty("java.home"), "bin", "keytool").toString();
        Process made =
                new ProcessBuilder(
                                keytool,
                                "-genkeypair",
                                "-alias",
                                "a",
                                "-keyalg",
                                "EC",
                                "-dname",
                                "CN=" + name,
                                "-ext",
                                "SAN=DNS:localhost",
                                "-ext",
                                "BC=ca:true",
                                "-storetype",
                                "PKCS12",
                                "-keystore",
                                store.toString(),
                                "-storepass",
                                "secret")
                        .inheritIO()
                        .start();
        assertEquals(0, made.waitFor());
        return read(store);
    }

    private static Pem read(Path store) throws IOException, GeneralSecurityException {
        KeyStore keys = KeyStore.getInstance("PKCS12");
        try (InputStream in = Files.newInputStream(store)) {
            keys.load(in, "secret".toCharArray());
        }
        return new Pem(
                pem("CERTIFICATE", keys.getCertificate("a").getEncoded()),
                pem("PRIVATE KEY", keys.getKey("a", "secret".toCharArray()).getEncoded()));
    }

    private static String pem(String what, byte[] content) {
        String lines = Base64.getMimeEncoder().encodeToString(content);
        return "-----BEGIN " + what + "-----\n" + lines + "\n-----END " + what + "-----\n";
    }

    private static InputStream stream(String text) {
        return new ByteArrayInputStream(text.getBytes(StandardCharsets.UTF_8));
    }

    private static ServerCredentials credentials(boolean mutual) throws IOException {
        TlsServerCredentials.Builder credentials =
                TlsServerCredentials.newBuilder()
                        .keyManager(stream(here.certificate), stream(here.key));
        if (mutual) {
            credentials
                    .trustManager(stream(here.certificate))
                    .clientAuth(TlsServerCredentials.ClientAuth.REQUIRE);
        }
        return credentials.build();
    }

    private static TidemillException refused(String url, Tls tls) {
        try (Client client = Client.builder(url).tls(tls).maxTries(1).build()) {
            TidemillException error =
                    assertThrows(TidemillException.class, () -> client.enqueue(TASK));
            assertEquals(ErrorKind.UNREACHABLE, error.getKind(), error.getMessage());
            assertEquals(1, error.getMessage().lines().count(), error.getMessage());
            return error;
        }
    }

    private static Tls trusted() {
        return Tls.ofCa(here.certificate);
    }

    @Test
    void anAuthorityOfOnesOwnAndANameOverride() throws IOException {
        try (TestServer server = new TestServer(credentials(false))) {
            String url = "https://localhost:" + server.port();
            try (Client client = Client.builder(url).tls(trusted()).build()) {
                assertEquals("T1", client.enqueue(TASK).taskId());
            }
            String numeric = "https://127.0.0.1:" + server.port();
            Tls named = Tls.builder().ca(here.certificate).domain("localhost").build();
            try (Client client = Client.builder(numeric).tls(named).build()) {
                assertEquals("T2", client.enqueue(TASK).taskId());
            }
            TidemillException other = refused(numeric, trusted());
            assertEquals(Optional.of(TlsProblem.UNTRUSTED), other.getTlsProblem());
        }
    }

    @Test
    void aMismatchSaysWhatToDo() throws IOException {
        try (TestServer plain = new TestServer();
                TestServer secure = new TestServer(credentials(false))) {
            TidemillException notSpoken = refused("https://localhost:" + plain.port(), trusted());
            assertEquals(Optional.of(TlsProblem.NOT_SPOKEN), notSpoken.getTlsProblem());
            assertTrue(notSpoken.getMessage().contains("http://"));
            TidemillException required = refused("http://localhost:" + secure.port(), trusted());
            assertEquals(Optional.of(TlsProblem.REQUIRED), required.getTlsProblem());
            assertTrue(required.getMessage().contains("https://"));
            TidemillException untrusted =
                    refused("https://localhost:" + secure.port(), Tls.ofCa(stranger.certificate));
            assertEquals(Optional.of(TlsProblem.UNTRUSTED), untrusted.getTlsProblem());
            assertTrue(untrusted.getMessage().contains("not trusted"));
        }
    }

    /** As a TLS server does to which plaintext came: an alert instead of the first frame. */
    @Test
    void anAlertInsteadOfAnAnswerIsUnderstood() throws IOException {
        try (ServerSocket socket = new ServerSocket(0)) {
            Thread alert = new Thread(() -> answerWithAlert(socket));
            alert.setDaemon(true);
            alert.start();
            String url = "http://localhost:" + socket.getLocalPort();
            TidemillException error = refused(url, trusted());
            assertEquals(Optional.of(TlsProblem.REQUIRED), error.getTlsProblem());
            assertEquals(Outcome.NOT_APPLIED, error.getOutcome());
        }
    }

    private static void answerWithAlert(ServerSocket socket) {
        byte[] alert = {0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 0x46};
        try (Socket caller = socket.accept()) {
            caller.getOutputStream().write(alert);
            caller.getOutputStream().flush();
            // Until the caller has seen enough.
            caller.getInputStream().readAllBytes();
        } catch (IOException over) {
            // The test is.
        }
    }

    @Test
    void aClientCertificate() throws IOException {
        try (TestServer server = new TestServer(credentials(true))) {
            String url = "https://localhost:" + server.port();
            Tls known =
                    Tls.builder().ca(here.certificate).identity(here.certificate, here.key).build();
            try (Client client = Client.builder(url).tls(known).build()) {
                assertEquals("T1", client.enqueue(TASK).taskId());
            }
            TidemillException error = refused(url, trusted());
            assertEquals(
                    Optional.of(TlsProblem.CERTIFICATE_REQUIRED),
                    error.getTlsProblem(),
                    error.getMessage());
        }
    }

    @Test
    void whatIsNoCertificateIsRefusedAtOnce() {
        ClientBuilder builder = Client.builder("https://a:1").tls(Tls.ofCa("no PEM"));
        assertEquals(
                ErrorKind.INVALID, assertThrows(TidemillException.class, builder::build).getKind());
    }
}
