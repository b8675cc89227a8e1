import { expect, test } from "vitest";
import { compileModel } from "../../../src/model/compile.ts";
import { parseModel } from "../../../src/model/parse.ts";
import { modelText, type ShortModel } from "../../support/model-builder.ts";

function ledgerOf(model: ShortModel): string[] {
  const parsed = parseModel(modelText(model));
  if (parsed.model === null) throw new Error(parsed.diagnostics.map(({ message }) => message).join("; "));
  return compileModel(parsed.model).plan!.divergences.map(({ id }) => id);
}

test.each<[string, ShortModel, string[]]>([
  ["nothing unusual", { nodes: ["a=[1,2]", "b: SHIFT(a, 1) + a"] }, []],
  ["feedback that FlowTime computes", { nodes: ["one=1s", "x: SHIFT(y, 1) + one", "y: x * 2"], bins: 4 }, []],
  ["D1: one series as inflow and outflow", { nodes: ["a=[1,2]", "q=buf(a,a)"] }, ["D1"]],
  ["D2: a constant within a feedback group", { nodes: ["lag: SHIFT(b, 1)", "b=[1,2,3,4]"] }, ["D2"]],
  [
    "D3: overlapping loops",
    { nodes: ["a: SHIFT(c, 1) + 1", "b: SHIFT(d, 1) + 1", "c: a * 1", "d: b * 1"], bins: 4 },
    ["D3"],
  ],
])("%s", (_, model, ledger) => {
  expect(ledgerOf(model)).toEqual(ledger);
});
