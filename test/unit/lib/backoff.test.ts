import { expect, test } from "vitest";
import { backoffDelayMs } from "../../../src/lib/backoff.ts";

const OPTIONS = { firstMs: 100, maxMs: 5000, jitter: 0.2 };

test("waits double up to the longest", () => {
  expect([1, 2, 3, 4, 6, 7, 40, 10_000].map((failures) => backoffDelayMs(failures, OPTIONS, 0.5))).toEqual([
    100, 200, 400, 800, 3200, 5000, 5000, 5000,
  ]);
});

test("vary by their jitter to either side, in whole milliseconds", () => {
  expect([0, 0.25, 0.999_999].map((chance) => backoffDelayMs(1, OPTIONS, chance))).toEqual([80, 90, 120]);
  expect(backoffDelayMs(20, OPTIONS, 0.999_999)).toBe(6000);
  expect(backoffDelayMs(3, { ...OPTIONS, jitter: 0 }, 0.123)).toBe(400);
  expect(backoffDelayMs(0, OPTIONS, 0.5)).toBe(100);
});
