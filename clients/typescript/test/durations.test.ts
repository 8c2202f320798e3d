// Times that are longer than any limit: named by the server, or counted as the longest, and never an overflow.

import assert from "node:assert/strict";
import test from "node:test";
import { create, toBinary } from "@bufbuild/protobuf";
import { DurationSchema, TimestampSchema } from "@bufbuild/protobuf/wkt";

import { RetryInfoSchema } from "../src/_gen/google/rpc/error_details_pb.js";
import { EnqueueRequestSchema, GatewayService } from "../src/_gen/tidemill/v1/gateway_service_pb.js";
import { ResultsService } from "../src/_gen/tidemill/v1/results_service_pb.js";
import { TaskState } from "../src/_gen/tidemill/v1/task_pb.js";
import { Client, Failure, TidemillError, Worker } from "../src/index.js";
import { setupOf } from "../src/options.js";
import { enqueueRequest } from "../src/task.js";
import { milliseconds } from "../src/time.js";
import { Code, errorOf, refusal, Server, until } from "./fake-server.js";
import { working } from "./working.js";

const I64 = 2n ** 63n - 1n;
const LONGEST = create(DurationSchema, { seconds: I64, nanos: 999_999_999 });
const HUGE = [Number.MAX_VALUE, Infinity, 2 ** 63, 1e15];

test("a task with huge times can be sent, so that the server names its limits", () => {
  for (const ms of HUGE) {
    const request = enqueueRequest({
      kind: "a",
      delayMs: ms,
      attemptTimeoutMs: ms,
      expiresInMs: ms,
      resultRetentionMs: ms,
      retryPolicy: { initialBackoffMs: ms, maxBackoffMs: ms },
    });
    assert.ok(toBinary(EnqueueRequestSchema, request).length > 0);
    assert.ok(request.expiresIn && milliseconds(request.expiresIn) >= 1e15);
  }
  assert.ok(enqueueRequest({ kind: "a", runAt: new Date(8.64e15) }).start.case === "runAt");
  for (const field of ["delayMs", "expiresInMs"] as const) {
    assert.throws(() => enqueueRequest({ kind: "a", [field]: Number.NaN }), new RegExp(`${field}: NaN`));
  }
});

test("a huge timeout or wait is a long one, and one that is no number is refused by name", async (t) => {
  const sent: string[] = [];
  await using server = await Server.start((router) => {
    router.service(ResultsService, {
      getResult({ taskId }, context) {
        sent.push(context.requestHeader.get("grpc-timeout") ?? "");
        return { taskId, state: TaskState.SUCCEEDED };
      },
    });
  });
  for (const timeoutMs of HUGE) {
    const client = new Client({ url: server.url, timeoutMs });
    t.after(() => client.close());
    assert.equal((await client.wait("t", timeoutMs)).state, "SUCCEEDED");
    await assert.rejects(client.wait("t", Number.NaN), /waitMs: NaN/);
  }
  for (const header of sent) assert.match(header, /^\d{1,8}m$/, "as gRPC allows");
  assert.throws(() => setupOf({ timeoutMs: Number.NaN }), /timeoutMs: NaN/);
  assert.throws(() => setupOf({ maxTries: Number.NaN }), /maxTries: NaN/);
});

test("a server that says to come back in ages is not waited for", async (t) => {
  await using server = await Server.start((router) => {
    router.service(GatewayService, {
      enqueue() {
        const error = refusal(Code.ResourceExhausted, "QUEUE_FULL");
        error.details.push({ desc: RetryInfoSchema, value: { retryDelay: LONGEST } });
        throw error;
      },
    });
  });
  const client = new Client(server.url);
  t.after(() => client.close());
  const error = await errorOf(client.enqueue({ kind: "a" }));
  assert.equal(error.reason, "QUEUE_FULL");
  assert.ok(Number.isFinite(error.retryAfterMs) && (error.retryAfterMs ?? 0) > 1e15);
  assert.equal(client.stats.attempts, 1);
});

test("a cursor that no event could have is refused by name", () => {
  const client = new Client();
  for (const after of [Number.NaN, 1.5, 2 ** 53, Infinity]) {
    const refused = (thrown: unknown) =>
      thrown instanceof TidemillError && thrown.kind === "invalid" && thrown.message.startsWith("after: ");
    assert.throws(() => client.watch("t", { after }), refused);
    assert.throws(() => client.watchMany().add("t", after), refused);
  }
});

test("a worker bears huge times, its own and the server's", async (t) => {
  const facts: unknown[] = [];
  const { stream, running, worker } = await working(
    t,
    {
      later: (task) => {
        facts.push(Number.isFinite(task.attemptTimeoutMs), task.createTime?.getTime());
        throw Failure.retryAfter(Infinity, "much later");
      },
      never: () => {
        throw Failure.retryAfter(Number.NaN, "no time at all");
      },
    },
    { graceMs: Infinity, cancelGraceMs: Infinity, connectWithinMs: Infinity },
  );
  const createTime = create(TimestampSchema, { seconds: I64 });
  stream.assign("a", "later", { attemptTimeout: LONGEST, createTime });
  stream.assign("b", "never");
  await until(() => stream.all("fail").length === 2);
  const [later, never] = ["a", "b"].map((token) => stream.all("fail").find((fail) => fail.leaseToken === token));
  assert.equal(later?.retryAfter?.seconds, 604_800n, "the contract's longest");
  assert.ok(never?.permanent && never.message.includes("retryAfterMs: NaN"));
  assert.deepEqual(facts, [true, Number.NaN]);
  worker.stop();
  await running;
  assert.throws(() => new Worker(new Client(), { graceMs: Number.NaN }), /graceMs/);
});
