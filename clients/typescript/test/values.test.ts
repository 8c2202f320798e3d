// Payloads, times, states, events and what a task becomes: no server.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";

import { TaskState as StateNumber, Priority, TaskEventSchema } from "../src/_gen/tidemill/v1/task_pb.js";
import { create } from "@bufbuild/protobuf";
import { Cursor, eventOf } from "../src/event.js";
import { DEFAULT_URL, isTerminal, Payload, TidemillError, type ClientOptions, type Task } from "../src/index.js";
import { normalized } from "../src/link.js";
import { setupOf } from "../src/options.js";
import { reasonOf, stateNumber, stateOf } from "../src/state.js";
import { enqueueRequest } from "../src/task.js";
import { duration, milliseconds } from "../src/time.js";
import { withTraceContext } from "../src/trace.js";
import { VERSION } from "../src/version.js";
import { ended, running, truncated } from "./fake-server.js";

test("JSON goes there and back", () => {
  const value = { a: [1, -2.5, true, null, "x"], b: { c: 2 ** 53, __proto__x: 1 }, ["__proto__"]: 7 };
  const payload = Payload.json(value);
  assert.deepEqual(payload.json(), value);
  assert.equal(payload.contentType, "application/json");
  assert.deepEqual(Payload.text(JSON.stringify(value)).json(), value);
  assert.deepEqual(Payload.bytes(new TextEncoder().encode(JSON.stringify(value))).json(), value);
  assert.deepEqual(Payload.json({ at: new Date(0), none: undefined, list: [undefined] }).json(), {
    at: "1970-01-01T00:00:00.000Z",
    list: [null],
  });
  assert.equal(Payload.empty.json(), null);
});

test("what JSON cannot say is refused by name", () => {
  const self: Record<string, unknown> = {};
  self["self"] = self;
  const bad: [unknown, RegExp][] = [
    [{ a: [() => 1] }, /\$\.a\[0\] is a function/],
    [{ a: 1n }, /\$\.a is a bigint.*string/],
    [2 ** 53 + 2, /9007199254740994.*lose digits.*string/],
    [{ a: Number.NaN }, /\$\.a is NaN/],
    [self, /\$\.self is a part of itself/],
    [{ m: new Map() }, /\$\.m is a Map/],
    [Symbol("s"), /\$ is a symbol/],
  ];
  for (const [value, message] of bad) {
    assert.throws(
      () => Payload.of(value),
      (thrown) => thrown instanceof TidemillError && thrown.kind === "invalid" && message.test(thrown.message),
    );
  }
  const twice = { part: 1 };
  assert.deepEqual(Payload.json([twice, twice]).json(), [twice, twice], "twice is not within itself");
});

test("a value becomes the payload that fits it", () => {
  assert.equal(Payload.of("é").text, "é");
  assert.deepEqual([...Payload.of("é").toBytes()], [0xc3, 0xa9]);
  assert.equal(Payload.of(new Uint8Array([1])).variant, "data");
  assert.equal(Payload.of({}).variant, "json");
  assert.ok(Payload.of(undefined).isEmpty && !Payload.of("a").isEmpty);
  assert.equal(Payload.of("a").withContentType("text/csv").contentType, "text/csv");
  assert.equal(Payload.empty.contentType, "application/octet-stream");
});

test("times go there and back", () => {
  assert.equal(milliseconds(duration(1_250.5, "f")), 1_250.5);
  assert.equal(milliseconds(duration(-1, "f")), 0, "a negative one counts as zero");
  assert.equal(duration(-1, "f").nanos, -1_000_000, "but is sent as it is, for the server to refuse");
  assert.doesNotThrow(() => duration(Infinity, "f"));
  assert.throws(() => duration(Number.NaN, "delayMs"), /delayMs/);
});

test("every state of the contract and unknown ones survive", () => {
  for (let number = 0; number < 10; number += 1) {
    const state = stateOf(number);
    assert.equal(stateNumber(state), number);
    assert.equal(state, number === 0 ? "TASK_STATE_0" : (StateNumber[number] ?? `TASK_STATE_${String(number)}`));
    assert.equal(isTerminal(state), number >= 4 && number <= 7);
  }
  assert.equal(reasonOf(999), "ERROR_REASON_999");
});

test("an event that this version does not know is told as unknown", () => {
  const event = eventOf(create(TaskEventSchema, { sequence: 3n }));
  assert.deepEqual([event.type, event.sequence], ["unknown", 3]);
});

test("the cursor takes each number once and notices holes", () => {
  const cursor = new Cursor(0);
  assert.equal(cursor.accept(eventOf(running(1))), true);
  assert.equal(cursor.accept(eventOf(running(1))), false, "seen before");
  assert.match(String(cursor.accept(eventOf(running(3)))), /event 3 came where 2 was due/);
  assert.equal(cursor.accept(eventOf(truncated(2, 5))), true);
  assert.deepEqual([cursor.lastSequence, cursor.finished], [5, false]);
  assert.equal(cursor.accept(eventOf(ended(6))), true);
  assert.ok(cursor.finished);
  assert.equal(new Cursor(6).accept(eventOf(ended(6))), true, "the result always comes");
});

