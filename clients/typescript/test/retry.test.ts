// The tries of one call: what is tried again, for how long, and what the error says in the end.

import assert from "node:assert/strict";
import test from "node:test";
import { toBinary } from "@bufbuild/protobuf";
import { ConnectError } from "@connectrpc/connect";

import { again, resume, TidemillError } from "../src/error.js";
import { Budget, call, Line, type Limits, type Try } from "../src/retry.js";
import { errorOf as read } from "../src/status.js";
import { Code, errorOf, Gate, refusal } from "./fake-server.js";

const LIMITS: Limits = { deadlineMs: 5_000 };
const HERE = "http://here";

const overTheWire = (error: ConnectError) => {
  error.metadata.set("grpc-status", String(error.code));
  error.details = error.details.map((detail) => ("desc" in detail ? wire(detail) : detail));
  return error;
};
function wire(detail: object) {
  // As they look once they have been sent: by name, encoded.
  const { desc, value } = detail as { desc: { typeName: string }; value: never };
  return { type: desc.typeName, value: toBinary(desc as never, value) };
}

const away = (outcome: string) => overTheWire(refusal(Code.Unavailable, "STORE_UNAVAILABLE", { outcome }));

function target(line = new Line()) {
  return { address: HERE, line, closed: false, connection: { connecting: false, close: () => undefined } };
}

/** Answers with these failures, then with the number of tries. */
async function tries(limits: Limits, failures: ConnectError[]) {
  const here = target();
  let count = 0;
  const send = ({ timeoutMs }: Try) => {
    assert.ok(timeoutMs > 0 && timeoutMs <= limits.deadlineMs, "every try has the deadline");
    count += 1;
    const failure = failures[count - 1];
    return failure ? Promise.reject(failure) : Promise.resolve(count);
  };
  const result = await call(here, limits, send).then(
    (answer) => ({ answer, error: undefined }),
    (thrown: unknown) => ({ answer: undefined, error: thrown as TidemillError }),
  );
  return { ...result, count, stats: here.line.stats };
}

test("tries until answered, and counts", async () => {
  const { answer, count, stats } = await tries(
    LIMITS,
    Array.from({ length: 3 }, () => away("not_applied")),
  );
  assert.deepEqual([answer, count, stats], [4, 4, { calls: 1, attempts: 4 }]);
});

test("the limit of tries holds", async () => {
  const failures = Array.from({ length: 9 }, () => away("not_applied"));
  const { error, count } = await tries({ ...LIMITS, tries: 3 }, failures);
  assert.deepEqual([error?.outcome, count], ["not_applied", 3]);
});

test("one unknown try makes the outcome unknown", async () => {
  const refused = () => overTheWire(refusal(Code.InvalidArgument, "INVALID_REQUEST", { outcome: "not_applied" }));
  assert.equal((await tries(LIMITS, [away("unknown"), refused()])).error?.outcome, "unknown");
  const { error, count } = await tries(LIMITS, [refused()]);
  assert.deepEqual([error?.outcome, error?.reason, count], ["not_applied", "INVALID_REQUEST", 1]);
});

test("the server says when, and nothing is tried again without its word", async () => {
  const full = () => overTheWire(refusal(Code.ResourceExhausted, "QUEUE_FULL", {}, 1));
  const begun = performance.now();
  const { answer } = await tries(LIMITS, [full()]);
  // A timer may fire within the millisecond before.
  assert.ok(answer === 2 && performance.now() - begun >= 999);
  assert.equal((await tries(LIMITS, [overTheWire(refusal(Code.ResourceExhausted, "WATCH_LIMIT"))])).count, 1);
  const late = await tries({ deadlineMs: 500 }, [full()]);
  assert.deepEqual([late.count, late.error?.retryAfterMs], [1, 1_000], "it would come too late");
});

