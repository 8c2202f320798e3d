// JSON to and from the contract's `Value`. Whatever would be changed on the way is refused.

import { create } from "@bufbuild/protobuf";
import { ListValueSchema, NullValue, StructSchema, ValueSchema, type Value } from "@bufbuild/protobuf/wkt";
import type { JsonValue } from "@bufbuild/protobuf";

import { invalid } from "./error.js";

/** A value that JSON can say. */
export type Json = JsonValue;

/** Any value as JSON sees it: `toJSON` is honoured and properties that are `undefined` are left out, as `JSON.stringify` does. */
export function toValue(value: unknown): Value {
  return valueOf(clean(value, "$", new Set()));
}

/** What a `Value` says. What JSON cannot say (infinities) becomes null. */
export function fromValue(value: Value): Json {
  const { kind } = value;
  switch (kind.case) {
    case "boolValue":
    case "stringValue":
      return kind.value;
    case "numberValue":
      return Number.isFinite(kind.value) ? kind.value : null;
    case "listValue":
      return kind.value.values.map(fromValue);
    case "structValue":
      return objectOf(kind.value.fields, fromValue);
    default:
      return null;
  }
}

function valueOf(json: Json): Value {
  if (json === null) return create(ValueSchema, { kind: { case: "nullValue", value: NullValue.NULL_VALUE } });
  if (Array.isArray(json)) {
    const list = create(ListValueSchema, { values: json.map(valueOf) });
    return create(ValueSchema, { kind: { case: "listValue", value: list } });
  }
  switch (typeof json) {
    case "boolean":
      return create(ValueSchema, { kind: { case: "boolValue", value: json } });
    case "number":
      return create(ValueSchema, { kind: { case: "numberValue", value: json } });
    case "string":
      return create(ValueSchema, { kind: { case: "stringValue", value: json } });
    default: {
      const struct = create(StructSchema, { fields: objectOf(json, valueOf) });
      return create(ValueSchema, { kind: { case: "structValue", value: struct } });
    }
  }
}

/** The same properties with other values. `fromEntries` defines them, so that `__proto__` is a name like any other. */
function objectOf<A, B>(object: Record<string, A>, change: (part: A) => B): Record<string, B> {
  return Object.fromEntries(Object.entries(object).map(([name, part]) => [name, change(part)]));
}

function refused(path: string, what: string): Error {
  return invalid(`payload: ${path} is ${what}`);
}

function clean(value: unknown, path: string, above: Set<object>): Json {
  switch (typeof value) {
    case "string":
    case "boolean":
      return value;
    case "number":
      return exact(value, path);
    case "bigint":
      throw refused(path, "a bigint, which JSON cannot say: make it a string");
    case "object":
      return value === null ? null : cleanObject(value, path, above);
    default:
      throw refused(path, `a ${typeof value}, which JSON cannot say`);
  }
}

function exact(value: number, path: string): number {
  if (!Number.isFinite(value)) throw refused(path, `${String(value)}, which JSON cannot say`);
  // A protobuf Value is a double, too, but this number may already have been another one.
  if (Number.isInteger(value) && Math.abs(value) > 2 ** 53 && Math.abs(value) < 1e21) {
    throw refused(path, `${String(value)}, which would lose digits as a JSON number: make it a string`);
  }
  return value;
}

function cleanObject(value: object, path: string, above: Set<object>): Json {
  if (above.has(value)) throw refused(path, "a part of itself");
  above.add(value);
  try {
    if ("toJSON" in value && typeof value.toJSON === "function") {
      return clean((value as { toJSON: () => unknown }).toJSON(), path, above);
    }
    if (Array.isArray(value)) {
      return value.map((item: unknown, index) =>
        item === undefined ? null : clean(item, `${path}[${String(index)}]`, above),
      );
    }
    if (value instanceof Map || value instanceof Set || ArrayBuffer.isView(value) || value instanceof ArrayBuffer) {
      throw refused(path, `a ${value.constructor.name}, which JSON cannot say: make it an object, an array or text`);
    }
    const parts = Object.entries(value).filter(([, part]) => part !== undefined);
    return Object.fromEntries(parts.map(([name, part]) => [name, clean(part, `${path}.${name}`, above)]));
  } finally {
    above.delete(value);
  }
}
