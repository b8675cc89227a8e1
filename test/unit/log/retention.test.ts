import { expect, test } from "vitest";
import { type RecoveryPoint, retainFrom } from "../../../src/log/retention.ts";

const at = (position: number, isVerified = true): RecoveryPoint => ({ position, isVerified });
const log = { start: 10, bytes: 1_000 };

test.each([
  ["nothing without checkpoints", [], null, 10],
  ["nothing with one", [at(50)], null, 10],
  ["up to the second newest verified one, in whatever order they come", [at(50), at(90), at(70)], null, 70],
  ["checkpoints that are not verified do not count", [at(50), at(90, false), at(70), at(80, false)], null, 50],
  ["nothing while the log is small enough", [at(50), at(90)], 1_000, 10],
  ["when it is larger than it may be", [at(50), at(90)], 999, 50],
  ["never what is gone already", [at(5), at(90)], null, 10],
] as const)("retention: %s", (_name, points, maxBytes, expected) => {
  expect(retainFrom(log, points, { maxBytes })).toBe(expected);
});
