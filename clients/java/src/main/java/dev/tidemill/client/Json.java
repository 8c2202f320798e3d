package dev.tidemill.client;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonNull;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import com.google.protobuf.ListValue;
import com.google.protobuf.NullValue;
import com.google.protobuf.Struct;
import com.google.protobuf.Value;
import java.math.BigDecimal;

/** JSON to and from the contract's {@code Value}. */
final class Json {
    /** Beyond this the digits of a double are not exact any more. */
    private static final double EXACT = 1L << 53;

    private Json() {}

    static Value toValue(JsonElement element) {
        Value.Builder value = Value.newBuilder();
        if (element.isJsonArray()) {
            ListValue.Builder list = ListValue.newBuilder();
            element.getAsJsonArray().forEach(item -> list.addValues(toValue(item)));
            return value.setListValue(list).build();
        }
        if (element.isJsonObject()) {
            Struct.Builder fields = Struct.newBuilder();
            element.getAsJsonObject()
                    .entrySet()
                    .forEach(field -> fields.putFields(field.getKey(), toValue(field.getValue())));
            return value.setStructValue(fields).build();
        }
        if (element.isJsonNull()) {
            return value.setNullValue(NullValue.NULL_VALUE).build();
        }
        JsonPrimitive primitive = element.getAsJsonPrimitive();
        if (primitive.isBoolean()) {
            return value.setBoolValue(primitive.getAsBoolean()).build();
        }
        if (primitive.isNumber()) {
            return value.setNumberValue(exact(primitive.getAsNumber())).build();
        }
        return value.setStringValue(primitive.getAsString()).build();
    }

    /** Digits are never lost silently. */
    private static double exact(Number number) {
        String text = number.toString();
        boolean whole = text.chars().allMatch(c -> c == '-' || (c >= '0' && c <= '9'));
        if (whole && new BigDecimal(text).abs().compareTo(BigDecimal.valueOf(EXACT)) > 0) {
            throw Fault.invalid(
                            "payload: "
                                    + text
                                    + " would lose digits as a JSON number; make it a string")
                    .exception();
        }
        double value = number.doubleValue();
        if (!Double.isFinite(value)) {
            throw Fault.invalid("payload: " + text + " is not a JSON number").exception();
        }
        return value;
    }

    /** Whole numbers without a fraction. What JSON cannot say (infinities) becomes null. */
    static JsonElement fromValue(Value value) {
        return switch (value.getKindCase()) {
            case NULL_VALUE, KIND_NOT_SET -> JsonNull.INSTANCE;
            case BOOL_VALUE -> new JsonPrimitive(value.getBoolValue());
            case NUMBER_VALUE -> fromDouble(value.getNumberValue());
            case STRING_VALUE -> new JsonPrimitive(value.getStringValue());
            case LIST_VALUE -> {
                JsonArray list = new JsonArray();
                value.getListValue().getValuesList().forEach(item -> list.add(fromValue(item)));
                yield list;
            }
            case STRUCT_VALUE -> {
                JsonObject fields = new JsonObject();
                value.getStructValue()
                        .getFieldsMap()
                        .forEach((name, item) -> fields.add(name, fromValue(item)));
                yield fields;
            }
        };
    }

    private static JsonElement fromDouble(double number) {
        if (!Double.isFinite(number)) {
            return JsonNull.INSTANCE;
        }
        boolean whole = number == Math.rint(number) && Math.abs(number) <= EXACT;
        return whole ? new JsonPrimitive((long) number) : new JsonPrimitive(number);
    }
}
