// What a developer sees: printed errors, printed payloads, and what a worker says that nobody listens to.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import test from "node:test";
import { inspect } from "node:util";

import { BadRequestSchema } from "../src/_gen/google/rpc/error_details_pb.js";
import { GatewayService } from "../src/_gen/tidemill/v1/gateway_service_pb.js";
import { create } from "@bufbuild/protobuf";
import { ConnectError } from "@connectrpc/connect";
import { Client, Failure, Payload, Worker, type WorkerEvent } from "../src/index.js";
import { errorOf as read } from "../src/status.js";
import { complaints } from "../src/worker/complaints.js";
import { changed, Code, errorOf, Server, until } from "./fake-server.js";
import { FakeRole } from "./fake-worker-role.js";
import { working } from "./working.js";

const task = { taskId: "t1", kind: "greet", attempt: 2 };

function badRequest(message: string, ...fieldViolations: { field: string; description: string }[]): ConnectError {
  const value = create(BadRequestSchema, { fieldViolations });
  return new ConnectError(message, Code.InvalidArgument, { "grpc-status": "3" }, [{ desc: BadRequestSchema, value }]);
}

async function refusing(thrown: () => ConnectError) {
  const server = await Server.start((router) => {
    router.service(GatewayService, {
      enqueue() {
        throw thrown();
      },
    });
  });
  return server;
}

test("a violation that the server's text has in full is not said again", async () => {
  const texts = [
    () =>
      badRequest("not valid: kind is required: at most 128", {
        field: "kind",
        description: "is required: at most 128",
      }),
    () =>
      badRequest(
        "2 fields break a rule",
        { field: "kind", description: "too long" },
        { field: "queue", description: "empty" },
      ),
  ];
  const messages: string[] = [];
  for (const text of texts) {
    await using server = await refusing(text);
    const client = new Client(server.url);
    const error = await errorOf(client.enqueue({ kind: "a" }));
    messages.push(error.message);
    assert.equal(error.violations[0]?.subject, "kind", "they are there all the same");
    client.close();
  }
  assert.deepEqual(messages, [
    `INVALID_ARGUMENT from ${messages[0]?.split(" ")[2] ?? ""} not valid: kind is required: at most 128`,
    `INVALID_ARGUMENT from ${messages[1]?.split(" ")[2] ?? ""} 2 fields break a rule; kind: too long; queue: empty`,
  ]);
});

test("a printed error is short and has its cause", async () => {
  await using server = await refusing(() => badRequest("no", { field: "kind", description: "x".repeat(200) }));
  const client = new Client(server.url);
  const error = await errorOf(client.enqueue({ kind: "a", idempotencyKey: "k" }));
  client.close();
  const printed = inspect(error);
  assert.ok(printed.split("\n").length < 20, printed);
  assert.doesNotMatch(printed, /Uint8Array|connectrpc/);
  assert.match(printed, /idempotencyKey: 'k'/);
  assert.ok(error.cause instanceof ConnectError && error.cause.details.length > 0);
  const plain = JSON.parse(JSON.stringify(error)) as Record<string, unknown>;
  assert.deepEqual([plain["message"], plain["code"]], [error.message, "INVALID_ARGUMENT"]);
});

test("an uncaught error takes few lines, too, and begins where the call was made", () => {
  const home = new URL("../src/index.js", import.meta.url).href;
  const program = `import { Client } from ${JSON.stringify(home)};
    await new Client({ url: "127.0.0.1:1", maxTries: 1 }).enqueue({ kind: "a" });`;
  const { stderr, status } = spawnSync(process.execPath, ["--input-type=module", "-e", program], { encoding: "utf8" });
  assert.equal(status, 1);
  assert.match(stderr, /TidemillError: cannot reach http:\/\/127\.0\.0\.1:1: .*ECONNREFUSED.*\n +at async file:.*eval/);
  assert.ok(stderr.split("\n").length < 30, stderr);
});

test("an error without a caller keeps the stack it has", async () => {
  const error = await new Promise<Error>((resolve) => {
    setImmediate(resolve, read(new ConnectError("gone", Code.Unavailable), "http://a:1"));
  });
  assert.match(error.stack ?? "", /^TidemillError: lost the connection to http:\/\/a:1: gone\n {4}at /);
});

