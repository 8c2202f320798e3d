// Calls and watches against a server that breaks on purpose.

import assert from "node:assert/strict";
import net, { type AddressInfo } from "node:net";
import test from "node:test";

import { GatewayService, type EnqueueRequest } from "../src/_gen/tidemill/v1/gateway_service_pb.js";
import { ResultsService } from "../src/_gen/tidemill/v1/results_service_pb.js";
import { TaskState } from "../src/_gen/tidemill/v1/task_pb.js";
import { BATCH_LIMIT, Client, type TaskEvent, type TidemillError } from "../src/index.js";
import { changed, Code, ended, errorOf, refusal, running, Server, truncated, until } from "./fake-server.js";

const sequences = (events: readonly TaskEvent[]) => events.map((event) => event.sequence);

test("a wrong address gets one clear line, and nothing was applied", async () => {
  const client = new Client({ url: "127.0.0.1:1", maxTries: 3 });
  const error = await errorOf(client.enqueue({ kind: "a", idempotencyKey: "k" }));
  assert.deepEqual([error.kind, error.outcome, error.idempotencyKey], ["unreachable", "not_applied", "k"]);
  assert.match(error.message, /^cannot reach http:\/\/127\.0\.0\.1:1: .*ECONNREFUSED/);
  const nowhere = await errorOf(new Client({ url: "http://no.invalid:1", maxTries: 1 }).health());
  assert.match(nowhere.message, /no\.invalid/);
});

