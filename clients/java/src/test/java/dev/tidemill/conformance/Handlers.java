package dev.tidemill.conformance;

import com.google.gson.JsonObject;
import dev.tidemill.client.Client;
import dev.tidemill.client.Context;
import dev.tidemill.client.Failure;
import dev.tidemill.client.Handler;
import dev.tidemill.client.Task;
import dev.tidemill.client.TraceContext;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.locks.LockSupport;

/** The handlers that every runner has. */
final class Handlers {
    private final Map<String, CountDownLatch> holds = new ConcurrentHashMap<>();

    Handler of(String kind, Client client) {
        return switch (kind) {
            case "conf.echo" -> Context::payload;
            case "conf.fail" ->
                    task -> {
                        throw Failure.of(text(task)).ofType("Conf");
                    };
            case "conf.permanent" ->
                    task -> {
                        throw Failure.permanent(text(task));
                    };
            case "conf.retry_after" -> Handlers::retryAfter;
            case "conf.flaky" -> Handlers::flaky;
            case "conf.throw" ->
                    task -> {
                        throw new IllegalStateException("boom");
                    };
            case "conf.facts" -> Handlers::facts;
            case "conf.report" -> Handlers::report;
            case "conf.wait_cancel" ->
                    task -> {
                        task.awaitCancel();
                        throw Failure.cancelled();
                    };
            case "conf.ignore_cancel" ->
                    task -> {
                        task.awaitCancel();
                        return "anyway";
                    };
            case "conf.deaf" ->
                    task -> {
                        new CountDownLatch(1).await();
                        return null;
                    };
            case "conf.hold" ->
                    task -> {
                        hold(task.taskId()).await();
                        return "kept";
                    };
            case "conf.block" -> task -> block(task, "blocked");
            case "conf.stubborn" -> task -> block(task, "stubborn");
            // Gson refuses classes.
            case "conf.bad_output" -> task -> Handlers.class;
            case "conf.enqueue" ->
                    task -> client.enqueue(Task.builder("conf.nobody").build()).taskId();
            default -> throw new IllegalArgumentException("no handler " + kind);
        };
    }

    void letGo(String taskId) {
        hold(taskId).countDown();
    }

    private CountDownLatch hold(String taskId) {
        return holds.computeIfAbsent(taskId, id -> new CountDownLatch(1));
    }

    private static String text(Context task) {
        return task.payload().asText().orElse("");
    }

    private static Object retryAfter(Context task) {
        if (task.attempt() == 1) {
            throw Failure.of("not yet").retryAfter(Duration.ofMillis(600));
        }
        return "later";
    }

    private static Object flaky(Context task) {
        if (task.attempt() == 1) {
            throw Failure.of("too early").ofType("TooEarly");
        }
        return task.lastError().orElseThrow().typeName();
    }

    private static Object facts(Context task) {
        Map<String, Object> facts = new LinkedHashMap<>();
        facts.put("task_id", task.taskId());
        facts.put("queue", task.queue());
        facts.put("kind", task.kind());
        facts.put("attempt", task.attempt());
        facts.put("max_attempts", task.maxAttempts());
        facts.put("fence", task.fence());
        facts.put("labels", task.labels());
        facts.put("traceparent", task.traceContext().map(TraceContext::traceparent).orElse(""));
        facts.put("content_type", task.payload().contentType());
        return facts;
    }

    private static Object report(Context task) throws InterruptedException {
        int chunks = task.payload().toJson(JsonObject.class).get("chunks").getAsInt();
        task.progress(0.5, "half");
        for (int i = 0; i < chunks; i++) {
            task.chunk("piece " + i);
        }
        return "done";
    }

    /** Keeps its thread, whoever interrupts it. */
    private static Object block(Context task, String output) {
        long millis = task.payload().toJson(JsonObject.class).get("ms").getAsLong();
        long until = System.nanoTime() + Duration.ofMillis(millis).toNanos();
        for (long left = until - System.nanoTime(); left > 0; left = until - System.nanoTime()) {
            LockSupport.parkNanos(left);
            // Of a thread that stays interrupted, parking would be spinning.
            Thread.interrupted();
        }
        return output;
    }
}
