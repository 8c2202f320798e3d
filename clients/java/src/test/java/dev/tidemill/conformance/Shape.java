package dev.tidemill.conformance;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import dev.tidemill.client.BatchOutcome;
import dev.tidemill.client.Cancelled;
import dev.tidemill.client.Enqueued;
import dev.tidemill.client.Event;
import dev.tidemill.client.Payload;
import dev.tidemill.client.TaskError;
import dev.tidemill.client.TaskSnapshot;
import dev.tidemill.client.TidemillException;
import java.time.Duration;
import java.util.Base64;
import java.util.List;
import java.util.Locale;

/** The client's values as the harness expects them. */
final class Shape {
    private Shape() {}

    static String text(JsonObject object, String name) {
        return object.has(name) ? object.get(name).getAsString() : "";
    }

    /** Null: absent. */
    static Duration millis(JsonObject object, String name) {
        return object.has(name) ? Duration.ofMillis(object.get(name).getAsLong()) : null;
    }

    static JsonObject enqueued(Enqueued enqueued) {
        JsonObject shape = new JsonObject();
        shape.addProperty("task_id", enqueued.taskId());
        shape.addProperty("state", enqueued.state().name());
        shape.addProperty("deduplicated", enqueued.deduplicated());
        return shape;
    }

    static JsonObject outcomes(List<BatchOutcome> outcomes) {
        JsonArray all = new JsonArray();
        for (BatchOutcome outcome : outcomes) {
            JsonObject one = new JsonObject();
            outcome.enqueued().ifPresent(stored -> one.add("ok", enqueued(stored)));
            outcome.error().ifPresent(error -> one.add("error", error(error)));
            all.add(one);
        }
        JsonObject shape = new JsonObject();
        shape.add("outcomes", all);
        return shape;
    }

    static JsonObject cancelled(Cancelled cancelled) {
        JsonObject shape = new JsonObject();
        shape.addProperty("state", cancelled.state().name());
        shape.addProperty("cancel_requested", cancelled.cancelRequested());
        return shape;
    }

    static JsonObject snapshot(TaskSnapshot snapshot) {
        JsonObject shape = new JsonObject();
        shape.addProperty("state", snapshot.state().name());
        shape.addProperty("attempt", snapshot.attempt());
        shape.addProperty("last_sequence", snapshot.lastSequence());
        shape.addProperty("cancel_requested", snapshot.cancelRequested());
        snapshot.output().ifPresent(output -> shape.add("output", payload(output)));
        snapshot.error().ifPresent(error -> shape.add("error", taskError(error)));
        return shape;
    }

    static JsonObject payload(Payload payload) {
        JsonObject shape = new JsonObject();
        switch (payload.toProto().getContentCase()) {
            case TEXT -> shape.addProperty("text", payload.asText().orElseThrow());
            case JSON -> shape.add("json", payload.toJson(JsonElement.class));
            case DATA ->
                    shape.addProperty(
                            "data", Base64.getEncoder().encodeToString(payload.toBytes()));
            case CONTENT_NOT_SET -> {
                return shape;
            }
        }
        shape.addProperty("content_type", payload.contentType());
        return shape;
    }

    static JsonObject taskError(TaskError error) {
        JsonObject shape = new JsonObject();
        shape.addProperty("reason", error.reasonName());
        shape.addProperty("message", error.message());
        shape.addProperty("type", error.typeName());
        shape.addProperty("permanent", error.isPermanent());
        return shape;
    }

    static JsonObject error(TidemillException error) {
        JsonObject shape = new JsonObject();
        shape.addProperty("kind", error.getKind().name().toLowerCase(Locale.ROOT));
        shape.addProperty("reason", error.getReasonName());
        error.getCode().ifPresent(code -> shape.addProperty("code", code.name()));
        shape.addProperty("outcome", error.getOutcome().name().toLowerCase(Locale.ROOT));
        JsonArray violations = new JsonArray();
        error.getViolations()
                .forEach(
                        violation -> {
                            JsonObject one = new JsonObject();
                            one.addProperty("subject", violation.subject());
                            one.addProperty("description", violation.description());
                            violations.add(one);
                        });
        shape.add("violations", violations);
        error.getRetryAfter()
                .ifPresent(delay -> shape.addProperty("retry_after_ms", delay.toMillis()));
        error.getIdempotencyKey().ifPresent(key -> shape.addProperty("idempotency_key", key));
        shape.addProperty("message", error.getMessage());
        return shape;
    }

    /** Something that is no error of the client: no case expects it. */
    static JsonObject unknown(String operation) {
        JsonObject shape = new JsonObject();
        shape.addProperty("kind", "invalid");
        shape.addProperty("message", "this runner does not know `" + operation + "`");
        return shape;
    }

    static JsonObject bug(Throwable bug) {
        JsonObject shape = new JsonObject();
        shape.addProperty("kind", "bug");
        shape.addProperty("message", bug.toString());
        return shape;
    }

    static JsonObject event(String watch, String taskId, Event event) {
        JsonObject shape = new JsonObject();
        shape.addProperty("watch", watch);
        shape.addProperty("task_id", taskId);
        shape.addProperty("sequence", event.sequence());
        shape.addProperty("attempt", event.attempt());
        if (event instanceof Event.StateChanged change) {
            shape.addProperty("type", "state");
            shape.addProperty("state", change.state().name());
            shape.addProperty("cause", change.cause().name());
        } else if (event instanceof Event.Progress progress) {
            shape.addProperty("type", "progress");
            shape.addProperty("fraction", progress.fraction());
            shape.addProperty("message", progress.message());
        } else if (event instanceof Event.OutputChunk chunk) {
            shape.addProperty("type", "chunk");
            shape.add("payload", payload(chunk.payload()));
        } else if (event instanceof Event.Truncated gap) {
            shape.addProperty("type", "truncated");
            shape.addProperty("from", gap.fromSequence());
            shape.addProperty("to", gap.toSequence());
        } else if (event instanceof Event.Result end) {
            shape.addProperty("type", "result");
            shape.addProperty("state", end.result().state().name());
            end.result().output().ifPresent(output -> shape.add("output", payload(output)));
            end.result().error().ifPresent(error -> shape.add("error", taskError(error)));
        } else {
            shape.addProperty("type", "unknown");
        }
        return shape;
    }
}