test("JSON.stringify shows what a payload holds", () => {
  const payloads = [
    Payload.json({ a: [1] }),
    Payload.text("é"),
    Payload.bytes(new Uint8Array([1, 2, 255])),
    Payload.empty,
  ];
  assert.equal(JSON.stringify(payloads), '[{"a":[1]},"é","AQL/",null]');
  assert.deepEqual(Payload.json({ input: Payload.text("a") }).json(), { input: "a" });
  assert.equal(inspect(Payload.json({ a: 1 })), "Payload({ a: 1 })");
});

test("a settled event says why the attempt failed, and nothing of one that did not", async (t) => {
  const { stream, events } = await working(t, {
    bad: () => {
      throw new TypeError("no name");
    },
    dead: () => {
      throw Failure.permanent("never", { type: "T" });
    },
    good: () => "done",
    back: () => {
      throw Failure.release();
    },
  });
  const kinds = ["bad", "dead", "good", "back"];
  for (const kind of kinds) stream.assign(kind, kind);
  await until(() => events.filter((event) => event.type === "settled").length === kinds.length);
  const told = events.flatMap((event) => (event.type === "settled" ? [[event.task.kind, event.error] as const] : []));
  assert.deepEqual(Object.fromEntries(told), {
    bad: { message: "no name", type: "TypeError", permanent: false },
    dead: { message: "never", type: "T", permanent: true },
    good: undefined,
    back: undefined,
  });
});

test("without a listener one line tells of a failed attempt, with one nothing is written", async (t) => {
  const lines: unknown[][] = [];
  t.mock.method(console, "warn", (...line: unknown[]) => {
    lines.push(line);
    changed();
  });
  const role = new FakeRole();
  const server = await Server.start(role.routes);
  const client = new Client(server.url);
  const workers: Worker[] = [];
  const runs: Promise<void>[] = [];
  const begin = async (worker: Worker) => {
    worker.handle("greet", () => {
      throw new TypeError("no\nname");
    });
    worker.handle("ok", () => "done");
    workers.push(worker);
    runs.push(worker.run());
    return await role.stream(workers.length);
  };
  t.after(async () => {
    for (const worker of workers) worker.stop();
    await Promise.all(runs);
    client.close();
    await server.stop();
  });
  const quiet = await begin(new Worker(client, { onEvent: () => undefined }));
  quiet.assign("q", "greet");
  await until(() => quiet.all("fail").length === 1);
  const loud = await begin(new Worker(client));
  loud.assign("good", "ok");
  await until(() => loud.all("complete").length === 1);
  for (const token of ["a", "b"]) loud.assign(token, "greet");
  await until(() => lines.length > 0 && loud.all("fail").length === 2);
  assert.equal(lines.length, 1);
  assert.match(
    String(lines[0]?.[0]),
    /^tidemill worker: greet task-[ab], attempt 1, failed: TypeError: no name; it is tried again$/,
  );
});

test("a worker that cannot connect says so, and the same not before some seconds are over", async () => {
  const { error } = await new Promise<Extract<WorkerEvent, { type: "disconnected" }>>((resolve) => {
    const worker = new Worker(new Client("127.0.0.1:1"), {
      onEvent: (event) => {
        worker.stop();
        if (event.type === "disconnected") resolve(event);
      },
    }).handle("a", () => "");
    void worker.run();
  });
  const lines: string[] = [];
  let time = 0;
  const tell = complaints(
    (line) => lines.push(line),
    () => time,
  );
  for (time of [0, 1_000, 4_999, 5_000]) tell({ type: "disconnected", error });
  tell({ type: "connected", address: "a" });
  tell({ type: "settled", task, state: "SUCCEEDED" });
  tell({ type: "settled", task, state: "FAILED", error: { message: "x".repeat(9_999), type: "", permanent: true } });
  tell({ type: "leaseLost", task });
  assert.equal(lines.length, 4);
  assert.match(
    lines[0] ?? "",
    /^tidemill worker: cannot reach http:\/\/127\.0\.0\.1:1: .*ECONNREFUSED.*; it is tried again$/,
  );
  assert.equal(lines[1], `${lines[0] ?? ""} (and 2 more like it before)`);
  assert.match(lines[2] ?? "", /^tidemill worker: greet t1, attempt 2, failed: x{500}…; the task is FAILED$/);
  assert.match(lines[3] ?? "", /greet t1, attempt 2, lost its lease/);
});
