// One HTTP/2 connection, opened with the first call and opened again when it is needed and gone.

import type http2 from "node:http2";
import { Code, ConnectError } from "@connectrpc/connect";
import { Http2SessionManager } from "@connectrpc/connect-node";

/** A silent peer is given up after about half a minute, so that a watch notices a network that swallows packets. */
const KEEP_ALIVE_INTERVAL_MS = 20_000;
const KEEP_ALIVE_TIMEOUT_MS = 10_000;
/** Node closes streams of a connection that holds more than this. Its own default, 10 MB, is forty large payloads. */
const MOST_MEMORY_MB = 1_024;
/** Room for a full lease reply (3 MiB) without waiting for the reader. */
const WINDOW_BYTES = 4 * 1024 * 1024;

/** The connection could not be made, so that nothing was sent. */
export class NotConnected extends Error {
  override readonly name = "NotConnected";
}

/** How a connection is made. Plain data, so that it can go from one thread to another. */
export interface ConnectionSettings {
  readonly address: string;
  /** PEM. Without it the authorities that Node trusts. */
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  /** Name in the server's certificate instead of the address's host. */
  readonly domain?: string;
}

/** A connection, for Connect's transport. */
export class Connection {
  readonly authority: string;
  readonly #manager: Http2SessionManager;

  constructor(settings: ConnectionSettings) {
    const { ca, cert, key, domain } = settings;
    const options: http2.SecureClientSessionOptions = {
      maxSessionMemory: MOST_MEMORY_MB,
      settings: { initialWindowSize: WINDOW_BYTES, enablePush: false },
    };
    if (ca !== undefined) options.ca = ca;
    if (cert !== undefined) options.cert = cert;
    if (key !== undefined) options.key = key;
    if (domain !== undefined) options.servername = domain;
    // Idle connections are not pinged: after a pause longer than the interval the next call asks first whether the peer is still there.
    const pings = { pingIntervalMs: KEEP_ALIVE_INTERVAL_MS, pingTimeoutMs: KEEP_ALIVE_TIMEOUT_MS };
    this.#manager = new Http2SessionManager(settings.address, pings, options);
    this.authority = this.#manager.authority;
  }

  /** Opens a stream. Rejected with a `NotConnected` as cause if there is no connection to open it on. */
  async request(...call: Parameters<Http2SessionManager["request"]>): Promise<http2.ClientHttp2Stream> {
    try {
      const stream = await this.#manager.request(...call);
      // Whoever reads has the whole window of a stream; the connection's must not be the narrower one.
      if (stream.session?.state.effectiveLocalWindowSize !== WINDOW_BYTES)
        stream.session?.setLocalWindowSize(WINDOW_BYTES);
      return stream;
    } catch (thrown) {
      const cause = thrown instanceof ConnectError && thrown.cause ? thrown.cause : thrown;
      const why = new NotConnected(messageOf(cause), { cause });
      throw new ConnectError(why.message, Code.Unavailable, undefined, undefined, why);
    }
  }

  notifyResponseByteRead(stream: http2.ClientHttp2Stream): void {
    this.#manager.notifyResponseByteRead(stream);
  }

  /** True while no connection stands yet: nothing that waits for it was sent. */
  get connecting(): boolean {
    return this.#manager.state() === "connecting";
  }

  /** True while a connection stands: something may have been sent over it. */
  get stands(): boolean {
    return ["open", "idle", "verifying"].includes(this.#manager.state());
  }

  /** Closes the connection with everything on it, at once. A later call opens a new one. */
  close(): void {
    this.#manager.abort(new ConnectError("the connection was closed on this side", Code.Canceled));
  }
}

/** What an error says, on one line. */
export function messageOf(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  if (cause instanceof AggregateError && cause.errors.length > 0) return messageOf(cause.errors[0]);
  const { code, reason } = cause as NodeJS.ErrnoException & { reason?: unknown };
  // OpenSSL's own message names addresses in memory and source files.
  if (code?.startsWith("ERR_SSL_") && typeof reason === "string") return `TLS: ${reason}`;
  return cause.message.replace(/\s+/g, " ").trim() || (code ?? cause.name);
}
