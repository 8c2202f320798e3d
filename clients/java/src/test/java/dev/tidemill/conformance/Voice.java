package dev.tidemill.conformance;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;

/** What the runner says: one JSON object on each line, flushed at once. */
final class Voice {
    private static final Gson GSON =
            new GsonBuilder().disableHtmlEscaping().serializeNulls().create();

    private final PrintStream out = new PrintStream(System.out, false, StandardCharsets.UTF_8);

    synchronized void say(JsonObject line) {
        out.print(GSON.toJson(line) + "\n");
        out.flush();
    }

    void ok(JsonElement id, JsonObject answer) {
        answer(id, "ok", answer);
    }

    void error(JsonElement id, JsonObject error) {
        answer(id, "error", error);
    }

    private void answer(JsonElement id, String name, JsonObject value) {
        JsonObject line = new JsonObject();
        line.add("id", id);
        line.add(name, value);
        say(line);
    }
}
