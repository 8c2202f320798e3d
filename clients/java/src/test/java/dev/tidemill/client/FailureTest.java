package dev.tidemill.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.tidemill.v1.FailTaskRequest;
import java.time.Duration;
import org.junit.jupiter.api.Test;

class FailureTest {
    private static FailTaskRequest said(Failure failure) {
        return failure.toSettle("a", null).getFail();
    }

    @Test
    void longTextsAreCutAtACharacter() {
        for (String character : new String[] {"x", "é", "€", "\uD83D\uDE80"}) {
            Failure failure = Failure.of(character.repeat(1 << 20)).ofType(character.repeat(1_000));
            FailTaskRequest fail = said(failure);
            assertEquals(8_192 / size(character) * size(character), size(fail.getMessage()));
            assertEquals(256 / size(character) * size(character), size(fail.getType()));
            assertTrue(fail.getMessage().endsWith(character));
        }
        assertEquals("a", Failure.cut("aé", 2));
        assertEquals("aé", Failure.cut("aé", 3));
        assertEquals("", Failure.cut("€", 2));
    }

    private static int size(String text) {
        return text.getBytes(java.nio.charset.StandardCharsets.UTF_8).length;
    }

    @Test
    void causesAreToldAlsoIfTheyGoInARing() {
        IllegalStateException outer = new IllegalStateException("outer");
        outer.initCause(new IllegalStateException("inner", outer));
        String text =
                assertTimeoutPreemptively(
                        Duration.ofSeconds(20), () -> said(Failure.of(outer)).getMessage());
        assertEquals("outer: inner", text);
    }
}
