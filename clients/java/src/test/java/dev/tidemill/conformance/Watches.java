package dev.tidemill.conformance;

import com.google.gson.JsonObject;
import dev.tidemill.client.Client;
import dev.tidemill.client.Event;
import dev.tidemill.client.TidemillException;
import dev.tidemill.client.Watch;
import dev.tidemill.client.WatchMany;
import dev.tidemill.client.Watched;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executor;

/** The watches of the runner, and what comes of them. */
final class Watches {
    private final Voice voice;
    private final Executor threads;
    private final Set<AutoCloseable> open = ConcurrentHashMap.newKeySet();

    Watches(Voice voice, Executor threads) {
        this.voice = voice;
        this.threads = threads;
    }

    JsonObject one(Client client, JsonObject command) {
        String name = command.get("watch").getAsString();
        String taskId = command.get("task_id").getAsString();
        long after = command.has("after") ? command.get("after").getAsLong() : 0;
        Watch watch = client.watch(taskId).after(after);
        open.add(watch);
        threads.execute(() -> follow(name, taskId, watch));
        return new JsonObject();
    }

    private void follow(String name, String taskId, Watch watch) {
        try {
            for (Event event : watch) {
                voice.say(Shape.event(name, taskId, event));
            }
            end(name, watch);
        } catch (TidemillException error) {
            error(name, taskId, error);
        }
    }

    JsonObject many(Client client, JsonObject command) {
        String name = command.get("watch").getAsString();
        WatchMany watch = client.watchMany();
        command.getAsJsonArray("targets")
                .forEach(
                        entry -> {
                            JsonObject target = entry.getAsJsonObject();
                            long after = target.has("after") ? target.get("after").getAsLong() : 0;
                            watch.add(target.get("task_id").getAsString(), after);
                        });
        watch.finish();
        open.add(watch);
        threads.execute(() -> follow(name, watch));
        return new JsonObject();
    }

    private void follow(String name, WatchMany watch) {
        for (Watched watched : watch) {
            watched.event()
                    .ifPresent(event -> voice.say(Shape.event(name, watched.taskId(), event)));
            watched.error().ifPresent(error -> error(name, watched.taskId(), error));
        }
        end(name, watch);
    }

    /** One that was closed from here says nothing more. */
    private void end(String name, AutoCloseable watch) {
        if (open.remove(watch)) {
            JsonObject line = new JsonObject();
            line.addProperty("watch", name);
            line.addProperty("end", true);
            voice.say(line);
        }
    }

    private void error(String name, String taskId, TidemillException error) {
        JsonObject line = new JsonObject();
        line.addProperty("watch", name);
        line.addProperty("task_id", taskId);
        line.add("error", Shape.error(error));
        voice.say(line);
    }

    void closeAll() {
        for (AutoCloseable watch : open) {
            open.remove(watch);
            try {
                watch.close();
            } catch (Exception bug) {
                throw new IllegalStateException(bug);
            }
        }
    }
}
