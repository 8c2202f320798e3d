package dev.tidemill.client;

import java.util.Optional;
import java.util.function.Supplier;

/** What everything that one client makes has in common. */
final class Shared {
    final Link gateway;
    final Link results;
    final Link worker;
    final Limits limits;
    final Supplier<Optional<TraceContext>> trace;

    Shared(ClientBuilder settings) {
        gateway = new Link(settings.url, settings);
        results = other(settings.resultsUrl, settings);
        worker = other(settings.workerUrl, settings);
        limits = new Limits(settings.timeout, settings.maxTries);
        trace = settings.trace;
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

    void close() {
        gateway.close();
        results.close();
        worker.close();
    }
}
