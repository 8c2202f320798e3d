package dev.tidemill.conformance;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.tidemill.client.BatchOutcome;
import dev.tidemill.client.Client;
import dev.tidemill.client.ClientBuilder;
import dev.tidemill.client.Task;
import dev.tidemill.client.TidemillException;
import dev.tidemill.client.Tls;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/** Does what the conformance harness says on stdin (clients/conformance/README.md). */
public final class Runner {
    private final Voice voice = new Voice();
    private final ExecutorService threads = Executors.newCachedThreadPool();
    private final Watches watches = new Watches(voice, threads);
    private final Workers workers = new Workers(voice);
    private volatile Client client;

    private Runner() {}

    /** Reads commands until the end of stdin, which stops everything at once. */
    public static void main(String[] args) throws IOException {
        Runner runner = new Runner();
        InputStreamReader stdin = new InputStreamReader(System.in, StandardCharsets.UTF_8);
        try (BufferedReader lines = new BufferedReader(stdin)) {
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                runner.hear(JsonParser.parseString(line).getAsJsonObject());
            }
        }
        Runtime.getRuntime().halt(0);
    }

    private void hear(JsonObject command) {
        switch (command.get("op").getAsString()) {
            // These answer at once, and what follows may depend on them.
            case "client", "watch", "watch_many", "worker_start", "let_go" -> answer(command);
            default -> threads.execute(() -> answer(command));
        }
    }

    private void answer(JsonObject command) {
        JsonElement id = command.get("id");
        try {
            JsonObject answer = obey(command);
            if (answer == null) {
                voice.error(id, Shape.unknown(command.get("op").getAsString()));
            } else {
                voice.ok(id, answer);
            }
        } catch (TidemillException error) {
            voice.error(id, Shape.error(error));
        } catch (Exception bug) {
            bug.printStackTrace();
            voice.error(id, Shape.bug(bug));
        }
    }

    private JsonObject obey(JsonObject command) throws Exception {
        return switch (command.get("op").getAsString()) {
            case "client" -> connect(command);
            case "enqueue" -> Shape.enqueued(client.enqueue(task(command.get("task"))));
            case "enqueue_batch" -> batch(command);
            case "result" -> {
                Duration wait = Shape.millis(command, "wait_ms");
                String taskId = command.get("task_id").getAsString();
                yield Shape.snapshot(
                        wait == null ? client.result(taskId) : client.await(taskId, wait));
            }
            case "cancel" ->
                    Shape.cancelled(
                            client.cancel(
                                    command.get("task_id").getAsString(),
                                    Shape.text(command, "reason")));
            case "watch" -> watches.one(client, command);
            case "watch_many" -> watches.many(client, command);
            case "health" -> {
                JsonObject answer = new JsonObject();
                answer.addProperty("status", client.health("").name());
                yield answer;
            }
            case "worker_start" -> workers.start(client, command);
            case "worker_health" -> workers.health(command);
            case "let_go" -> workers.letGo(command);
            case "worker_stop" -> workers.stop(command);
            default -> null;
        };
    }

    private JsonObject connect(JsonObject command) throws IOException {
        // Null is as good as absent.
        command.entrySet().removeIf(field -> field.getValue().isJsonNull());
        watches.closeAll();
        if (client != null) {
            client.close();
        }
        ClientBuilder builder = Client.builder(command.get("url").getAsString());
        if (command.has("results_url")) {
            builder.resultsUrl(command.get("results_url").getAsString());
        }
        if (command.has("worker_url")) {
            builder.workerUrl(command.get("worker_url").getAsString());
        }
        if (command.has("timeout_ms")) {
            builder.timeout(Shape.millis(command, "timeout_ms"));
        }
        if (command.has("max_tries")) {
            builder.maxTries(command.get("max_tries").getAsInt());
        }
        if (command.has("ca")) {
            Path ca = Path.of(command.get("ca").getAsString());
            builder.tls(Tls.ofCa(Files.readString(ca)));
        }
        client = builder.build();
        return new JsonObject();
    }

    private JsonObject batch(JsonObject command) {
        List<Task> tasks = new ArrayList<>();
        command.getAsJsonArray("tasks").forEach(entry -> tasks.add(task(entry)));
        List<BatchOutcome> outcomes = client.enqueueBatch(tasks);
        return Shape.outcomes(outcomes);
    }

    private static Task task(JsonElement command) {
        return Tasks.read(command.getAsJsonObject());
    }
}