test("the deadline holds for a server that says nothing", async () => {
  const silent = () =>
    new Promise<never>((_, reject) => setTimeout(() => reject(new ConnectError("x", Code.DeadlineExceeded)), 60));
  const error = await errorOf(call(target(), { deadlineMs: 50 }, silent));
  assert.deepEqual([error.kind, error.outcome, error.code], ["deadline_exceeded", "unknown", "DEADLINE_EXCEEDED"]);
  assert.match(error.message, /no answer from http:\/\/here within 50 ms/);
});

test("a caller that gives up gets its own reason", async () => {
  const silent = ({ signal }: Try) =>
    new Promise<never>((_, reject) => signal.addEventListener("abort", () => reject(signal.reason as Error)));
  const reason = new Error("enough");
  await assert.rejects(call(target(), LIMITS, silent, AbortSignal.abort(reason)), reason);
  const controller = new AbortController();
  setTimeout(() => controller.abort(reason), 10);
  await assert.rejects(call(target(), LIMITS, silent, controller.signal), reason);
});

test("an outage costs each call one try, and a few probes", async () => {
  const line = new Line();
  const probes = 3;
  const allUnderWay = new Gate();
  let sent = 0;
  const send = async () => {
    const number = (sent += 1);
    if (number === 100) allUnderWay.open();
    await allUnderWay.opened;
    if (number <= 100 + probes) throw away("not_applied");
  };
  await Promise.all(Array.from({ length: 100 }, () => call(target(line), { deadlineMs: 60_000 }, send)));
  // Each call failed once; of the probes, whoever made one waits in line once more.
  assert.deepEqual(line.stats, { calls: 100, attempts: 100 + probes + 100 });
});

test("the budget bounds retries and fills again", async () => {
  let time = 0;
  const pause = (ms: number) => {
    time += ms;
    return Promise.resolve();
  };
  const budget = new Budget(() => time, pause);
  const { signal } = new AbortController();
  for (let taken = 0; taken < 100; taken += 1) await budget.take(signal);
  assert.equal(time, 0, "a burst is free");
  for (let taken = 0; taken < 3; taken += 1) await budget.take(signal);
  assert.equal(time, 300, "then ten a second");
  for (let earned = 0; earned < 5; earned += 1) budget.earn();
  await budget.take(signal);
  assert.equal(time, 300, "five answered calls earn a retry");
});

test("only what may pass is tried again, and a stream resumes unless the server means it", () => {
  const of = (code: Code, reason = "", retryAfterS?: number) =>
    read(overTheWire(refusal(code, reason, {}, retryAfterS)), HERE);
  assert.deepEqual(again(of(Code.Unavailable)), { when: "back", delayMs: 0 });
  assert.deepEqual(again(of(Code.Unavailable, "", 1)), { when: "back", delayMs: 1_000 });
  assert.deepEqual(again(of(Code.ResourceExhausted, "", 1)), { when: "after", delayMs: 1_000 });
  for (const code of [Code.ResourceExhausted, Code.InvalidArgument, Code.NotFound, Code.AlreadyExists, Code.Internal]) {
    assert.equal(again(of(code)).when, "never", Code[code]);
  }
  assert.equal(resume(of(Code.Internal)).when, "back");
  assert.equal(resume(of(Code.Internal, "INTERNAL")).when, "never");
  assert.equal(resume(of(Code.NotFound, "TASK_NOT_FOUND")).when, "never");
  assert.deepEqual(resume(of(Code.Unavailable, "DRAINING", 1)), { when: "back", delayMs: 1_000 });
});

test("reasons by name, and a proxy's are not the server's", () => {
  const newer = read(overTheWire(refusal(Code.Unavailable, "SOMETHING_NEW")), HERE);
  assert.equal(newer.reason, "SOMETHING_NEW");
  const broken = new ConnectError("m", Code.InvalidArgument, { "grpc-status": "3" });
  broken.details = [{ type: "google.rpc.BadRequest", value: new Uint8Array([255, 255, 255]) }];
  const error = read(broken, HERE);
  assert.deepEqual([error.reason, error.violations, error.message], ["", [], "INVALID_ARGUMENT from http://here: m"]);
});
