// Many watches over one stream, whose tasks come, go and come back.

import assert from "node:assert/strict";
import test from "node:test";

import { ResultsService, type WatchResultsRequest } from "../src/_gen/tidemill/v1/results_service_pb.js";
import type { TaskEvent as Message } from "../src/_gen/tidemill/v1/task_pb.js";
import { Client, type Watched } from "../src/index.js";
import { Outbox } from "../src/outbox.js";
import { changed, ended, running, Server, until } from "./fake-server.js";

interface Said {
  readonly taskId: string;
  readonly item: { readonly case: "event"; readonly value: Message };
}

/** A server that says what the test wants, over one stream. */
class Many implements AsyncDisposable {
  readonly seen: string[] = [];
  readonly client: Client;
  readonly #said = new Outbox<Said>();
  readonly #heard: WatchResultsRequest[] = [];
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
    this.client = new Client(server.url);
  }

  static async start(): Promise<Many> {
    const routes: Parameters<typeof Server.start>[0] = (router) => {
      router.service(ResultsService, { watchResults: (requests) => many.#serve(requests) });
    };
    const many = new Many(await Server.start(routes));
    return many;
  }

  async *#serve(requests: AsyncIterable<WatchResultsRequest>): AsyncGenerator<Said> {
    void this.#read(requests);
    yield* this.#said;
  }

  async #read(requests: AsyncIterable<WatchResultsRequest>): Promise<void> {
    try {
      for await (const request of requests) {
        this.#heard.push(request);
        changed();
      }
    } catch {
      // The client has left.
    }
  }

  say(taskId: string, ...events: Message[]): void {
    for (const value of events) this.#said.push({ taskId, item: { case: "event", value } });
  }

  /** The server was told of so many additions. */
  added(count: number): Promise<void> {
    return until(() => this.#heard.flatMap((request) => request.add).length >= count);
  }

  note({ taskId, event, error }: Watched): void {
    this.seen.push(`${taskId}:${error ? error.message : String(event.sequence)}`);
    changed();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.client.close();
    await this.#server.stop();
  }
}

async function follow(many: Many, watched: AsyncIterable<Watched>): Promise<void> {
  for await (const one of watched) many.note(one);
}

test("a task that is removed and added again begins anew: what was on its way is no hole", async () => {
  await using many = await Many.start();
  const watch = many.client.watchMany().add("a");
  const following = follow(many, watch);
  await many.added(1);
  many.say("a", running(1));
  await until(() => many.seen.length === 1);
  watch.remove("a");
  watch.add("a").end();
  await many.added(2);
  many.say("a", running(2), running(3), running(1), running(2), running(3), ended(4));
  await following;
  assert.deepEqual(many.seen, ["a:1", "a:1", "a:2", "a:3", "a:4"]);
});

test("a task that is added while it is watched, and again after its end, is watched three times", async () => {
  await using many = await Many.start();
  const watch = many.client.watchMany().add("a").add("mark");
  const following = follow(many, watch);
  await many.added(2);
  // Told twice before anything was heard: the server sends the log twice.
  watch.add("a");
  await many.added(3);
  many.say("a", running(1), running(2), ended(3), running(1));
  many.say("mark", ended(1));
  await until(() => many.seen.length === 4);
  assert.deepEqual(many.seen, ["a:1", "a:2", "a:3", "mark:1"]);
  // The rest of the second time is still on its way.
  watch.add("a").end();
  await many.added(4);
  many.say("a", running(2), ended(3), running(1), running(2), ended(3));
  await following;
  assert.deepEqual(many.seen.slice(4), ["a:1", "a:2", "a:3"]);
});

test("a hole is told of one task, which leaves; added again it is watched anew", async () => {
  await using many = await Many.start();
  const watch = many.client.watchMany().add("a");
  const following = follow(many, watch);
  await many.added(1);
  many.say("a", running(2), running(3));
  await until(() => many.seen.length === 1);
  watch.add("a").end();
  await many.added(2);
  many.say("a", running(4), running(1), ended(2));
  await following;
  assert.match(many.seen[0] ?? "", /broke the contract: event 2 came where 1 was due/);
  assert.deepEqual(many.seen.slice(1), ["a:1", "a:2"]);
});
