import { expect, test } from "vitest";
import { explanationText } from "../../../../src/cli/commands/explain.ts";
import type { Explanation } from "../../../../src/protocol/explanation.ts";

const leaf = (series: string, value: number): Explanation => ({
  series,
  binIndex: 4,
  kind: "const",
  about: "values of the model",
  value,
  formula: "values[4]",
  numbers: String(value),
  notes: [],
  inputs: [],
  isTruncated: false,
});

test("a tree: formula, numbers, result, then what it reads", () => {
  const explanation: Explanation = {
    ...leaf("Desk.utilization", 0.5),
    kind: "metric",
    about: "utilization = served / capacity",
    formula: "ROUND6(served / cap)",
    numbers: "ROUND6(6 / 12)",
    notes: ["a remark"],
    inputs: [
      { name: "served", binIndex: 4, value: 6, explanation: leaf("served", 6) },
      { name: "cap[3]", binIndex: 3, value: 12, explanation: null },
    ],
  };
  const startUtc = "2026-01-05T04:00:00Z";
  expect(explanationText({ schemaVersion: 1, runId: "run_x", startUtc, explanation }).split("\n")).toEqual([
    "Desk.utilization in bin 4 (2026-01-05T04:00:00Z): 0.5",
    "  utilization = served / capacity",
    "  = ROUND6(served / cap)",
    "  = ROUND6(6 / 12)",
    "  = 0.5",
    "  (a remark)",
    "  ├─ served: 6",
    "  │    values of the model",
    "  │    = values[4]",
    "  │    = 6",
    "  └─ cap[3]: 12",
    "",
  ]);
});

test("no value is no number, and a cut answer says so", () => {
  const explanation = { ...leaf("x", 1), value: null, isTruncated: true };
  const text = explanationText({ schemaVersion: 1, runId: "run_x", startUtc: null, explanation });
  expect(text).toContain("x in bin 4: no value\n");
  expect(text).toContain("the answer was full");
});
