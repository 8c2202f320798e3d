package dev.tidemill.client;

import java.time.Duration;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;

/** Sets up a {@link Client}. */
public final class ClientBuilder {
    private static final Duration DEFAULT_TIMEOUT = Duration.ofSeconds(10);

    final String url;
    String resultsUrl;
    String workerUrl;
    Tls tls = Tls.builder().build();
    String token;
    Duration timeout = DEFAULT_TIMEOUT;
    int maxTries;
    String userAgent = "tidemill-java/0.1.0";
    Supplier<Optional<TraceContext>> trace = Optional::empty;

    ClientBuilder(String url) {
        this.url = Objects.requireNonNull(url, "url");
    }

    /** The addresses that the environment names, where it does. */
    static ClientBuilder of(UnaryOperator<String> environment) {
        String url = environment.apply("TIDEMILL_URL");
        return new ClientBuilder(url == null || url.isEmpty() ? Client.DEFAULT_URL : url)
                .resultsUrl(environment.apply("TIDEMILL_RESULTS_URL"))
                .workerUrl(environment.apply("TIDEMILL_WORKER_URL"));
    }

    /** Address of the results role, where it has one of its own. */
    public ClientBuilder resultsUrl(String url) {
        resultsUrl = url;
        return this;
    }

    /** Address of the worker role, where it has one of its own. */
    public ClientBuilder workerUrl(String url) {
        workerUrl = url;
        return this;
    }

    /** How {@code https://} addresses are trusted. */
    public ClientBuilder tls(Tls settings) {
        tls = Objects.requireNonNull(settings, "settings");
        return this;
    }

    /**
     * Sends {@code authorization: Bearer <token>} with every call. Over {@code http://} it can be
     * read on the way.
     */
    public ClientBuilder token(String secret) {
        token = secret;
        return this;
    }

    /** Longest time for one unary call, all its tries included. Without it: 10 s. */
    public ClientBuilder timeout(Duration time) {
        timeout = Clock.bounded(Objects.requireNonNull(time, "time"));
        return this;
    }

    /**
     * Most tries of one unary call. Without it: as many as the timeout and the retry budget allow,
     * so that a call outlives a restart of the server. A program that a person waits for may want
     * fewer.
     */
    public ClientBuilder maxTries(int tries) {
        maxTries = Math.max(1, tries);
        return this;
    }

    /** Name of the program in the server's logs. */
    public ClientBuilder userAgent(String name) {
        userAgent = Objects.requireNonNull(name, "name");
        return this;
    }

    /**
     * Where the trace context of an enqueued task comes from, if the task has none of its own: e.g.
     * the current span of your tracing library. If this has none, a task that a handler enqueues
     * carries the handler's on.
     */
    public ClientBuilder traceContext(Supplier<Optional<TraceContext>> source) {
        trace = Objects.requireNonNull(source, "source");
        return this;
    }

    /**
     * Checks the addresses and certificates. Connects with the first call.
     *
     * @throws TidemillException of kind {@link ErrorKind#INVALID}, naming what is wrong
     */
    public Client build() {
        // The token itself must never be part of a message.
        if (token != null && !token.chars().allMatch(c -> c > ' ' && c < 0x7f)) {
            throw Fault.invalid("token: holds characters that no header may have").exception();
        }
        return new Client(new Shared(this));
    }
}
