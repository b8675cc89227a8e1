import { expect, test } from "vitest";
import { isPausedByGate, latencyColour, utilisationColour } from "../../../src/analysis/node-status.ts";

test("colours (T42)", () => {
  expect([Number.NaN, 0.69, 0.7, 0.9].map(utilisationColour)).toEqual(["gray", "green", "yellow", "red"]);
  expect([60, 90, 91].map((minutes) => latencyColour(minutes, 60))).toEqual(["green", "yellow", "red"]);
  expect([latencyColour(Number.NaN, 60), latencyColour(5, null), latencyColour(5, 0)]).toEqual([
    "gray",
    "gray",
    "gray",
  ]);
});

test("a gate pauses a queue only off its schedule, with backlog and nothing served", () => {
  const everyOther = { periodBins: 2, phaseOffset: -1, capacitySeries: null };
  expect(isPausedByGate(everyOther, 0, 3, 0)).toBe(true);
  expect(isPausedByGate(everyOther, 0, 3, Number.NaN)).toBe(true);
  expect(isPausedByGate(everyOther, 1, 3, 0)).toBe(false);
  expect(isPausedByGate(everyOther, 0, 0, 0)).toBe(false);
  expect(isPausedByGate(everyOther, 0, 3, 1)).toBe(false);
  expect(isPausedByGate(null, 0, 3, 0)).toBe(false);
});
