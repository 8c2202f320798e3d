package dev.tidemill.client;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonElement;
import com.google.gson.JsonParseException;
import com.google.gson.JsonParser;
import com.google.gson.ToNumberPolicy;
import com.google.protobuf.ByteString;
import java.lang.reflect.Type;
import java.util.Optional;

/**
 * Input, output or chunk: bytes, text or JSON. The server takes at most 256 KiB (configurable to 1
 * MiB), of a chunk 64 KiB.
 */
public final class Payload {
    private static final Payload EMPTY = new Payload(dev.tidemill.v1.Payload.getDefaultInstance());

    private static final Gson GSON =
            new GsonBuilder()
                    .serializeNulls()
                    .disableHtmlEscaping()
                    .setObjectToNumberStrategy(ToNumberPolicy.LONG_OR_DOUBLE)
                    .create();

    private final dev.tidemill.v1.Payload message;

    private Payload(dev.tidemill.v1.Payload message) {
        this.message = message;
    }

    /** No content. */
    public static Payload empty() {
        return EMPTY;
    }

    /** UTF-8 text. */
    public static Payload text(String text) {
        return new Payload(dev.tidemill.v1.Payload.newBuilder().setText(text).build());
    }

    /** Raw bytes. */
    public static Payload bytes(byte[] bytes) {
        ByteString data = ByteString.copyFrom(bytes);
        return new Payload(dev.tidemill.v1.Payload.newBuilder().setData(data).build());
    }

    /**
     * A JSON value, which every language and grpcurl see as JSON: what Gson makes of a map, a list,
     * a number, a record or an object of yours, or a {@link JsonElement}.
     *
     * @throws TidemillException of kind {@link ErrorKind#INVALID} if the value cannot be
     *     serialised, or holds a whole number beyond 2^53, which a protobuf {@code Value}, a
     *     double, would change on the way: make such a number a string
     */
    public static Payload json(Object value) {
        JsonElement tree;
        try {
            tree = GSON.toJsonTree(value);
        } catch (RuntimeException | StackOverflowError unserialisable) {
            String type = value.getClass().getName();
            String why = "payload: a " + type + " is not JSON: " + firstLine(unserialisable);
            throw new TidemillException(Fault.invalid(why), unserialisable);
        }
        return new Payload(
                dev.tidemill.v1.Payload.newBuilder().setJson(Json.toValue(tree)).build());
    }

    /**
     * What it most naturally is: null is empty, a {@link CharSequence} is text, {@code byte[]} is
     * bytes, a payload is itself; everything else is JSON.
     *
     * @throws TidemillException as {@link #json}
     */
    public static Payload of(Object value) {
        if (value == null) {
            return EMPTY;
        }
        if (value instanceof Payload payload) {
            return payload;
        }
        if (value instanceof CharSequence text) {
            return text(text.toString());
        }
        return value instanceof byte[] bytes ? bytes(bytes) : json(value);
    }

    static Payload ofProto(dev.tidemill.v1.Payload message) {
        return new Payload(message);
    }

    /** The same content with this MIME type. Without one the variant implies it. */
    public Payload withContentType(String contentType) {
        return new Payload(message.toBuilder().setContentType(contentType).build());
    }

    /** The MIME type: the one that was set, or the variant's. */
    public String contentType() {
        if (!message.getContentType().isEmpty()) {
            return message.getContentType();
        }
        return switch (message.getContentCase()) {
            case TEXT -> "text/plain";
            case JSON -> "application/json";
            case DATA, CONTENT_NOT_SET -> "application/octet-stream";
        };
    }

    /** The text, if it is text. */
    public Optional<String> asText() {
        return message.hasText() ? Optional.of(message.getText()) : Optional.empty();
    }

    /** The content as bytes: text as UTF-8, JSON as its text. */
    public byte[] toBytes() {
        return switch (message.getContentCase()) {
            case DATA -> message.getData().toByteArray();
            case TEXT -> message.getTextBytes().toByteArray();
            case JSON -> ByteString.copyFromUtf8(jsonText()).toByteArray();
            case CONTENT_NOT_SET -> new byte[0];
        };
    }

    /**
     * Reads JSON, of the JSON variant or parsed from text or bytes, as this type: a record or class
     * of yours, {@code Map.class}, {@code JsonElement.class}. Null if there is no content.
     *
     * @throws JsonParseException if it is not JSON, or not of this type
     */
    public <T> T toJson(Class<T> type) {
        return GSON.fromJson(tree(), type);
    }

    /**
     * The same for a type with parameters, e.g. of Gson's {@code TypeToken}.
     *
     * @throws JsonParseException if it is not JSON, or not of this type
     */
    public <T> T toJson(Type type) {
        return GSON.fromJson(tree(), type);
    }

    /** True if there is no content. */
    public boolean isEmpty() {
        return switch (message.getContentCase()) {
            case DATA -> message.getData().isEmpty();
            case TEXT -> message.getText().isEmpty();
            case JSON -> false;
            case CONTENT_NOT_SET -> true;
        };
    }

    /** The message of the contract. */
    public dev.tidemill.v1.Payload toProto() {
        return message;
    }

    private static String firstLine(Throwable error) {
        return String.valueOf(error.getMessage()).lines().findFirst().orElse("");
    }

    private JsonElement tree() {
        return switch (message.getContentCase()) {
            case JSON -> Json.fromValue(message.getJson());
            case TEXT -> JsonParser.parseString(message.getText());
            case DATA -> JsonParser.parseString(message.getData().toStringUtf8());
            case CONTENT_NOT_SET -> null;
        };
    }

    private String jsonText() {
        return GSON.toJson(Json.fromValue(message.getJson()));
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof Payload payload && payload.message.equals(message);
    }

    @Override
    public int hashCode() {
        return message.hashCode();
    }

    /** Kind and size, never the content: it may be secret. */
    @Override
    public String toString() {
        return "Payload[" + contentType() + ", " + message.getSerializedSize() + " bytes]";
    }
}
