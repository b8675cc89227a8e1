import { expect, test } from "vitest";
import { MARK } from "../../../src/client/history.ts";
import { chartRows } from "../../../src/tui/chart.ts";
import { ASCII_GLYPHS, UNICODE_GLYPHS } from "../../../src/tui/glyphs.ts";

const window = (...values: (number | null)[]) => ({
  values: Float64Array.from(values, (value) => value ?? Number.NaN),
  marks: Uint8Array.from(values, (value) => (value === null ? MARK.missing : MARK.value)),
});

test("a rising and a falling line, zero at the bottom", () => {
  expect(chartRows(window(0, 1, 3, 2, 0), 4, "number", UNICODE_GLYPHS)).toEqual([
    "     3.0 ┤  ╭╮ ",
    "         ┤  │╰╮",
    "         ┤ ╭╯ │",
    "     0.0 ┼─╯  ╰",
  ]);
});

test("what is missing leaves a gap", () => {
  expect(chartRows(window(2, null, null, 2), 3, "number", UNICODE_GLYPHS)).toEqual([
    "     2.0 ┤─  ─",
    "         ┤    ",
    "     0.0 ┼    ",
  ]);
});

test("below zero, as durations, in plain characters", () => {
  expect(chartRows(window(-1, 1), 3, "minutes", ASCII_GLYPHS)).toEqual([
    "  1.0min | .",
    "         | |",
    " -1.0min +-'",
  ]);
});

test("without any number there is an empty chart", () => {
  expect(chartRows(window(null, null), 2, "number", UNICODE_GLYPHS)).toEqual(["     1.0 ┤  ", "     0.0 ┼  "]);
});
