// The worker protocol from the handler process's side. Runs on a thread of its own: the echo of a ping must not wait for handlers.
//
// What is held outlives a broken stream: the next stream names it, and every settle that was not answered is said again. A settle is done when
// the server has answered it, not before.

import { fromBinary, toBinary } from "@bufbuild/protobuf";

import {
  AssignmentSchema,
  WorkRequestSchema,
  type Assignment,
  type CancelRequested,
  type Refused,
  type WorkRequest,
  type WorkResponse,
} from "../_gen/tidemill/v1/worker_service_pb.js";
import { now, timer } from "../clock.js";
import { connectionLost, resume, TidemillError } from "../error.js";
import type { Outbox } from "../outbox.js";
import { backoff } from "../retry.js";
import { stateOf } from "../state.js";
import { attemptErrorOf, Failure, request, settleOf } from "./failure.js";
import { Held } from "./held.js";
import type { Post, Pulse, Report, SessionEvent, SessionSettings, ToHost, ToSession } from "./messages.js";
import { cancelCauseOf, type StopCause } from "./stop.js";
import { Stops } from "./stops.js";
import { Opening, type WorkStream } from "./stream.js";

/** Longest wait between two connections, and before a settle is said again. */
const MAX_BACKOFF_MS = 5_000;
/** Wait after a stream that the server ended with a reason which no repetition mends. */
const AFTER_REFUSAL_MS = 1_000;
/** After the grace: how long the server may take to answer the last settles. */
const LAST_WORD_MS = 10_000;

/** One worker at work. */
export class Session {
  readonly #held = new Map<string, Held>();
  readonly #kinds: ReadonlySet<string>;
  readonly #begun = now();
  #stream: WorkStream | undefined;
  #opening: Opening | undefined;
  #openAt = now();
  #failures = 0;
  #connected = false;
  readonly #stops = new Stops();
  /** The credits that the stream was told of last. */
  #given = 0;
  /** What handlers said, in order; leaves as fast as the stream takes it. */
  #reports: Report[] = [];
  /** Set by the shutdown: when what still runs is given back. */
  #drain: { releaseAt: number; released: boolean } | undefined;
  #alarm: NodeJS.Timeout | undefined;
  #over = false;

  constructor(
    readonly settings: SessionSettings,
    readonly post: Post<ToHost>,
    readonly pulse: Pulse,
  ) {
    this.#kinds = new Set(settings.kinds);
  }

  /** Begins to work. */
  start(): void {
    this.#step();
  }

