import { describe, expect, test } from "vitest";
import { MARK } from "../../../src/client/history.ts";
import type { Grid } from "../../../src/protocol/run.ts";
import {
  ageText,
  cellText,
  durationText,
  gridText,
  instantText,
  measureOf,
  numberText,
  percentText,
  shortBinText,
  startOfBin,
  trendText,
} from "../../../src/tui/format.ts";
import { ASCII_GLYPHS, chooseGlyphs, UNICODE_GLYPHS } from "../../../src/tui/glyphs.ts";
import { seededRandom } from "../../support/order-pipeline.ts";

describe("numbers", () => {
  test.each([
    [0, "0.0"],
    [-0, "0.0"],
    [0.0001, "<0.01"],
    [-0.0001, ">-.01"],
    [0.04, "0.04"],
    [0.994, "0.99"],
    [0.996, "1.0"],
    [1, "1.0"],
    [118, "118.0"],
    [999.94, "999.9"],
    [999.96, "1.00k"],
    [1234, "1.23k"],
    [9_994, "9.99k"],
    [9_996, "10.0k"],
    [45_600_000, "45.6M"],
    [999_600, "1.00M"],
    [123e9, "123G"],
    [-1234, "-1.23k"],
    [5e15, "5.00P"],
    [3e20, "3e20"],
    [-3e20, "-3e20"],
  ])("%d is %s", (value, text) => expect(numberText(value)).toBe(text));

  test("at most six cells, and only zero looks like zero", () => {
    const seed = Number(process.env.FORMAT_SEED ?? 3);
    console.log(`FORMAT_SEED=${seed}`);
    const random = seededRandom(seed);
    for (let at = 0; at < 20_000; at++) {
      const value = (random() - 0.5) * 10 ** (random() * 40 - 12);
      const text = numberText(value);
      expect(text.length, `${value} -> ${text}`).toBeLessThanOrEqual(6);
      expect(/^-?0(\.0+)?$/.test(text), `${value} -> ${text}`).toBe(value === 0);
    }
  });
});

test.each([
  [0, "0%"],
  [-0.001, "0%"],
  [0.001, "<1%"],
  [0.97, "97%"],
  [1.234, "123%"],
  [200, ">9999%"],
  [-20, "<-999%"],
])("the share %d is %s", (value, text) => expect(percentText(value)).toBe(text));

test.each([
  [0, "0ms"],
  [0.2, "<1ms"],
  [380, "380ms"],
  [999.6, "1.0s"],
  [4_300, "4.3s"],
  [59_960, "1.0min"],
  [258_000, "4.3min"],
  [3_598_000, "1.0h"],
  [90_000_000, "25.0h"],
  [173_000_000, "2.0d"],
  [1e10, "116d"],
  [1e13, ">9999d"],
  [-4_300, "-4.3s"],
])("%d ms is %s", (ms, text) => expect(durationText(ms)).toBe(text));

test.each([
  [-5, "0s"],
  [59_999, "59s"],
  [60_000, "1m"],
  [11_520_000, "3h12m"],
  [200_000_000, "2d"],
])("an age of %d ms is %s", (ms, text) => expect(ageText(ms)).toBe(text));

test("missing, undefined, zero and absent look different", () => {
  const of = (mark: (typeof MARK)[keyof typeof MARK]) => cellText(mark, 0, "number", UNICODE_GLYPHS);
  expect([of(MARK.missing), of(MARK.undefined), of(MARK.value), of(MARK.absent)]).toEqual(["n/a", "–", "0.0", ""]);
});

test.each([
  ["utilization", "percent"],
  ["throughputRatio", "percent"],
  ["flowEfficiency", "percent"],
  ["retryTax", "percent"],
  ["latencyMinutes", "minutes"],
  ["queueTimeMs", "ms"],
  ["flowLatencyMs", "ms"],
  ["queueDepth", "number"],
  ["processingTimeMsSum", "number"],
])("%s is read as %s", (metric, measure) => expect(measureOf(metric)).toBe(measure));

describe("times", () => {
  const grid = (binUnit: Grid["binUnit"], start: string | null = "2026-11-23T09:00:00Z"): Grid => ({
    bins: 10,
    binSize: 1,
    binUnit,
    start,
  });

  test("the start of a bin, null without one", () => {
    expect(startOfBin(grid("hours"), 3)).toBe("2026-11-23T12:00:00.000Z");
    expect(startOfBin(grid("hours", null), 3)).toBeNull();
    expect(startOfBin(grid("weeks"), 1e12)).toBeNull();
  });

  test("in eight cells", () => {
    expect(shortBinText(grid("minutes"), 17)).toBe("09:17Z");
    expect(shortBinText(grid("days"), 2)).toBe("26-11-25");
    expect(shortBinText(grid("minutes", "2026-11-23T09:00:20Z"), 0)).toBe("09:00:20");
    expect(shortBinText(grid("minutes", null), 7)).toBe("bin 7");
    expect(shortBinText(null, 7)).toBe("bin 7");
  });

  test("instants and grids", () => {
    expect(instantText("2026-11-23T09:17:00Z")).toBe("2026-11-23 09:17Z");
    expect(instantText("2026-11-23T09:17:22Z")).toBe("2026-11-23 09:17:22Z");
    expect(instantText("soon")).toBe("soon");
    expect(gridText({ ...grid("minutes"), binSize: 5 })).toBe("5 min bins");
  });
});

describe("trends", () => {
  const { value, missing, undefined: none, absent } = MARK;
  const window = (values: number[], marks?: number[]) => ({
    values: Float64Array.from(values),
    marks: Uint8Array.from(marks ?? values.map(() => value)),
  });

  test.each([
    ["from zero to the greatest", window([0, 1, 2, 3, 4, 5, 6, 7]), "number", "▁▂▃▄▅▆▇█"],
    ["all zero lies at the bottom", window([0, 0, 0]), "number", "▁▁▁"],
    ["a share is drawn against the whole", window([0.5, 0.5, 1]), "percent", "▅▅█"],
    ["and against the greatest when that is more", window([1, 2]), "percent", "▅█"],
    ["below zero the least lies at the bottom", window([-2, 0, 2]), "number", "▁▅█"],
    [
      "without a number",
      window([1, Number.NaN, Number.NaN, Number.NaN], [value, missing, none, absent]),
      "number",
      "█·– ",
    ],
    ["nothing at all", window([Number.NaN, Number.NaN], [absent, absent]), "number", "  "],
  ] as const)("%s", (_name, series, measure, text) => expect(trendText(series, measure, UNICODE_GLYPHS)).toBe(text));

  test("in plain characters", () => {
    const series = window([0, 4, 8, Number.NaN, Number.NaN], [value, value, value, missing, none]);
    expect(trendText(series, "number", ASCII_GLYPHS)).toBe("_+#?-");
  });
});

test.each([
  [true, { LANG: "de_DE.UTF-8" }, ASCII_GLYPHS],
  [false, { LANG: "de_DE.UTF-8" }, UNICODE_GLYPHS],
  [false, { LANG: "C.utf8" }, UNICODE_GLYPHS],
  [false, { LANG: "de_DE.UTF-8", LC_ALL: "C" }, ASCII_GLYPHS],
  [false, {}, ASCII_GLYPHS],
  [false, { COLORTERM: "truecolor" }, UNICODE_GLYPHS],
])("glyphs: ascii %s, %o", (ascii, env, glyphs) => expect(chooseGlyphs(ascii, env)).toBe(glyphs));
