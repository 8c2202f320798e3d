// Prints each order as it is finished, until stdin, where the producer's lines come from, has ended and all orders are; or until Ctrl-C.

import { createInterface } from "node:readline";
import { Client, DEFAULT_URL, shutdownSignal, type TaskResult } from "@tidemill/client";

interface Order {
    task_id: string;
    id: string;
    item: string;
    amount: number;
}

const client = new Client(process.env["TIDEMILL_URL"] ?? DEFAULT_URL);
const signal = shutdownSignal();
// All orders come over this one stream. It resumes by itself: what finishes while it is broken comes afterwards.
const watch = client.watchMany({
    signal,
    onBreak: (error) => {
        console.error(`watcher: ${error.message}; resuming`);
    },
});
const open = new Map<string, Order>();

const lines = createInterface({ input: process.stdin });
lines.on("line", (line) => {
    const order = JSON.parse(line) as Order;
    open.set(order.task_id, order);
    watch.add(order.task_id);
});
lines.on("close", () => watch.end());

try {
    for await (const { taskId, event, error } of watch) {
        const order = open.get(taskId);
        if (!order) continue;
        if (error) console.error(`watcher: order ${order.id}: ${error.message}`);
        if (event?.type === "result") console.log(described(order, event.attempt, event.result));
        if (error ?? event?.type === "result") open.delete(taskId);
    }
} catch (thrown) {
    if (!signal.aborted) throw thrown;
    console.error(`watcher: stopped, ${open.size} orders are still open`);
} finally {
    lines.close();
    process.stdin.destroy();
    client.close();
}

function described(order: Order, attempt: number, { state, output, error }: TaskResult): string {
    const what = `${order.id}  ${order.item.padEnd(10)} ${order.amount.toFixed(2).padStart(7)}  attempt ${attempt}`;
    if (state === "SUCCEEDED") return `done         ${what}  ${(output?.json() as { receipt: string }).receipt}`;
    return `DEAD LETTER  ${what}  ${error?.type || error?.reason}: ${error?.message}`;
}
