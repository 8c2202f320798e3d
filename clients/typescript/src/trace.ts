// W3C Trace Context: where a task comes from.

import { AsyncLocalStorage } from "node:async_hooks";
import { create } from "@bufbuild/protobuf";

import { TraceContextSchema, type TraceContext as Message } from "./_gen/tidemill/v1/task_pb.js";

/** Trace context of a caller, as W3C Trace Context defines it. It is stored with the task and passed on to its handler as it is. */
export interface TraceContext {
  /** The `traceparent` header, at most 64 bytes. */
  readonly traceparent: string;
  /** The `tracestate` header, at most 512 bytes; often absent. */
  readonly tracestate?: string;
}

const current = new AsyncLocalStorage<TraceContext | undefined>();

/** The context of the task whose handler runs here. Tasks that the handler enqueues carry it on, unless they have one of their own. */
export function currentTraceContext(): TraceContext | undefined {
  return current.getStore();
}

/** Runs a handler as a part of this trace. */
export function withTraceContext<T>(context: TraceContext | undefined, run: () => T): T {
  return current.run(context, run);
}

/** What the server passed on. An empty one is none. */
export function traceOf(message: Message | undefined): TraceContext | undefined {
  if (!message?.traceparent) return undefined;
  const { traceparent, tracestate } = message;
  return tracestate ? { traceparent, tracestate } : { traceparent };
}

/** As it is sent. */
export function traceMessage(context: TraceContext): Message {
  return create(TraceContextSchema, { traceparent: context.traceparent, tracestate: context.tracestate ?? "" });
}
