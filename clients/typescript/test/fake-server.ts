// A server of our own that breaks on purpose.

import http2 from "node:http2";
import type { AddressInfo, Socket } from "node:net";
import { create, type DescMessage, type MessageInitShape } from "@bufbuild/protobuf";
import { anyPack, timestampFromDate } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, type ConnectRouter } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";

import { ErrorInfoSchema, RetryInfoSchema } from "../src/_gen/google/rpc/error_details_pb.js";
import { StatusSchema, type Status } from "../src/_gen/google/rpc/status_pb.js";
import { TaskEventSchema, TaskState, type TaskEvent } from "../src/_gen/tidemill/v1/task_pb.js";
import { TidemillError } from "../src/index.js";

/** A server on a port of its own. */
export class Server implements AsyncDisposable {
  readonly url: string;
  /** Connections that were made to it. */
  connections = 0;
  readonly #server: http2.Http2Server;
  readonly #sockets: Set<Socket>;

  private constructor(server: http2.Http2Server, sockets: Set<Socket>) {
    this.#server = server;
    this.#sockets = sockets;
    this.url = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
    server.on("connection", () => (this.connections += 1));
  }

  static async start(routes: (router: ConnectRouter) => void, port = 0): Promise<Server> {
    const server = http2.createServer(connectNodeAdapter({ routes }));
    const sockets = new Set<Socket>();
    server.on("connection", (socket: Socket) => {
      sockets.add(socket);
      socket.on("close", () => sockets.delete(socket));
    });
    await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
    return new Server(server, sockets);
  }

  /** Cuts every connection. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async stop(): Promise<void> {
    this.cut();
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

/** A refusal as the real server words it. */
export function refusal(
  code: Code,
  reason: string,
  metadata: Record<string, string> = {},
  retryAfterS?: number,
): ConnectError {
  const details: { desc: DescMessage; value: MessageInitShape<DescMessage> }[] = [];
  if (reason !== "") {
    const value = create(ErrorInfoSchema, { reason, domain: "tidemill.dev", metadata });
    details.push({ desc: ErrorInfoSchema, value });
  }
  if (retryAfterS !== undefined) {
    const value = create(RetryInfoSchema, { retryDelay: { seconds: BigInt(retryAfterS), nanos: 0 } });
    details.push({ desc: RetryInfoSchema, value });
  }
  return new ConnectError("m", code, undefined, details);
}

/** The same as part of a message, e.g. of one entry of a batch. */
export function statusOf(error: ConnectError): Status {
  const details = error.details.map((detail) => {
    const { desc, value } = detail as { desc: DescMessage; value: MessageInitShape<DescMessage> };
    return anyPack(desc, create(desc, value));
  });
  return create(StatusSchema, { code: error.code, message: error.rawMessage, details });
}

/** Event `sequence` of a task that runs. */
export function running(sequence: number): TaskEvent {
  return event(sequence, { case: "stateChanged", value: { state: TaskState.RUNNING } });
}

export function ended(sequence: number): TaskEvent {
  return event(sequence, { case: "result", value: { state: TaskState.SUCCEEDED } });
}

export function truncated(from: number, to: number): TaskEvent {
  return event(to, { case: "truncated", value: { fromSequence: BigInt(from), toSequence: BigInt(to) } });
}

function event(sequence: number, what: MessageInitShape<typeof TaskEventSchema>["event"]): TaskEvent {
  const time = timestampFromDate(new Date());
  return create(TaskEventSchema, { sequence: BigInt(sequence), attempt: 1, time, ...(what && { event: what }) });
}

/** The error that this is rejected with. */
export async function errorOf(promise: Promise<unknown>): Promise<TidemillError> {
  try {
    await promise;
  } catch (thrown) {
    if (thrown instanceof TidemillError) return thrown;
    throw thrown;
  }
  throw new Error("it succeeded");
}

const looking = new Set<() => void>();

/** Something happened that a test may wait for. */
export function changed(): void {
  for (const look of [...looking]) look();
}

/** Waits until it holds: looks whenever something has changed. Fails after a minute. */
export function until(holds: () => boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = (error?: Error) => {
      clearTimeout(limit);
      looking.delete(look);
      if (error === undefined) resolve();
      else reject(error);
    };
    const look = () => {
      try {
        if (holds()) end();
      } catch (thrown) {
        end(thrown as Error);
      }
    };
    const limit = setTimeout(() => end(new Error(`it never held: ${holds.toString()}`)), 60_000);
    looking.add(look);
    look();
  });
}

/** Something that happens once, when a test says so. */
export class Gate {
  open!: () => void;
  readonly opened = new Promise<void>((resolve) => {
    this.open = resolve;
  });
}

export { Code };