  /** Something that the host says. */
  told(message: ToSession): void {
    if (this.#over) return;
    switch (message.say) {
      case "shutdown":
        this.#beginDrain(message.graceMs);
        break;
      case "heard":
        this.#stops.heard(message.token);
        break;
      case "stopped":
        this.#stops.ended(message.token);
        break;
      case "report":
        this.#said(message);
    }
    this.#step();
  }

  /** After anything that happened: ends, opens a stream, or sets the alarm for what is due next. */
  #step(): void {
    if (this.#over) return;
    if (this.#drain && this.#held.size === 0) {
      this.#end(undefined);
      return;
    }
    if (this.#credits !== this.#given) this.#giveCredits();
    this.#openIfDue();
    clearTimeout(this.#alarm);
    const due = this.#nextDue();
    if (Number.isFinite(due)) this.#alarm = timer(Math.ceil(due - now()), () => this.#guard(() => this.#tick()));
  }

  /** Runs a part of the work; an error that no other connection would mend ends the session. */
  #guard(work: () => void): void {
    if (this.#over) return;
    try {
      work();
      this.#step();
    } catch (thrown) {
      this.#end(thrown);
    }
  }

  #end(thrown: unknown): void {
    this.#over = true;
    clearTimeout(this.#alarm);
    this.pulse.beat(0);
    const [stream, opening] = [this.#stream, this.#opening];
    [this.#stream, this.#opening] = [undefined, undefined];
    if (thrown === undefined) {
      void Promise.all([stream?.finish(), opening?.finish()]).then(() => this.post({ say: "ended", error: undefined }));
      return;
    }
    stream?.breakOff();
    opening?.abort();
    this.post({ say: "ended", error: errorFrom(thrown).fields() });
  }

  #nextDue(): number {
    const due = [
      this.#stream?.silentAt,
      this.#wantsStream && !this.#opening ? this.#openAt : undefined,
      this.#drain?.releaseAt,
      this.#stops.nextAt,
      ...Array.from(this.#held.values(), (held) => held.due),
    ];
    return Math.min(...due.filter((time) => time !== undefined), Infinity);
  }

  get #wantsStream(): boolean {
    return !this.#stream || this.#stream.leaving;
  }

  #openIfDue(): void {
    if (!this.#wantsStream || this.#opening || now() < this.#openAt) return;
    const { link, openMs, queues, kinds, name } = this.settings;
    const held = [...this.#held.keys()];
    const register = { queues, kinds, credits: this.#credits, held, name };
    const opening = new Opening(link, openMs, register, (outbox) => this.#nextReport(outbox));
    this.#opening = opening;
    opening.stream.then(
      (stream) => {
        // Once the session is over, the one that ended it sees to this stream.
        this.#guard(() => {
          this.#adopt(stream, opening);
        });
      },
      (thrown: unknown) => {
        this.#guard(() => {
          this.#notOpened(errorFrom(thrown));
        });
      },
    );
  }

  /** The server has registered us: this is the stream now, and it is told whatever is still open. */
  #adopt(stream: WorkStream, { named, credits }: Opening): void {
    const old = this.#stream;
    this.#stream = stream;
    [this.#opening, this.#failures, this.#connected] = [undefined, 0, true];
    // Broken off, not half-closed, which would give back what the new one holds.
    old?.breakOff();
    const adopted = new Set(stream.registered.adopted);
    for (const [token, held] of this.#held) {
      held.notAdopted = named.has(token) && !adopted.has(token);
      held.moves();
      // Whether it was applied is unknown; to say it again is harmless.
      if (held.settle) stream.outbox.push(held.says(held.settle));
    }
    this.#given = credits;
    this.#beat();
    // Assigned by a replica that drained, after the registration was on its way: nobody renews those until another registration names them.
    if ([...this.#held.keys()].some((token) => !named.has(token))) {
      stream.leaving = true;
      this.#openAt = now();
    }
    this.#tell({ type: "connected", address: stream.address });
    stream.outbox.poke();
    void this.#listen(stream);
  }

  async #listen(stream: WorkStream): Promise<void> {
    while (this.#stream === stream) {
      try {
        const answer = await stream.next();
        if (this.#stream === stream)
          this.#guard(() => {
            this.#hear(answer);
          });
      } catch (thrown) {
        if (this.#stream === stream)
          this.#guard(() => {
            this.#loseStream(errorFrom(thrown));
          });
        return;
      }
    }
  }

  #notOpened(error: TidemillError): void {
    this.#opening = undefined;
    this.#failures += 1;
    const next = resume(error);
    const { connectWithinMs } = this.settings;
    const late = connectWithinMs !== undefined && now() - this.#begun >= connectWithinMs;
    // Once it has worked, only our own server's considered word ends it: what a proxy says may pass, and leases are held.
    const forGood = next.when === "never" && !(this.#connected && error.reason === "");
    if (forGood || (late && !this.#connected)) throw error;
    const delayMs = next.when === "never" ? 0 : next.delayMs;
    this.#openAt = now() + delayMs + backoff(this.#failures, MAX_BACKOFF_MS);
    this.#tell({ type: "disconnected", error: error.fields() });
  }

  /**
   * Whatever ended a stream that was registered, the next registration tells whether it is meant for good: e.g. a process that was paused is told by the
   * end of its stream that its silence broke the rules.
   */
  #loseStream(error: TidemillError): void {
    const leaving = this.#stream?.leaving ?? false;
    this.#stream?.breakOff();
    this.#stream = undefined;
    this.pulse.beat(0);
    // A replica that drains closes its streams; the next one is being opened already.
    if (leaving) return;
    const next = resume(error);
    const delayMs = next.when === "never" ? AFTER_REFUSAL_MS : next.delayMs;
    this.#failures += 1;
    this.#openAt = now() + delayMs + backoff(this.#failures, MAX_BACKOFF_MS);
    this.#tell({ type: "disconnected", error: error.fields() });
  }

  #hear(answer: WorkResponse["message"]): void {
    this.#beat();
    switch (answer.case) {
      case "assignments":
        for (const assignment of answer.value.assignments) this.#start(assignment);
        break;
      case "ping":
        this.#say(request({ case: "echo", value: { number: answer.value.number } }));
        break;
      case "cancelRequested":
        this.#cancelRequested(answer.value);
        break;
      case "leaseLost":
        this.#leaseLost(answer.value.leaseToken);
        break;
      case "settled": {
        const held = this.#held.get(answer.value.leaseToken);
        if (!held) break;
        this.#held.delete(held.token);
        const [state, error] = [stateOf(answer.value.state), attemptErrorOf(held.settle)];
        if (held.started) this.#tell({ type: "settled", task: held.task, state, error });
        break;
      }
      case "refused":
        this.#refused(answer.value);
        break;
      case "drain":
        if (this.#stream) this.#stream.leaving = true;
        this.#openAt = now();
        this.pulse.beat(0);
        break;
      default:
      // Registered, which only the first answer is; or something that this version does not know.
    }
  }

  #start(assignment: Assignment): void {
    const { leaseToken, taskId, kind, attempt } = assignment;
    if (!this.#kinds.has(kind)) {
      // The server assigns registered kinds only; should it not, another process may serve this one.
      this.#say(settleOf(Failure.release(), leaseToken));
      return;
    }
    const held = new Held(leaseToken, { taskId, kind, attempt });
    this.#held.set(leaseToken, held);
    if (this.#drain) {
      // It was on its way when the server was told that no more are wanted.
      this.#say(held.says(releaseOf(leaseToken)));
      return;
    }
    held.started = true;
    this.post({ say: "start", assignment: toBinary(AssignmentSchema, assignment) });
  }

  #cancelRequested(message: CancelRequested): void {
    const held = this.#held.get(message.leaseToken);
    if (!held || held.over) return;
    const cancel = { cause: cancelCauseOf(message.cause), reason: message.reason };
    held.cancel = cancel;
    // Said again after each registration: the grace began with the first.
    held.due ??= now() + this.settings.cancelGraceMs;
    this.post({ say: "cancel", token: held.token, request: cancel });
  }

