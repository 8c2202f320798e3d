package dev.tidemill.conformance;

import com.google.gson.JsonObject;
import dev.tidemill.client.Payload;
import dev.tidemill.client.Priority;
import dev.tidemill.client.RetryPolicy;
import dev.tidemill.client.Task;
import dev.tidemill.client.TraceContext;
import java.time.Duration;
import java.time.Instant;
import java.util.Base64;
import java.util.function.Consumer;

/** Reads the task of a command. */
final class Tasks {
    private Tasks() {}

    static Task read(JsonObject command) {
        Task.Builder task = Task.builder(command.get("kind").getAsString());
        text(command, "queue", task::queue);
        text(command, "idempotency_key", task::idempotencyKey);
        text(command, "priority", name -> task.priority(Priority.valueOf(name)));
        millis(command, "delay_ms", task::delay);
        millis(command, "run_in_ms", time -> task.runAt(Instant.now().plus(time)));
        millis(command, "attempt_timeout_ms", task::attemptTimeout);
        millis(command, "expires_in_ms", task::expiresIn);
        millis(command, "result_retention_ms", task::resultRetention);
        if (command.has("labels")) {
            command.getAsJsonObject("labels")
                    .entrySet()
                    .forEach(label -> task.label(label.getKey(), label.getValue().getAsString()));
        }
        if (command.has("retry_policy")) {
            task.retryPolicy(policy(command.getAsJsonObject("retry_policy")));
        }
        if (command.has("traceparent")) {
            String traceparent = command.get("traceparent").getAsString();
            task.traceContext(new TraceContext(traceparent, Shape.text(command, "tracestate")));
        }
        if (command.has("drop_input_on_success")
                && command.get("drop_input_on_success").getAsBoolean()) {
            task.dropInputOnSuccess();
        }
        Payload payload = payload(command);
        if (command.has("content_type")) {
            payload = payload.withContentType(command.get("content_type").getAsString());
        }
        boolean absent = payload.equals(Payload.empty());
        return absent ? task.build() : task.payload(payload).build();
    }

    private static Payload payload(JsonObject command) {
        if (command.has("text")) {
            return Payload.text(command.get("text").getAsString());
        }
        if (command.has("json")) {
            return Payload.json(command.get("json"));
        }
        if (command.has("data")) {
            return Payload.bytes(Base64.getDecoder().decode(command.get("data").getAsString()));
        }
        return Payload.empty();
    }

    private static RetryPolicy policy(JsonObject command) {
        RetryPolicy.Builder policy = RetryPolicy.builder();
        if (command.has("max_attempts")) {
            policy.maxAttempts(command.get("max_attempts").getAsInt());
        }
        millis(command, "initial_backoff_ms", policy::initialBackoff);
        millis(command, "max_backoff_ms", policy::maxBackoff);
        if (command.has("multiplier")) {
            policy.multiplier(command.get("multiplier").getAsDouble());
        }
        return policy.build();
    }

    private static void text(JsonObject command, String name, Consumer<String> set) {
        if (command.has(name)) {
            set.accept(command.get(name).getAsString());
        }
    }

    private static void millis(JsonObject command, String name, Consumer<Duration> set) {
        if (command.has(name)) {
            set.accept(Shape.millis(command, name));
        }
    }
}
