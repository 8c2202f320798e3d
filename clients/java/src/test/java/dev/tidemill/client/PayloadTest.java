package dev.tidemill.client;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonElement;
import com.google.gson.JsonParser;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class PayloadTest {
    record Order(String id, int items, double amount, List<String> notes) {}

    @Test
    void jsonGoesThereAndBack() {
        String text = "{\"a\":[1,-2.5,true,null,\"x\"],\"b\":{\"c\":9007199254740992}}";
        JsonElement tree = JsonParser.parseString(text);
        Payload json = Payload.json(tree);
        assertEquals(text, new String(json.toBytes(), StandardCharsets.UTF_8));
        assertEquals("application/json", json.contentType());
        assertEquals(tree, Payload.text(text).toJson(JsonElement.class));
        assertEquals(
                tree,
                Payload.bytes(text.getBytes(StandardCharsets.UTF_8)).toJson(JsonElement.class));
        Order order = new Order("o-1", 3, 9.5, List.of("é"));
        assertEquals(order, Payload.of(order).toJson(Order.class));
    }

    @Test
    void digitsAreNeverLostSilently() {
        TidemillException error =
                assertThrows(
                        TidemillException.class,
                        () -> Payload.json(Map.of("n", 9007199254740993L)));
        assertTrue(error.getMessage().contains("9007199254740993"), error.getMessage());
    }

    @Test
    void whatIsNotJsonIsRefusedInOneLine() {
        List<Object> circle = new ArrayList<>();
        circle.add(circle);
        for (Object value : List.of(String.class, Double.NaN, Thread.currentThread())) {
            TidemillException error =
                    assertThrows(TidemillException.class, () -> Payload.of(value));
            assertEquals(ErrorKind.INVALID, error.getKind());
            assertEquals(1, error.getMessage().lines().count());
        }
        assertThrows(TidemillException.class, () -> Payload.of(circle));
    }

    @Test
    void everyVariant() {
        assertArrayEquals("é".getBytes(StandardCharsets.UTF_8), Payload.text("é").toBytes());
        assertArrayEquals(new byte[] {1, 2}, Payload.of(new byte[] {1, 2}).toBytes());
        assertTrue(Payload.of(null).isEmpty());
        assertFalse(Payload.text("a").isEmpty());
        assertEquals("text/csv", Payload.text("a").withContentType("text/csv").contentType());
        assertFalse(Payload.text("secret").toString().contains("secret"));
    }
}
