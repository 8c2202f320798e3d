// What a worker says that nobody listens to: one line for whatever failed, none for success.

import { now } from "../clock.js";
import type { TaskFacts, WorkerEvent } from "./messages.js";

/** The same is said at most this often. */
const QUIET_MS = 5_000;
/** Complaints that are remembered. */
const MOST_KEYS = 1_000;
const MOST_TEXT = 500;

/** One line, and what makes another one a repetition of it: not the task. */
interface Complaint {
  readonly key: string;
  readonly line: string;
}

/** A listener that complains. Output and time come from outside, for tests. */
export function complaints(
  write = (line: string): void => {
    console.warn(line);
  },
  clock = now,
): (event: WorkerEvent) => void {
  const said = new Map<string, { at: number; held: number }>();
  return (event) => {
    const complaint = complaintOf(event);
    if (!complaint) return;
    const before = said.get(complaint.key);
    if (before && clock() - before.at < QUIET_MS) {
      before.held += 1;
      return;
    }
    said.delete(complaint.key);
    const [oldest] = said.keys();
    if (said.size >= MOST_KEYS && oldest !== undefined) said.delete(oldest);
    said.set(complaint.key, { at: clock(), held: 0 });
    const more = before && before.held > 0 ? ` (and ${String(before.held)} more like it before)` : "";
    write(`tidemill worker: ${complaint.line}${more}`);
  };
}

function complaintOf(event: WorkerEvent): Complaint | undefined {
  switch (event.type) {
    case "disconnected": {
      const line = `${oneLine(event.error.message)}; it is tried again`;
      return { key: line, line };
    }
    case "settled": {
      const { task, state, error } = event;
      if (!error && state !== "FAILED") return undefined;
      const why = error ? `: ${oneLine(named(error))}` : "";
      const hint = error ? "" : ": its result says why";
      const next = state === "SCHEDULED" || state === "QUEUED" ? "it is tried again" : `the task is ${state}${hint}`;
      return about(task, `failed${why}; ${next}`);
    }
    case "leaseLost":
      return about(event.task, "lost its lease: its handler was stopped, and what it did does not count");
    case "refused":
      return about(event.task, `was refused something by the server: ${oneLine(event.message)}`);
    default:
      return undefined;
  }
}

function about({ kind, taskId, attempt }: TaskFacts, what: string): Complaint {
  return { key: `${kind} ${what}`, line: `${kind} ${taskId}, attempt ${String(attempt)}, ${what}` };
}

function named({ type, message }: { type: string; message: string }): string {
  return type === "" || type === "Error" ? message : `${type}: ${message}`;
}

function oneLine(text: string): string {
  const line = text.replace(/[\s\p{Cc}]+/gu, " ").trim();
  return line.length > MOST_TEXT ? `${line.slice(0, MOST_TEXT)}…` : line;
}
