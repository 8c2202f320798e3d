package dev.tidemill.conformance;

import com.google.gson.JsonObject;
import dev.tidemill.client.Client;
import dev.tidemill.client.TaskFacts;
import dev.tidemill.client.TidemillException;
import dev.tidemill.client.Worker;
import dev.tidemill.client.WorkerBuilder;
import dev.tidemill.client.WorkerEvent;
import java.util.Map;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ConcurrentHashMap;

/** The workers of the runner, and what happens to them. */
final class Workers {
    private final Voice voice;
    private final Map<String, Worker> workers = new ConcurrentHashMap<>();
    private final Handlers handlers = new Handlers();

    Workers(Voice voice) {
        this.voice = voice;
    }

    JsonObject start(Client client, JsonObject command) {
        String name = command.get("worker").getAsString();
        WorkerBuilder builder = Worker.builder(client).onEvent(event -> heard(name, event));
        if (command.has("queues")) {
            command.getAsJsonArray("queues").forEach(queue -> builder.queue(queue.getAsString()));
        }
        command.getAsJsonArray("kinds")
                .forEach(
                        kind ->
                                builder.handle(
                                        kind.getAsString(),
                                        handlers.of(kind.getAsString(), client)));
        if (command.has("concurrency")) {
            builder.concurrency(command.get("concurrency").getAsInt());
        }
        if (command.has("grace_ms")) {
            builder.grace(Shape.millis(command, "grace_ms"));
        }
        if (command.has("cancel_grace_ms")) {
            builder.cancelGrace(Shape.millis(command, "cancel_grace_ms"));
        }
        Worker worker = builder.build();
        workers.put(name, worker);
        worker.ended().whenComplete((done, error) -> ended(name, error));
        worker.start();
        return new JsonObject();
    }

    JsonObject stop(JsonObject command) {
        workers.get(command.get("worker").getAsString()).close();
        return new JsonObject();
    }

    JsonObject health(JsonObject command) {
        Worker worker = workers.get(command.get("worker").getAsString());
        JsonObject answer = new JsonObject();
        answer.addProperty("healthy", worker.isHealthy());
        answer.addProperty("status", worker.status().name());
        return answer;
    }

    JsonObject letGo(JsonObject command) {
        handlers.letGo(command.get("task_id").getAsString());
        return new JsonObject();
    }

    private void ended(String name, Throwable error) {
        JsonObject line = line(name, "ended");
        Throwable cause = error instanceof CompletionException ? error.getCause() : error;
        if (cause instanceof TidemillException known) {
            line.add("error", Shape.error(known));
        } else if (cause != null) {
            cause.printStackTrace();
            line.add("error", Shape.bug(cause));
        }
        voice.say(line);
    }

    private void heard(String name, WorkerEvent event) {
        if (event instanceof WorkerEvent.Connected) {
            voice.say(line(name, "connected"));
        } else if (event instanceof WorkerEvent.Disconnected broken) {
            JsonObject line = line(name, "disconnected");
            line.add("error", Shape.error(broken.error()));
            voice.say(line);
        } else if (event instanceof WorkerEvent.Started started) {
            voice.say(line(name, "started", started.task()));
        } else if (event instanceof WorkerEvent.Settled settled) {
            JsonObject line = line(name, "settled", settled.task());
            line.addProperty("state", settled.state().name());
            voice.say(line);
        } else if (event instanceof WorkerEvent.LeaseLost lost) {
            voice.say(line(name, "lease_lost", lost.task()));
        } else if (event instanceof WorkerEvent.Refused refused) {
            JsonObject line = line(name, "refused", refused.task());
            line.addProperty("message", refused.message());
            voice.say(line);
        } else if (event instanceof WorkerEvent.Draining) {
            voice.say(line(name, "draining"));
        }
    }

    private static JsonObject line(String worker, String event) {
        JsonObject line = new JsonObject();
        line.addProperty("worker", worker);
        line.addProperty("event", event);
        return line;
    }

    private static JsonObject line(String worker, String event, TaskFacts task) {
        JsonObject line = line(worker, event);
        line.addProperty("task_id", task.taskId());
        line.addProperty("attempt", task.attempt());
        return line;
    }
}
