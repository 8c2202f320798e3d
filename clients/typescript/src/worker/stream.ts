// One Work stream: opened, registered, heard.

import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";

import {
  type RegisterSchema,
  WorkRequestSchema,
  WorkerService,
  type Registered,
  type WorkRequest,
  type WorkResponse,
} from "../_gen/tidemill/v1/worker_service_pb.js";
import { Deadline, now, timer } from "../clock.js";
import { Connection } from "../connection.js";
import { connectionLost, contract, deadlineExceeded } from "../error.js";
import { transportOver, type LinkSettings } from "../link.js";
import { Outbox } from "../outbox.js";
import { errorOf } from "../status.js";
import { milliseconds } from "../time.js";

/** Pings that may fail to come before the stream counts as broken. */
const MISSED_PINGS = 3;
const SHORTEST_SILENCE_MS = 1_000;

/** How long a stream that nobody wants any more may take to open, so that it can be ended in order. */
const LAST_OPENING_MS = 10_000;

type Answer = WorkResponse["message"];
type Registration = MessageInitShape<typeof RegisterSchema> & {
  readonly held: readonly string[];
  readonly credits: number;
};
type More = (stream: Outbox<WorkRequest>) => WorkRequest | undefined;

/** A stream that the server has accepted, over a connection of its own, so that whoever balances the load may choose anew. */
export class WorkStream {
  /** How long nothing may come. */
  readonly silenceMs: number;
  #heard = now();
  /** The replica drains. */
  leaving = false;

  private constructor(
    readonly address: string,
    readonly connection: Connection,
    readonly outbox: Outbox<WorkRequest>,
    readonly answers: AsyncIterator<WorkResponse>,
    readonly registered: Registered,
  ) {
    const interval = registered.pingInterval ? milliseconds(registered.pingInterval) : 0;
    this.silenceMs = Math.max(interval * MISSED_PINGS, SHORTEST_SILENCE_MS);
  }

  /** Opens one over this connection and registers. `more`: asked for reports of handlers whenever the stream has room. */
  static async open(
    connection: Connection,
    link: LinkSettings,
    openMs: number,
    register: Registration,
    more: More,
    signal: AbortSignal,
  ): Promise<WorkStream> {
    const { address } = link;
    const deadline = new Deadline(openMs, signal);
    const close = () => {
      connection.close();
    };
    deadline.signal.addEventListener("abort", close);
    try {
      const outbox = new Outbox<WorkRequest>((): WorkRequest | undefined => more(outbox));
      outbox.push(create(WorkRequestSchema, { message: { case: "register", value: register } }));
      const stub = createClient(WorkerService, transportOver(connection, link));
      // The deadline also ends what waits for a connection that is not there yet; a stream that stands is ended by its connection only.
      const answers = stub.work(outbox)[Symbol.asyncIterator]();
      const first = await unlessAborted(answers.next(), deadline.signal);
      const answer = first.done ? undefined : first.value.message;
      if (answer?.case !== "registered") throw contract(address, "a Work stream that does not begin with Registered");
      return new WorkStream(address, connection, outbox, answers, answer.value);
    } catch (thrown) {
      connection.close();
      if (deadline.signal.aborted) throw deadlineExceeded(address, openMs, "not_applied");
      throw errorOf(thrown, address);
    } finally {
      deadline.signal.removeEventListener("abort", close);
      deadline.close();
    }
  }

  /** The next answer; an error when the stream is over. */
  async next(): Promise<Answer> {
    try {
      const found = await this.answers.next();
      this.#heard = now();
      if (!found.done) return found.value.message;
    } catch (thrown) {
      throw errorOf(thrown, this.address);
    }
    throw connectionLost(this.address, "the server closed the stream", "unknown");
  }

  /** When it counts as broken if nothing comes. */
  get silentAt(): number {
    return this.#heard + this.silenceMs;
  }

  get silence(): Error {
    return connectionLost(this.address, `nothing came for ${String(this.silenceMs)} ms`, "unknown");
  }

  /**
   * Breaks the stream off, which gives nothing back. Not by resetting it: Node sends the end of a request before the reset, and the end of this one
   * gives back everything that is held. So the connection, which is the stream's own, is closed instead.
   */
  breakOff(): void {
    this.connection.close();
  }

  /** Half-closes and waits, not for long, until the server has done the same. */
  async finish(): Promise<void> {
    this.outbox.end();
    const deadline = new Deadline(SHORTEST_SILENCE_MS);
    try {
      while (!(await unlessAborted(this.answers.next(), deadline.signal)).done);
    } catch {
      // Everything was answered before.
    } finally {
      deadline.close();
      this.connection.close();
    }
  }
}

/** A stream that is being opened. */
export class Opening {
  /** The leases that the registration names. */
  readonly named: ReadonlySet<string>;
  /** The credits that it gives. */
  readonly credits: number;
  /** The stream, as soon as the server has accepted it. */
  readonly stream: Promise<WorkStream>;
  readonly #connection: Connection;
  readonly #controller = new AbortController();

  constructor(link: LinkSettings, openMs: number, register: Registration, more: More) {
    this.named = new Set(register.held);
    this.credits = register.credits;
    this.#connection = new Connection(link);
    this.stream = WorkStream.open(this.#connection, link, openMs, register, more, this.#controller.signal);
  }

  /** Breaks it off. */
  abort(): void {
    this.#controller.abort();
  }

  /**
   * Nobody wants it any more. If the registration may have been sent, tasks may have been assigned already, which its half-close gives back: so it is
   * waited for.
   */
  async finish(): Promise<void> {
    if (!this.#connection.stands) this.abort();
    const lapse = timer(LAST_OPENING_MS, () => this.abort());
    try {
      await (await this.stream).finish();
    } catch {
      // It was not opened, so nothing was assigned.
    } finally {
      clearTimeout(lapse);
    }
  }
}

function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      reject(signal.reason as Error);
    };
    if (signal.aborted) stop();
    signal.addEventListener("abort", stop, { once: true });
    promise.then(resolve, reject).finally(() => {
      signal.removeEventListener("abort", stop);
    });
  });
}
