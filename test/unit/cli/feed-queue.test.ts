import { expect, test } from "vitest";
import { BoundedQueue } from "../../../src/cli/feed-queue.ts";

const queueOf = (maxItems: number, maxBytes = 1_000) =>
  new BoundedQueue<string>({ maxItems, maxBytes, bytesOf: (text) => text.length });

/** Whether a promise is settled once everything that can happen now has happened. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  promise.then(
    () => {
      settled = true;
    },
    () => {
      settled = true;
    },
  );
  await new Promise((resolve) => setImmediate(resolve));
  return settled;
}

test("a full queue holds the writer until something is taken", async () => {
  const queue = queueOf(2);
  await queue.put("a");
  await queue.put("b");
  const third = queue.put("c");
  expect(await isSettled(third)).toBe(false);
  expect(await queue.take(1, 100)).toEqual(["a"]);
  await third;
  expect(await queue.take(10, 100)).toEqual(["b", "c"]);
});

test("bytes count as well, and an item that is too big alone is taken", async () => {
  const queue = queueOf(100, 4);
  await queue.put("0123456789");
  const next = queue.put("a");
  expect(await isSettled(next)).toBe(false);
  expect(await queue.take(10, 2)).toEqual(["0123456789"]);
  await next;
  await queue.put("bb");
  expect(await queue.take(10, 2)).toEqual(["a"]);
  expect(await queue.take(10, 2)).toEqual(["bb"]);
});

test("an empty queue holds the reader until something comes, or the end", async () => {
  const queue = queueOf(2);
  const taken = queue.take(1, 1);
  expect(await isSettled(taken)).toBe(false);
  await queue.put("a");
  expect(await taken).toEqual(["a"]);
  const end = queue.take(1, 1);
  queue.close();
  expect(await end).toBeNull();
});

test("a failure reaches both sides, behind what was queued", async () => {
  const queue = queueOf(1);
  await queue.put("a");
  const waiting = queue.put("b");
  queue.fail(new Error("gone"));
  await expect(waiting).rejects.toThrow("gone");
  expect(await queue.take(1, 1)).toEqual(["a"]);
  await expect(queue.take(1, 1)).rejects.toThrow("gone");
});
