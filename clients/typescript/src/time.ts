// Times and durations of the contract, as Dates and milliseconds.

import { create } from "@bufbuild/protobuf";
import {
  DurationSchema,
  timestampDate,
  timestampFromDate,
  type Duration,
  type Timestamp,
} from "@bufbuild/protobuf/wkt";

import { invalid } from "./error.js";

/** Far beyond every limit of the contract, so that the server names the limit instead of this client. */
const MOST_MS = 1e15;

/** A duration to send. What is no time at all is refused here, since the contract could not say it. */
export function duration(ms: number, field: string): Duration {
  if (typeof ms !== "number" || Number.isNaN(ms)) throw invalid(`${field}: ${String(ms)} is no number of milliseconds`);
  const bounded = Math.min(Math.max(ms, -MOST_MS), MOST_MS);
  const seconds = Math.trunc(bounded / 1_000);
  const nanos = Math.trunc((bounded - seconds * 1_000) * 1e6);
  return create(DurationSchema, { seconds: BigInt(seconds), nanos });
}

/** Milliseconds of a duration that the server sent. A negative one counts as zero. */
export function milliseconds(duration: Duration): number {
  return Math.max(0, Number(duration.seconds) * 1_000 + duration.nanos / 1e6);
}

/** A time to send. */
export function timestamp(date: Date, field: string): Timestamp {
  if (Number.isNaN(date.getTime())) throw invalid(`${field}: an invalid Date`);
  return timestampFromDate(date);
}

/** A time that the server sent. */
export function dateOf(time: Timestamp | undefined): Date | undefined {
  return time && timestampDate(time);
}