test("every request has a key, and a given one stays", () => {
  const [first, second] = [enqueueRequest({ kind: "a" }), enqueueRequest({ kind: "a" })];
  assert.ok(first.idempotencyKey !== "" && first.idempotencyKey !== second.idempotencyKey);
  assert.equal(enqueueRequest({ kind: "a", idempotencyKey: "k" }).idempotencyKey, "k");
});

test("what is set is sent and what is not stays absent", () => {
  const bare = enqueueRequest({ kind: "a" });
  assert.equal(bare.payload ?? bare.retryPolicy ?? bare.attemptTimeout ?? bare.start.case ?? bare.expiresIn, undefined);
  const full = enqueueRequest({
    kind: "a",
    payload: { a: 1 },
    priority: "URGENT",
    delayMs: 1,
    retryPolicy: { maxAttempts: 7, initialBackoffMs: 5 },
    labels: { l: "v" },
  });
  assert.equal(full.priority, Priority.URGENT);
  assert.deepEqual([full.start.case, full.retryPolicy?.maxAttempts, full.labels], ["delay", 7, { l: "v" }]);
  const refuse: [Task, RegExp][] = [
    [{ kind: "a", delayMs: 1, runAt: new Date() }, /only one/],
    [{ kind: "a", runAt: new Date("no") }, /runAt/],
    [{ kind: "a", priority: "HUGE" as "HIGH" }, /HUGE/],
    [{ kind: "a", retryPolicy: { maxAttempts: 1.5 } }, /maxAttempts/],
  ];
  for (const [task, message] of refuse) assert.throws(() => enqueueRequest(task), message);
});

test("the nearest trace context wins", async () => {
  const trace = (task: Task, source = () => ({ traceparent: "client" })) =>
    enqueueRequest(task, source).traceContext?.traceparent;
  assert.equal(trace({ kind: "a" }), "client");
  await withTraceContext({ traceparent: "handler" }, async () => {
    await new Promise(setImmediate);
    assert.equal(trace({ kind: "a" }), "handler", "also after an await");
    assert.equal(trace({ kind: "a", traceContext: { traceparent: "own" } }), "own");
  });
  assert.equal(enqueueRequest({ kind: "a" }).traceContext, undefined);
});

test("addresses", () => {
  assert.equal(normalized("localhost:7440"), "http://localhost:7440");
  assert.equal(normalized("https://a:1/"), "https://a:1");
  for (const url of ["", "ftp://a", "http://", "http://a b", "http://a:1/path"]) {
    assert.throws(
      () => normalized(url),
      (thrown: Error) => thrown.message.includes(`\`${url}\``) && thrown.message.includes("http://HOST:PORT"),
    );
  }
});

test("addresses come from the environment where the program names none", (t) => {
  const before = { ...process.env };
  t.after(() => {
    process.env = before;
  });
  const found = (options: ClientOptions = {}) => {
    const { gateway, results, worker } = setupOf(options);
    return [gateway.address, results.address, worker.address];
  };
  for (const name of ["TIDEMILL_URL", "TIDEMILL_RESULTS_URL", "TIDEMILL_WORKER_URL"])
    Reflect.deleteProperty(process.env, name);
  assert.deepEqual(found(), [DEFAULT_URL, DEFAULT_URL, DEFAULT_URL]);
  process.env["TIDEMILL_WORKER_URL"] = "worker:2";
  assert.deepEqual(found(), [DEFAULT_URL, DEFAULT_URL, "http://worker:2"]);
  process.env["TIDEMILL_URL"] = "http://main:1";
  process.env["TIDEMILL_RESULTS_URL"] = "";
  assert.deepEqual(found(), ["http://main:1", "http://main:1", "http://worker:2"]);
  assert.deepEqual(found({ resultsUrl: "own:3" }), ["http://main:1", "http://own:3", "http://worker:2"]);
  // Those of the environment do not belong to an address that the program names.
  assert.deepEqual(found({ url: "other:4" }), ["http://other:4", "http://other:4", "http://other:4"]);
  process.env["TIDEMILL_URL"] = "ftp://main";
  assert.throws(() => found(), /`ftp:\/\/main`/);
});

test("options that cannot work are refused by name, and a token never shows", () => {
  assert.throws(() => setupOf({ timeoutMs: 0 }), /timeoutMs/);
  assert.throws(() => setupOf({ tls: { cert: "-----BEGIN " } }), /cert and key/);
  assert.throws(() => setupOf({ tls: { ca: "/etc/ca.pem" } }), /tls.ca: not PEM/);
  assert.throws(
    () => setupOf({ token: "sec\nret" }),
    (thrown: Error) => thrown.message.includes("token") && !thrown.message.includes("sec"),
  );
});

test("the version is the package's", () => {
  const found = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as { version: string };
  assert.equal(VERSION, found.version);
});
