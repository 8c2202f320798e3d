// A worker role that does what a test says: it hands out what the test wants and writes down what it hears.

import { create, type MessageInitShape } from "@bufbuild/protobuf";
import type { ConnectError, ConnectRouter } from "@connectrpc/connect";

import {
  WorkerService,
  WorkResponseSchema,
  type Register,
  type WorkRequest,
  type WorkResponse,
} from "../src/_gen/tidemill/v1/worker_service_pb.js";
import { TaskState } from "../src/_gen/tidemill/v1/task_pb.js";
import { Outbox } from "../src/outbox.js";
import { changed, Code, refusal, until, type Gate } from "./fake-server.js";

type Answer = NonNullable<MessageInitShape<typeof WorkResponseSchema>["message"]>;

/** One Work stream, from the server's side. */
export class FakeStream {
  readonly heard: WorkRequest["message"][] = [];
  readonly outbox = new Outbox<WorkResponse>();
  /** The client ended its side, as opposed to breaking it off. */
  halfClosed = false;
  over = false;
  registered = false;
  answerSettles = true;
  /** What the stream is ended with. */
  refusal: ConnectError | undefined;

  /** Ends the stream with this reason. */
  refuse(reason: string): void {
    this.refusal = refusal(Code.FailedPrecondition, reason);
    this.outbox.end();
  }

  ends(): void {
    this.over = true;
    changed();
  }

  constructor(readonly register: Register) {}

  say(message: Answer): void {
    this.outbox.push(create(WorkResponseSchema, { message }));
  }

  assign(leaseToken: string, kind: string, more: object = {}): void {
    const assignment = {
      leaseToken,
      taskId: `task-${leaseToken}`,
      kind,
      attempt: 1,
      maxAttempts: 4,
      fence: 7n,
      ...more,
    };
    this.say({ case: "assignments", value: { assignments: [assignment] } });
  }

  /** Everything heard of one sort. */
  all<C extends NonNullable<WorkRequest["message"]["case"]>>(sort: C) {
    type Found = Extract<WorkRequest["message"], { case: C }>["value"];
    return this.heard.filter((message) => message.case === sort).map((message) => message.value as Found);
  }

  settle(message: WorkRequest["message"]): void {
    if (!this.answerSettles) return;
    const states = { complete: TaskState.SUCCEEDED, fail: TaskState.SCHEDULED, release: TaskState.QUEUED };
    if (message.case === "complete" || message.case === "fail" || message.case === "release") {
      const { leaseToken } = message.value;
      this.say({ case: "settled", value: { leaseToken, state: states[message.case] } });
    }
  }
}

export class FakeRole {
  readonly streams: FakeStream[] = [];
  /** Tokens that a registration adopts. */
  adopt: (register: Register) => string[] = (register) => register.held;
  pingEveryMs = 10_000;
  /** Registrations are answered when it is opened. */
  gate: Gate | undefined;
  answerSettles = true;
  pings = true;

  readonly routes = (router: ConnectRouter): void => {
    router.service(WorkerService, { work: (requests, context) => this.#work(requests, context.signal) });
  };

  async *#work(requests: AsyncIterable<WorkRequest>, signal: AbortSignal): AsyncGenerator<WorkResponse> {
    const reader = requests[Symbol.asyncIterator]();
    const { message: first } = ((await reader.next()) as IteratorYieldResult<WorkRequest>).value;
    if (first.case !== "register") throw new Error("no registration");
    const stream = new FakeStream(first.value);
    stream.answerSettles = this.answerSettles;
    this.streams.push(stream);
    changed();
    void this.#read(reader, stream);
    signal.addEventListener("abort", () => {
      stream.ends();
      stream.outbox.end();
    });
    await this.gate?.opened;
    const interval = { seconds: BigInt(Math.trunc(this.pingEveryMs / 1_000)), nanos: (this.pingEveryMs % 1_000) * 1e6 };
    stream.say({ case: "registered", value: { adopted: this.adopt(first.value), pingInterval: interval } });
    stream.registered = true;
    changed();
    let number = 0n;
    const pings = setInterval(() => {
      if (this.pings) stream.say({ case: "ping", value: { number: (number += 1n) } });
    }, this.pingEveryMs);
    try {
      yield* stream.outbox;
      if (stream.refusal) throw stream.refusal;
    } finally {
      clearInterval(pings);
      stream.ends();
    }
  }

  async #read(reader: AsyncIterator<WorkRequest>, stream: FakeStream): Promise<void> {
    try {
      for (;;) {
        const found = await reader.next();
        if (found.done) break;
        stream.heard.push(found.value.message);
        stream.settle(found.value.message);
        changed();
      }
      stream.halfClosed = true;
      stream.outbox.end();
      changed();
    } catch {
      stream.ends();
    }
  }

  /** The stream of this number, as soon as it is there. */
  async stream(number: number): Promise<FakeStream> {
    await until(() => this.streams.length >= number);
    return this.streams[number - 1]!;
  }
}
