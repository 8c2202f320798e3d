// One address: its connection, and what the calls over it share.

import { createClient, type Client, type Interceptor, type Transport } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import type { DescService } from "@bufbuild/protobuf";

import { Connection, type ConnectionSettings } from "./connection.js";
import { invalid } from "./error.js";
import { Line } from "./retry.js";

/** How one address is reached. Plain data, so that it can go from one thread to another. */
export interface LinkSettings extends ConnectionSettings {
  readonly userAgent: string;
  readonly token?: string;
}

/** One address of a server. */
export class Link {
  readonly settings: LinkSettings;
  readonly line = new Line();
  readonly connection: Connection;
  readonly #transport: Transport;
  readonly #stubs = new Map<DescService, unknown>();
  closed = false;

  /** Connects with the first call. */
  constructor(settings: LinkSettings) {
    this.settings = settings;
    this.connection = new Connection(settings);
    this.#transport = transportOver(this.connection, settings);
  }

  get address(): string {
    return this.settings.address;
  }

  /** A client of one service. */
  stub<T extends DescService>(service: T): Client<T> {
    let stub = this.#stubs.get(service) as Client<T> | undefined;
    if (!stub) {
      stub = createClient(service, this.#transport);
      this.#stubs.set(service, stub);
    }
    return stub;
  }

  /** For good: who waits for an answer or wants to call again is refused. */
  close(): void {
    this.closed = true;
    this.connection.close();
  }
}

/** gRPC over this connection. */
export function transportOver(connection: Connection, settings: LinkSettings): Transport {
  const headers: Interceptor = (next) => (request) => {
    request.header.set("user-agent", settings.userAgent);
    if (settings.token !== undefined) request.header.set("authorization", `Bearer ${settings.token}`);
    return next(request);
  };
  return createGrpcTransport({
    baseUrl: settings.address,
    sessionManager: connection,
    interceptors: [headers],
    acceptCompression: [],
  });
}

/** `localhost:7440` means `http://localhost:7440`. */
export function normalized(url: string): string {
  const refused = invalid(`address \`${url}\`: write http://HOST:PORT, or https://HOST:PORT for TLS`);
  const full = url.includes("://") ? url : `http://${url}`;
  if (!/^https?:\/\//.test(full) || !URL.canParse(full)) throw refused;
  const { origin, pathname, search, hash, username, hostname } = new URL(full);
  if (hostname === "" || username !== "" || search !== "" || hash !== "" || !/^\/*$/.test(pathname)) throw refused;
  return origin;
}
