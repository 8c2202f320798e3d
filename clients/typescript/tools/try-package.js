// Loads what would be published, under the names by which it is used, and insists that the parts are there.

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { Client, Worker } from "@tidemill/client";
import { TaskState } from "@tidemill/client/proto";

assert.equal(TaskState[4], "SUCCEEDED");
assert.ok(new Worker(new Client()).handle("a", () => "") instanceof Worker);
for (const file of ["index.d.ts", "worker/thread.js"]) {
  assert.ok(existsSync(new URL(`../dist/${file}`, import.meta.url)), file);
}
