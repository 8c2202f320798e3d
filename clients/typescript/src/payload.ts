// Input, output and chunks.

import { inspect, type InspectOptions } from "node:util";
import { create, toBinary } from "@bufbuild/protobuf";

import { PayloadSchema, type Payload as Message } from "./_gen/tidemill/v1/task_pb.js";
import { fromValue, toValue, type Json } from "./json.js";

const IMPLIED = { data: "application/octet-stream", text: "text/plain", json: "application/json" };

/**
 * Input, output or chunk: bytes, text or JSON. The server takes at most 256 KiB (configurable to 1 MiB), of a chunk 64 KiB.
 *
 * Wherever a payload is wanted, a value will do: a string is sent as text, a `Uint8Array` as bytes, `undefined` as an empty payload, and anything
 * else as JSON.
 */
export class Payload {
  /** No content. */
  static readonly empty = new Payload(create(PayloadSchema));

  /** @internal */
  constructor(
    /** The message of the contract. */
    readonly message: Message,
  ) {}

  /** UTF-8 text. */
  static text(text: string): Payload {
    return new Payload(create(PayloadSchema, { content: { case: "text", value: text } }));
  }

  /** Raw bytes. */
  static bytes(data: Uint8Array): Payload {
    return new Payload(create(PayloadSchema, { content: { case: "data", value: data } }));
  }

  /**
   * A JSON value, which every language and grpcurl see as JSON.
   *
   * @throws {@link TidemillError} of kind `invalid` if the value holds what JSON cannot say, or a whole number beyond 2^53, which has lost
   * digits: make such a number a string.
   */
  static json(value: unknown): Payload {
    return new Payload(create(PayloadSchema, { content: { case: "json", value: toValue(value) } }));
  }

  /** The payload of any value, as the class says. */
  static of(value: unknown): Payload {
    if (value instanceof Payload) return value;
    if (value === undefined) return Payload.empty;
    if (typeof value === "string") return Payload.text(value);
    return value instanceof Uint8Array ? Payload.bytes(value) : Payload.json(value);
  }

  /** With this MIME type. Without it the variant implies one. */
  withContentType(contentType: string): Payload {
    return new Payload(create(PayloadSchema, { contentType, content: this.message.content }));
  }

  /** The MIME type: the one that was set, or the variant's. */
  get contentType(): string {
    const { contentType, content } = this.message;
    return contentType || IMPLIED[content.case ?? "data"];
  }

  /** Which variant it is; `undefined`: it is empty. */
  get variant(): "data" | "text" | "json" | undefined {
    return this.message.content.case;
  }

  /** The text, if it is text. */
  get text(): string | undefined {
    const { content } = this.message;
    return content.case === "text" ? content.value : undefined;
  }

  /** True if there is no content. */
  get isEmpty(): boolean {
    return this.toBytes().length === 0;
  }

  /** The content as bytes: text as UTF-8, JSON as its text. */
  toBytes(): Uint8Array {
    const { content } = this.message;
    switch (content.case) {
      case "data":
        return content.value;
      case "text":
        return new TextEncoder().encode(content.value);
      case "json":
        return new TextEncoder().encode(JSON.stringify(fromValue(content.value)));
      default:
        return new Uint8Array();
    }
  }

  /**
   * Reads JSON: of the JSON variant, or parsed from text or bytes. An empty payload is null.
   *
   * @throws SyntaxError if it is not JSON.
   */
  // Who asks for a type says that the value is one; to check it is the caller's part.
  // eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters
  json<T = Json>(): T {
    const { content } = this.message;
    switch (content.case) {
      case "json":
        return fromValue(content.value) as T;
      case "text":
        return JSON.parse(content.value) as T;
      case "data":
        return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(content.value)) as T;
      default:
        return null as T;
    }
  }

  /** What `JSON.stringify` shows: the JSON value, the text, or bytes in base64; null if it is empty. */
  toJSON(): Json {
    const { content } = this.message;
    switch (content.case) {
      case "json":
        return fromValue(content.value);
      case "text":
        return content.value;
      case "data":
        return Buffer.from(content.value).toString("base64");
      default:
        return null;
    }
  }

  /**
   * What `console.log` prints.
   * @internal
   */
  [inspect.custom](_depth: number, options: InspectOptions): string {
    const { content } = this.message;
    return `Payload(${inspect(content.case === "data" ? content.value : this.toJSON(), options)})`;
  }

  /**
   * Its size as a message.
   * @internal
   */
  get encodedLength(): number {
    return toBinary(PayloadSchema, this.message).length;
  }
}

/** A payload that the server sent, if it sent one. */
export function payloadOf(message: Message | undefined): Payload | undefined {
  return message && new Payload(message);
}
