// What several tries and several callers share: outcomes, deadlines, and the line before a server that is away.

import assert from "node:assert/strict";
import test, { type TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { GatewayService } from "../src/_gen/tidemill/v1/gateway_service_pb.js";
import { ResultsService } from "../src/_gen/tidemill/v1/results_service_pb.js";
import { TaskState } from "../src/_gen/tidemill/v1/task_pb.js";
import { Client, type ClientOptions } from "../src/index.js";
import { call, Line } from "../src/retry.js";
import { milliseconds } from "../src/time.js";
import { changed, Code, ended, errorOf, refusal, Server, statusOf, until } from "./fake-server.js";

type Routes = Parameters<typeof Server.start>[0];

async function serving(t: TestContext, routes: Routes, options: Omit<ClientOptions, "url"> = {}): Promise<Client> {
  const server = await Server.start(routes);
  const client = new Client({ ...options, url: server.url });
  t.after(async () => {
    client.close();
    await server.stop();
  });
  return client;
}

const unknown = () => refusal(Code.Unavailable, "STORE_UNAVAILABLE", { outcome: "unknown" });
const refused = () => refusal(Code.InvalidArgument, "INVALID_REQUEST", { outcome: "not_applied" });

test("an entry of a batch that may have been stored in one round stays so, whatever the later rounds say", async (t) => {
  for (const [name, second] of Object.entries({ entry: false, call: true })) {
    let rounds = 0;
    const client = await serving(t, (router) => {
      router.service(GatewayService, {
        batchEnqueue({ requests }) {
          rounds += 1;
          if (rounds === 2 && second) throw refused();
          const error = statusOf(rounds === 1 ? unknown() : refused());
          return { outcomes: requests.map(() => ({ outcome: { case: "error" as const, value: error } })) };
        },
      });
    });
    const [outcome] = await client.enqueueBatch([{ kind: "a" }]);
    assert.ok(outcome && !outcome.ok, name);
    const { code, outcome: left } = outcome.error;
    assert.deepEqual([rounds, code, left], [2, "INVALID_ARGUMENT", "unknown"], name);
  }
});

test("a later try of a long poll asks the server to hold back for no longer than this side still waits", async (t) => {
  const asked: { wait: number; left: number }[] = [];
  const timeoutMs = 2_000;
  const routes: Routes = (router) => {
    router.service(ResultsService, {
      async getResult({ taskId, wait }, context) {
        // As it was sent, e.g. `7000m`.
        const left = Number.parseInt(context.requestHeader.get("grpc-timeout") ?? "");
        asked.push({ wait: wait ? milliseconds(wait) : 0, left });
        if (asked.length > 1) return { taskId, state: TaskState.SUCCEEDED };
        // The first answer is held back for a while before its server goes.
        await sleep(400);
        throw unknown();
      },
    });
  };
  const client = await serving(t, routes, { timeoutMs });
  await client.wait("t", 5_000);
  const [first, second] = asked;
  assert.ok(first && second);
  assert.ok(first.wait > 0 && first.wait <= 5_000, String(first.wait));
  assert.ok(second.wait <= first.wait - 399, `${String(second.wait)} after ${String(first.wait)}`);
  for (const { wait, left } of asked) assert.ok(wait + timeoutMs <= left + 1, `${String(wait)} of ${String(left)}`);
});

test("a probe that hangs does not keep the others waiting behind it", async () => {
  const line = new Line();
  const target = {
    address: "http://here",
    line,
    closed: false,
    connection: { connecting: false, close: () => undefined },
  };
  const limits = { deadlineMs: 60_000 };
  await errorOf(call(target, { ...limits, tries: 1 }, () => Promise.reject(unknown())));
  const gaveUp = new AbortController();
  let hangs = false;
  const hanging = call(
    target,
    limits,
    ({ signal }) => {
      hangs = true;
      changed();
      return new Promise<never>((_, reject) => signal.addEventListener("abort", () => reject(signal.reason as Error)));
    },
    gaveUp.signal,
  );
  const over = assert.rejects(hanging, /enough/);
  await until(() => hangs);
  assert.equal(await call(target, limits, () => Promise.resolve("answered")), "answered");
  gaveUp.abort(new Error("enough"));
  await over;
});

test("a stream waits in line no longer than a call would", { timeout: 30_000 }, async (t) => {
  const hour = refusal(Code.Unavailable, "DRAINING", {}, 3_600);
  let streams = 0;
  const routes: Routes = (router) => {
    router.service(ResultsService, {
      getResult() {
        throw hour;
      },
      async *watchResult() {
        streams += 1;
        await Promise.resolve();
        yield { event: ended(1) };
      },
    });
  };
  const client = await serving(t, routes, { timeoutMs: 1_500 });
  assert.equal((await errorOf(client.result("t"))).reason, "DRAINING");
  const error = await errorOf(client.watch("t").result());
  assert.deepEqual([error.reason, streams], ["DRAINING", 0], "why it waited, and it was not tried");
});

test("a stream that hangs while it is opened does not keep calls waiting behind it", async (t) => {
  let hangs = false;
  let calls = 0;
  const routes: Routes = (router) => {
    router.service(ResultsService, {
      getResult({ taskId }) {
        calls += 1;
        if (calls === 1) throw unknown();
        return { taskId, state: TaskState.SUCCEEDED };
      },
      async *watchResult(_, context) {
        hangs = true;
        changed();
        await new Promise((resolve) => context.signal.addEventListener("abort", resolve));
      },
    });
  };
  const client = await serving(t, routes, { timeoutMs: 60_000 });
  const once = new Client({ url: client.setup.gateway.address, maxTries: 1 });
  await errorOf(once.result("t"));
  const watch = once.watch("t");
  const watching = watch.next();
  await until(() => hangs);
  assert.equal((await once.result("t")).state, "SUCCEEDED");
  await watch.return();
  await watching;
  once.close();
});