  /** Something that a handler says. That it has ended counts from now on, even if nobody can be told yet. */
  #said(report: Report): void {
    const held = this.#held.get(report.token);
    if (report.settles && held && !held.over) {
      held.ended = fromBinary(WorkRequestSchema, report.request);
      held.due = undefined;
    }
    this.#reports.push(report);
    this.#stream?.outbox.poke();
  }

  /** The next thing that a handler said, when the stream has room for it. */
  #nextReport(outbox: Outbox<WorkRequest>): WorkRequest | undefined {
    if (this.#stream?.outbox !== outbox) return undefined;
    for (;;) {
      const report = this.#reports.shift();
      if (!report) return undefined;
      if (!report.settles) this.post({ say: "taken", count: 1 });
      const held = this.#held.get(report.token);
      // What is said after a lease was lost, or after the attempt was ended from this side, goes nowhere.
      if (!held || held.settle) continue;
      if (held.ended && report.settles) return held.says(held.ended);
      held.reports();
      return fromBinary(WorkRequestSchema, report.request);
    }
  }

  /** Ends an attempt from this side: its handler is stopped. */
  #settle(held: Held, message: WorkRequest, cause: StopCause): void {
    this.#stop(held.token, cause);
    this.#say(held.says(message));
  }

  #stop(token: string, cause: StopCause): void {
    this.#stops.said(token);
    this.post({ say: "stop", token, cause });
  }

  #leaseLost(token: string): void {
    const held = this.#held.get(token);
    if (!held) return;
    const saidAtRegistration = held.notAdopted;
    held.notAdopted = false;
    // The settle that was said again has an answer of its own to come.
    if (held.settle && saidAtRegistration) return;
    this.#held.delete(token);
    if (!held.started) return;
    this.#stop(token, "lease_lost");
    this.#tell({ type: "leaseLost", task: held.task });
  }

  #refused(refused: Refused): void {
    const held = this.#held.get(refused.leaseToken);
    if (!held) return;
    const message = `${refused.reason}: ${refused.message}`;
    if (!held.settle) {
      // A report; its handler hears of it with the next one.
      held.reportRefused();
      this.post({ say: "refused", token: held.token, message });
    } else if (!held.isFinal(refused)) {
      held.refusals += 1;
      held.due ??= now() + backoff(held.refusals, MAX_BACKOFF_MS);
      return;
    } else if (held.settle.message.case === "complete") {
      // An output that the server cannot take must not be tried for ever: the next attempt would make the same one.
      this.#settle(held, settleOf(Failure.permanent(`the output was refused: ${message}`), held.token), "refused");
    } else {
      // Nothing that could be said would be taken: the lease expires.
      this.#held.delete(held.token);
    }
    this.#tell({ type: "refused", task: held.task, message });
  }

  #tick(): void {
    if (this.#stream && this.#stream.silentAt <= now()) this.#loseStream(errorFrom(this.#stream.silence));
    for (const held of [...this.#held.values()]) {
      if (held.due !== undefined && held.due <= now()) this.#due(held);
    }
    if (!this.#drain || this.#drain.releaseAt > now()) return;
    if (this.#drain.released) throw this.#unsettled();
    this.#releaseAll();
  }

  /** A settle is said again, or a handler that was asked to stop is stopped. */
  #due(held: Held): void {
    held.due = undefined;
    if (held.settle) this.#say(held.says(held.settle));
    else if (held.cancel) this.#settle(held, settleOf(Failure.cancelled(), held.token, held.cancel.cause), "cancelled");
  }

  #beginDrain(graceMs: number): void {
    // Told twice: the shorter grace counts.
    const releaseAt = Math.min(now() + graceMs, this.#drain?.releaseAt ?? Infinity);
    const first = !this.#drain;
    this.#drain ??= { releaseAt, released: false };
    if (!this.#drain.released) this.#drain.releaseAt = releaseAt;
    this.pulse.beat(0);
    if (!first) return;
    this.#giveCredits();
    this.#tell({ type: "draining", running: this.#held.size });
  }

  /** The tasks that may be held. */
  get #credits(): number {
    return this.#drain ? 0 : this.#stops.free(this.settings.concurrency);
  }

  #giveCredits(): void {
    const credits = this.#credits;
    this.#given = credits;
    if (credits === 0) this.pulse.beat(0);
    else this.#beat();
    this.#say(request({ case: "credits", value: { credits } }));
  }

  /** The grace is over: what still runs is given back; what has ended waits for its answer. */
  #releaseAll(): void {
    for (const held of this.#held.values()) {
      if (!held.over) this.#settle(held, releaseOf(held.token), "worker_stopped");
    }
    this.#drain = { releaseAt: now() + LAST_WORD_MS, released: true };
  }

  #unsettled(): TidemillError {
    const count = String(this.#held.size);
    const detail = `${count} tasks could neither be settled nor given back; their leases expire, which counts as a crash`;
    return connectionLost(this.settings.link.address, detail, "unknown");
  }

  /** Something came, on a stream that work may come over. */
  #beat(): void {
    const stream = this.#stream;
    if (stream && !stream.leaving && this.#credits > 0) this.pulse.beat(stream.silenceMs);
  }

  #say(message: WorkRequest): void {
    this.#stream?.outbox.push(message);
  }

  #tell(event: SessionEvent): void {
    this.post({ say: "event", event });
  }
}

function releaseOf(leaseToken: string): WorkRequest {
  return request({ case: "release", value: { leaseToken, draining: true } });
}

function errorFrom(thrown: unknown): TidemillError {
  return thrown instanceof TidemillError ? thrown : unexpected(thrown);
}

/** A mistake in this client, told as what it is instead of being lost on its thread. */
function unexpected(thrown: unknown): TidemillError {
  const detail = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
  return new TidemillError({ kind: "invalid", outcome: "unknown", detail: `the worker's session failed: ${detail}` });
}
