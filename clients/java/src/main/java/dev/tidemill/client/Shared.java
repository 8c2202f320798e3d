package dev.tidemill.client;

import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Supplier;

/** What everything that one client makes has in common. */
final class Shared {
    /** How long a close waits for the callbacks of what it ended. */
    private static final Duration LAST_CALLBACKS = Duration.ofSeconds(1);

    final Link gateway;
    final Link results;
    final Link worker;
    final Limits limits;
    final Supplier<Optional<TraceContext>> trace;
    private final AtomicBoolean closed = new AtomicBoolean();

    Shared(ClientBuilder settings) {
        gateway = new Link(settings.url, settings);
        results = other(settings.resultsUrl, settings);
        worker = other(settings.workerUrl, settings);
        limits = new Limits(settings.timeout, settings.maxTries);
        trace = settings.trace;
        Background.enter();
    }

    private Link other(String url, ClientBuilder settings) {
        boolean same = url == null || url.isEmpty() || url.equals(settings.url);
        return same ? gateway : new Link(url, settings);
    }

    Stats stats() {
        Stats here = gateway.line.stats();
        if (gateway == results) {
            return here;
        }
        Stats there = results.line.stats();
        return new Stats(here.calls() + there.calls(), here.attempts() + there.attempts());
    }

    /** Waits shortly for its threads, unless it is one of them that closes. */
    void close() {
        if (closed.getAndSet(true)) {
            return;
        }
        List<Link> links = List.of(gateway, results, worker);
        links.forEach(Link::close);
        Background.leave();
        if (Background.isHere()) {
            return;
        }
        long until = Clock.in(LAST_CALLBACKS);
        try {
            for (Link link : links) {
                link.awaitEnd(until);
            }
            Background.awaitEnd(until);
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