test("https:// to a plaintext server, and http:// to one that hangs up, name the remedy", async () => {
  await using server = await Server.start(() => undefined);
  const plain = await errorOf(new Client({ url: server.url.replace("http", "https"), maxTries: 1 }).health());
  assert.equal(plain.tlsProblem, "not_spoken");
  assert.match(plain.message, /use http:\/\//);
  assert.ok(!plain.message.includes("\n"));
  // What a TLS server does with a client that begins with HTTP/2.
  const tls = net.createServer((socket) => {
    socket.on("error", () => undefined);
    socket.once("data", () => socket.end(Buffer.from([21, 3, 1, 0, 2, 2, 70])));
  });
  await new Promise<void>((resolve) => tls.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${String((tls.address() as AddressInfo).port)}`;
  const error = await errorOf(new Client({ url, maxTries: 1 }).health());
  assert.equal(error.tlsProblem, "required", error.message);
  assert.match(error.message, /use https:\/\//);
  tls.close();
});

test("the key stays the same over the tries, and the deadline is sent along", async () => {
  const keys: string[] = [];
  await using server = await Server.start((router) => {
    router.service(GatewayService, {
      enqueue(request: EnqueueRequest, context) {
        keys.push(request.idempotencyKey);
        assert.ok((context.timeoutMs() ?? Infinity) <= 10_000);
        if (keys.length < 3) throw refusal(Code.Unavailable, "STORE_UNAVAILABLE", { outcome: "unknown" });
        return { taskId: "t", state: TaskState.QUEUED };
      },
    });
  });
  const client = new Client(server.url);
  assert.deepEqual(await client.enqueue({ kind: "a" }), { taskId: "t", state: "QUEUED", deduplicated: false });
  assert.equal(keys.length, 3);
  assert.equal(new Set(keys).size, 1);
  assert.deepEqual(client.stats, { calls: 1, attempts: 3 });
  client.close();
  const closed = await errorOf(client.enqueue({ kind: "a" }));
  assert.equal(closed.kind, "invalid");
});

test("a server that says nothing: the deadline ends the call, and nobody knows what became of it", async () => {
  await using server = await Server.start((router) => {
    router.service(GatewayService, {
      enqueue: ({ kind }) => (kind === "first" ? { taskId: "t" } : new Promise(() => undefined)),
    });
  });
  const client = new Client({ url: server.url, timeoutMs: 3_000 });
  // Connects, so that the other call is certainly sent.
  await client.enqueue({ kind: "first" });
  const error = await errorOf(client.enqueue({ kind: "a" }));
  assert.deepEqual([error.kind, error.outcome], ["deadline_exceeded", "unknown"]);
  client.close();
});

test("a connection that is cut is tried over another one", async () => {
  let tries = 0;
  await using server = await Server.start((router) => {
    router.service(GatewayService, {
      async enqueue() {
        tries += 1;
        if (tries > 2) return { taskId: "t", state: TaskState.QUEUED };
        server.cut();
        return new Promise(() => undefined);
      },
    });
  });
  const client = new Client(server.url);
  assert.equal((await client.enqueue({ kind: "a" })).taskId, "t");
  tries = -10;
  const error = await errorOf(new Client({ url: server.url, maxTries: 1 }).enqueue({ kind: "a" }));
  assert.deepEqual([error.kind, error.outcome], ["connection_lost", "unknown"]);
  client.close();
});

test("a batch is split, and what is refused for the moment is sent again", async () => {
  const sizes: number[] = [];
  let full = true;
  await using server = await Server.start((router) => {
    router.service(GatewayService, {
      batchEnqueue({ requests }) {
        sizes.push(requests.length);
        const outcomes = requests.map((request) => {
          if (request.kind === "bad") return { outcome: { case: "error" as const, value: { code: 3, message: "no" } } };
          if (request.kind === "full" && full) {
            full = false;
            return { outcome: { case: "error" as const, value: { code: 14, message: "soon" } } };
          }
          return { outcome: { case: "response" as const, value: { taskId: request.kind, state: TaskState.QUEUED } } };
        });
        return { outcomes };
      },
    });
  });
  const client = new Client(server.url);
  const kinds = ["bad", "full", ...Array.from({ length: BATCH_LIMIT }, (_, index) => `k${String(index)}`)];
  const outcomes = await client.enqueueBatch(kinds.map((kind) => ({ kind })));
  assert.deepEqual(sizes, [BATCH_LIMIT, 1, 2]);
  assert.equal(outcomes.length, kinds.length);
  const [bad, ...good] = outcomes;
  assert.ok(bad && !bad.ok && bad.error.code === "INVALID_ARGUMENT" && bad.error.idempotencyKey !== undefined);
  assert.deepEqual(
    good.map((outcome) => outcome.ok && outcome.enqueued.taskId),
    kinds.slice(1),
  );
  client.close();
});

test("a watch goes on from the last event, each number once, and says what was cut", async () => {
  const asked: number[] = [];
  const events: TaskEvent[] = [];
  await using server = await Server.start((router) => {
    router.service(ResultsService, {
      async *watchResult({ afterSequence }) {
        asked.push(Number(afterSequence));
        if (asked.length === 1) {
          yield { event: running(1) };
          yield { event: running(2) };
          await until(() => events.length === 2);
          server.cut();
          await new Promise(() => undefined);
        }
        yield { event: running(2) };
        yield { event: truncated(3, 5) };
        yield { event: ended(6) };
      },
    });
  });
  const client = new Client(server.url);
  const breaks: TidemillError[] = [];
  const watch = client.watch("t", { onBreak: (error) => breaks.push(error) });
  for await (const event of watch) {
    events.push(event);
    changed();
  }
  assert.deepEqual(sequences(events), [1, 2, 5, 6]);
  assert.deepEqual([asked, breaks.length, watch.lastSequence], [[0, 2], 1, 6]);
  client.close();
});

test("a hole is an error, a considered refusal ends a watch, and neither is tried again", async () => {
  let calls = 0;
  await using server = await Server.start((router) => {
    router.service(ResultsService, {
      async *watchResult({ taskId }) {
        calls += 1;
        await Promise.resolve();
        if (taskId === "unknown") throw refusal(Code.NotFound, "TASK_NOT_FOUND");
        yield { event: running(1) };
        yield { event: running(3) };
      },
    });
  });
  const client = new Client(server.url);
  const hole = await errorOf(client.watch("t").result());
  assert.deepEqual([hole.kind, calls], ["contract", 1]);
  assert.match(hole.message, /event 3 came where 2 was due/);
  const unknown = await errorOf(client.watch("unknown").result());
  assert.deepEqual([unknown.reason, calls], ["TASK_NOT_FOUND", 2]);
  client.close();
});

test("a watch ends when its loop is left, when its signal says so, and when no stream can be had", async () => {
  let open = 0;
  await using server = await Server.start((router) => {
    router.service(ResultsService, {
      async *watchResult(_, context) {
        open += 1;
        yield { event: running(1) };
        await new Promise((resolve) => context.signal.addEventListener("abort", resolve));
        open -= 1;
        changed();
      },
    });
  });
  const client = new Client(server.url);
  const left = client.watch("t");
  for await (const event of left) {
    assert.equal(event.sequence, 1);
    break;
  }
  assert.equal((await left.next()).done, true);
  const controller = new AbortController();
  const reason = new Error("enough");
  const watch = client.watch("t", { signal: controller.signal });
  await watch.next();
  const waiting = watch.next();
  controller.abort(reason);
  await assert.rejects(waiting, reason);
  const ending = client.watch("t");
  await ending.next();
  const pending = ending.next();
  await ending.return();
  assert.equal((await pending).done, true, "whoever waits is told the end");
  // The server was told, too.
  await until(() => open === 0);
  client.close();
  const away = await errorOf(new Client({ url: "127.0.0.1:1", maxTries: 2 }).watch("t").result());
  assert.equal(away.kind, "unreachable");
});

test("many tasks over one stream: each from its cursor, one error ends one task", async () => {
  const streams: string[][] = [];
  const seen: string[] = [];
  await using server = await Server.start((router) => {
    router.service(ResultsService, {
      async *watchResults(requests) {
        const added: string[] = [];
        streams.push(added);
        for await (const { add } of requests) {
          for (const { taskId, afterSequence } of add) {
            added.push(`${taskId}@${String(afterSequence)}`);
            if (taskId === "bad") yield { taskId, item: { case: "error" as const, value: { code: 5, message: "no" } } };
            else if (afterSequence === 0n) yield { taskId, item: { case: "event" as const, value: running(1) } };
            else yield { taskId, item: { case: "event" as const, value: ended(2) } };
          }
          if (streams.length === 1 && added.length === 3) {
            await until(() => seen.length === 3);
            server.cut();
          }
        }
      },
    });
  });
  const client = new Client(server.url);
  const many = client.watchMany().add("a").add("bad").add("b").end();
  for await (const { taskId, event, error } of many) {
    seen.push(`${taskId}:${event ? String(event.sequence) : (error.code ?? "")}`);
    changed();
  }
  assert.deepEqual(seen.sort(), ["a:1", "a:2", "b:1", "b:2", "bad:NOT_FOUND"]);
  assert.deepEqual(
    streams.map((added) => added.length),
    [3, 2],
  );
  assert.deepEqual(streams[1]?.sort(), ["a@1", "b@1"]);
  client.close();
});
