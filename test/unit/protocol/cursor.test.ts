import { expect, test } from "vitest";
import { formatCursor, parseCursor } from "../../../src/protocol/cursor.ts";

test.each([
  ["0123456789abcdef.0", { epoch: "0123456789abcdef", seq: 0 }],
  ["E1.42", { epoch: "E1", seq: 42 }],
  [" E1.42\n", { epoch: "E1", seq: 42 }],
  [`a.${Number.MAX_SAFE_INTEGER}`, { epoch: "a", seq: Number.MAX_SAFE_INTEGER }],
])("%j is a cursor", (text, cursor) => {
  expect(parseCursor(text)).toEqual(cursor);
  expect(formatCursor(cursor)).toBe(text.trim());
});

test.each([
  "",
  "E1",
  "E1.",
  ".1",
  "E1.-1",
  "E1.01",
  "E1.1.2",
  "E1.1e3",
  "E 1.1",
  "ü.1",
  `${"x".repeat(65)}.1`,
  `a.${Number.MAX_SAFE_INTEGER + 1}`,
  `a.${"9".repeat(400)}`,
])("%j is none", (text) => {
  expect(parseCursor(text)).toBeNull();
});
