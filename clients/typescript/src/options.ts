// How a client is set up.

import { VERSION } from "./version.js";
import { invalid } from "./error.js";
import { normalized, type LinkSettings } from "./link.js";
import type { Limits } from "./retry.js";
import type { TraceSource } from "./task.js";

/** Where `tidemill dev` serves. */
export const DEFAULT_URL = "http://127.0.0.1:7440";
const DEFAULT_TIMEOUT_MS = 10_000;
/** A longer timeout counts as a day: gRPC's header has room for not much more milliseconds. */
const MOST_TIMEOUT_MS = 24 * 3_600_000;

/** Sets up a {@link Client}. */
export interface ClientOptions {
  /**
   * `http://HOST:PORT`, `https://HOST:PORT`, or `HOST:PORT` for plaintext. Without it: `TIDEMILL_URL` of the environment, with `TIDEMILL_RESULTS_URL` and
   * `TIDEMILL_WORKER_URL` for the roles that are not named here; and without those {@link DEFAULT_URL}.
   */
  readonly url?: string;
  /** Address of the results role, where it has one of its own. */
  readonly resultsUrl?: string;
  /** Address of the worker role, where it has one of its own. */
  readonly workerUrl?: string;
  /** How `https://` addresses are trusted. */
  readonly tls?: Tls;
  /** Sends `authorization: Bearer <token>` with every call. Over `http://` it can be read on the way. */
  readonly token?: string;
  /** Longest time for one unary call, all its tries included, at most a day. Without it: 10 s. */
  readonly timeoutMs?: number;
  /**
   * Most tries of one unary call. Without it: as many as the timeout and the retry budget allow, so that a call outlives a restart of the server. A
   * program that a person waits for may want fewer.
   */
  readonly maxTries?: number;
  /** Name of the program in the server's logs. */
  readonly userAgent?: string;
  /**
   * Where the trace context of an enqueued task comes from, if neither the task nor the handler that enqueues it has one: e.g. the current span of
   * your tracing library.
   */
  readonly traceContext?: TraceSource;
}

/**
 * How addresses that begin with `https://` are trusted. By default the authorities that Node trusts are: its own list, and those of
 * `NODE_EXTRA_CA_CERTS`.
 */
export interface Tls {
  /** Trusts these authorities (PEM), and no others. */
  readonly ca?: string | Uint8Array;
  /** Shows this certificate (PEM, with its chain) to a server that asks for one. */
  readonly cert?: string | Uint8Array;
  /** Proves the certificate with this key (PEM). */
  readonly key?: string | Uint8Array;
  /** Expects this name in the server's certificate instead of the address's host. */
  readonly domain?: string;
}

/** What is made of the options. */
export interface Setup {
  readonly gateway: LinkSettings;
  readonly results: LinkSettings;
  readonly worker: LinkSettings;
  readonly limits: Limits;
  readonly trace: TraceSource | undefined;
}

/** Checks the options. */
export function setupOf(options: ClientOptions): Setup {
  const { token, tls = {}, timeoutMs = DEFAULT_TIMEOUT_MS, maxTries } = options;
  // The token itself must never be part of a message.
  if (token !== undefined && !/^[\x21-\x7e]+$/.test(token))
    throw invalid("token: holds characters that no header may have");
  if (maxTries !== undefined && !(maxTries >= 1)) throw invalid(`maxTries: ${String(maxTries)} is not 1 or more`);
  if (!(timeoutMs > 0)) throw invalid(`timeoutMs: ${String(timeoutMs)} is not above 0`);
  if ((tls.cert === undefined) !== (tls.key === undefined)) throw invalid("tls: cert and key go together");
  const userAgent = options.userAgent ?? `tidemill-typescript/${VERSION}`;
  if (!/^[\x20-\x7e]+$/.test(userAgent)) throw invalid("userAgent: holds characters that no header may have");
  const common = {
    userAgent,
    ...(token === undefined ? {} : { token }),
    ...pem("ca", tls.ca),
    ...pem("cert", tls.cert),
    ...pem("key", tls.key),
    ...(tls.domain === undefined ? {} : { domain: tls.domain }),
  };
  const link = (url: string): LinkSettings => ({ address: normalized(url), ...common });
  const { url, resultsUrl, workerUrl } = addresses(options);
  const gateway = link(url);
  return {
    gateway,
    results: resultsUrl ? link(resultsUrl) : gateway,
    worker: workerUrl ? link(workerUrl) : gateway,
    limits: {
      deadlineMs: Math.min(timeoutMs, MOST_TIMEOUT_MS),
      ...(maxTries === undefined ? {} : { tries: maxTries }),
    },
    trace: options.traceContext,
  };
}

function addresses({ url, resultsUrl, workerUrl }: ClientOptions) {
  if (url !== undefined) return { url, resultsUrl, workerUrl };
  const { env } = process;
  // The other two belong to the address of the environment, not to one that the program names. An empty one is none.
  return {
    url: filled(env["TIDEMILL_URL"]) ?? DEFAULT_URL,
    resultsUrl: resultsUrl ?? env["TIDEMILL_RESULTS_URL"],
    workerUrl: workerUrl ?? env["TIDEMILL_WORKER_URL"],
  };
}

function filled(text: string | undefined): string | undefined {
  return text === "" ? undefined : text;
}

function pem(field: "ca" | "cert" | "key", value: string | Uint8Array | undefined): Record<string, string> {
  if (value === undefined) return {};
  const text = typeof value === "string" ? value : new TextDecoder().decode(value);
  if (!text.includes("-----BEGIN ")) throw invalid(`tls.${field}: not PEM, which begins with -----BEGIN`);
  return { [field]: text };
}
