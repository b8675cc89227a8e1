import { expect, test } from "vitest";
import { parseRunId, timestampedRunId } from "../../../src/protocol/ids.ts";

test.each(["run_20260105T000000Z_0a1b2c3d", "run_rnd-1012_f585", "run_a+b@c.d", `run_${"x".repeat(200)}`])(
  "%s is a run id",
  (text) => {
    expect(parseRunId(text)).toBe(text);
  },
);

test.each([
  "",
  "run_",
  "mine",
  "Run_x",
  "run_a/b",
  "run_a\\b",
  "run_..",
  "run_a..b",
  "run_ a",
  "run_a\n",
  "run_a\0",
  "run_ä",
  `run_${"x".repeat(201)}`,
])("%j is none", (text) => {
  expect(parseRunId(text)).toBeNull();
});

test("a made one tells its second and four bytes of chance", () => {
  const id = timestampedRunId(Date.UTC(2026, 10, 24, 9, 5, 7, 999), Uint8Array.of(0, 1, 0xab, 0xff, 0x99));
  expect(id).toBe("run_20261124T090507Z_0001abff");
  expect(parseRunId(id)).toBe(id);
});
