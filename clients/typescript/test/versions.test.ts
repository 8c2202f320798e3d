// A server that is newer, or older, than this client.

import assert from "node:assert/strict";
import test from "node:test";
import { create, type Message } from "@bufbuild/protobuf";
import { WireType } from "@bufbuild/protobuf/wire";

import { GatewayService } from "../src/_gen/tidemill/v1/gateway_service_pb.js";
import {
  ResultsService,
  WatchResultResponseSchema,
  WatchResultsResponseSchema,
} from "../src/_gen/tidemill/v1/results_service_pb.js";
import { TaskEventSchema } from "../src/_gen/tidemill/v1/task_pb.js";
import { AssignmentSchema, WorkResponseSchema } from "../src/_gen/tidemill/v1/worker_service_pb.js";
import { Client, Failure, type TaskEvent } from "../src/index.js";
import { ended, errorOf, refusal, running, Code, Server, until } from "./fake-server.js";
import { working } from "./working.js";

/** The same with a field that no version has yet. */
function newer<T extends Message>(message: T): T {
  const text = [3, 0x6e, 0x65, 0x77];
  message.$unknown = [{ no: 1_999, wireType: WireType.LengthDelimited, data: new Uint8Array(text) }];
  return message;
}

/** A value of an enum that this version does not know. */
const NEW_VALUE = 99 as never;

test("a watch passes on what it does not know, and goes on", async (t) => {
  await using server = await Server.start((router) => {
    router.service(ResultsService, {
      async *watchResult() {
        await Promise.resolve();
        yield newer(create(WatchResultResponseSchema, { event: newer(running(1)) }));
        // An event of a kind that this version has not.
        yield { event: newer(create(TaskEventSchema, { sequence: 2n, attempt: 1 })) };
        const value = { state: NEW_VALUE, cause: NEW_VALUE };
        yield { event: create(TaskEventSchema, { sequence: 3n, event: { case: "stateChanged", value } }) };
        yield { event: ended(4) };
      },
      async *watchResults(requests) {
        for await (const { add } of requests) {
          for (const { taskId } of add) {
            // Neither an event nor an error.
            yield newer(create(WatchResultsResponseSchema, { taskId }));
            yield { taskId, item: { case: "event" as const, value: ended(1) } };
          }
        }
      },
    });
  });
  const client = new Client(server.url);
  t.after(() => client.close());
  const events: TaskEvent[] = [];
  for await (const event of client.watch("t")) events.push(event);
  assert.deepEqual(
    events.map((event) => event.type),
    ["stateChanged", "unknown", "stateChanged", "result"],
  );
  const [, , change] = events;
  assert.ok(change?.type === "stateChanged");
  assert.deepEqual([change.state, change.cause], ["TASK_STATE_99", "STATE_CAUSE_99"]);
  const many = [];
  for await (const { event } of client.watchMany().add("t").end()) many.push(event?.type);
  assert.deepEqual(many, ["result"]);
});

test("a worker ignores messages, fields and causes that it does not know", async (t) => {
  const { stream, role } = await working(t, {
    echo: (task) => task.payload,
    asked: async (task) => {
      const { cause } = await task.cancelled();
      assert.equal(cause, "UNKNOWN");
      throw Failure.cancelled();
    },
  });
  // A message of a kind that this version has not, and one with nothing in it at all.
  stream.outbox.push(newer(create(WorkResponseSchema, {})));
  stream.outbox.push(create(WorkResponseSchema, {}));
  const assignment = newer(create(AssignmentSchema, { leaseToken: "a", taskId: "a", kind: "echo", attempt: 1 }));
  stream.say({ case: "assignments", value: { assignments: [assignment] } });
  stream.assign("b", "asked");
  stream.say({ case: "cancelRequested", value: { leaseToken: "b", cause: NEW_VALUE } });
  await until(() => stream.all("complete").length + stream.all("release").length === 2);
  assert.equal(stream.all("release")[0]?.cancelled, true);
  assert.equal(role.streams.length, 1);
});

test("an older server: a call that it has not is refused at once by name", async (t) => {
  await using server = await Server.start((router) => {
    router.service(GatewayService, { enqueue: () => ({ taskId: "t", state: NEW_VALUE }) });
  });
  const client = new Client(server.url);
  t.after(() => client.close());
  const error = await errorOf(client.queues());
  assert.deepEqual([error.kind, error.outcome, error.code], ["refused", "not_applied", "UNIMPLEMENTED"]);
  assert.deepEqual(client.stats, { calls: 1, attempts: 1 });
  const watch = await errorOf(client.watch("t").result());
  assert.deepEqual([watch.kind, watch.code], ["refused", "UNIMPLEMENTED"]);
  assert.equal((await client.enqueue({ kind: "a" })).state, "TASK_STATE_99");
});

test("a reason that this version does not know survives as text, with what the code says of it", async (t) => {
  await using server = await Server.start((router) => {
    router.service(GatewayService, {
      enqueue() {
        throw refusal(Code.FailedPrecondition, "SOMETHING_NEW", { outcome: "not_applied" });
      },
    });
  });
  const client = new Client(server.url);
  t.after(() => client.close());
  const error = await errorOf(client.enqueue({ kind: "a" }));
  assert.equal(error.reason, "SOMETHING_NEW");
  assert.equal(error.message, "SOMETHING_NEW (FAILED_PRECONDITION): m");
});
