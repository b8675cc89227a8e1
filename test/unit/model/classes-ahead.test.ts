import { expect, test } from "vitest";
import { decomposeClasses } from "../../../src/engine/batch-classes.ts";
import { batchOfPlan } from "../../../src/engine/batch-model.ts";
import { evaluateRouted } from "../../../src/engine/batch-router.ts";
import { Evaluator } from "../../../src/engine/evaluator.ts";
import { compileModel } from "../../../src/model/compile.ts";
import { parseModel } from "../../../src/model/parse.ts";

const BINS = 4;

function model(nodes: Readonly<Record<string, string>>): string {
  const lines = Object.entries(nodes).map(([id, fields]) => `  - { id: ${id}, ${fields} }`);
  return `schemaVersion: 1
grid: { bins: ${BINS}, binSize: 1, binUnit: hours }
traffic:
  arrivals:
    - { nodeId: a, classId: A, pattern: { kind: constant } }
    - { nodeId: b, classId: B, pattern: { kind: constant } }
nodes:
${lines.join("\n")}
`;
}

const given = { a: "kind: const, values: [5, 6, 7, 8]", b: "kind: const, values: [1, 2, 3, 4]" };
const expr = (text: string): string => `kind: expr, expr: "${text}"`;

const loops: [what: string, text: string, classes: Readonly<Record<string, readonly string[]>>][] = [
  [
    // With classes in the divisor the remainder has none, then the divisor has none, then the remainder has them again.
    "a remainder's classes depend on themselves",
    model({ ...given, rest: expr("MOD(a, SHIFT(divisor, 1) + 4)"), divisor: expr("rest * 2") }),
    { a: ["A"], b: ["B"] },
  ],
  [
    "two nodes put each other's classes first",
    model({
      ...given,
      x: expr("SHIFT(u, 1)"),
      y: expr("SHIFT(v, 1)"),
      u: expr("y + a"),
      v: expr("x + b"),
    }),
    { a: ["A"], b: ["B"], x: ["B", "A"], y: ["A", "B"], u: ["A", "B"], v: ["B", "A"] },
  ],
];

test.each(loops)("%s: compiled once and for all, as the oracle has it", (_, text, classes) => {
  const { plan, diagnostics } = compileModel(parseModel(text).model!);
  expect(diagnostics).toEqual([]);
  const evaluator = new Evaluator(plan!, { horizonBins: BINS });
  const rows = Array.from({ length: BINS }, () => evaluator.advance(new Float64Array(0)).slice());
  const ours = plan!.classSeries.map(({ nodeId, columns }) => [
    nodeId,
    columns.map(({ classId, column }) => [classId, rows.map((row) => row[column])]),
  ]);
  const batch = batchOfPlan(plan!);
  const oracle = decomposeClasses(batch, evaluateRouted(batch, BINS, () => Number.NaN).totals);
  expect(ours).toEqual(Array.from(oracle, ([id, shares]) => [id, [...shares].map(([c, v]) => [c, [...v]])]));
  expect(
    Object.fromEntries(plan!.classSeries.map(({ nodeId, columns }) => [nodeId, columns.map((c) => c.classId)])),
  ).toEqual(classes);
});
