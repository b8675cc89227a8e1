// Every explanation is right: the formula with numbers put in, evaluated, is the value that the run has.
import fc from "fast-check";
import { expect, test } from "vitest";
import type { SeriesValues } from "../../../src/analysis/explain/column-values.ts";
import { type Explanation, explainSeries } from "../../../src/analysis/explain/explain.ts";
import { NodeMetrics } from "../../../src/analysis/metrics.ts";
import { Evaluator } from "../../../src/engine/evaluator.ts";
import { compileModel } from "../../../src/model/compile.ts";
import { parseModel } from "../../../src/model/parse.ts";
import type { Plan } from "../../../src/model/plan.ts";
import { evaluateFormula } from "../../support/evaluate-formula.ts";
import { type RandomModel, randomModel } from "../../support/random-model.ts";
import { runs } from "../../support/seed.ts";

const cellValue = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: -5, max: 90 }) },
  { weight: 1, arbitrary: fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, -0, 0.1) },
);
const telemetry = fc.record({
  bound: fc.uniqueArray(fc.nat({ max: 11 }), { maxLength: 3 }),
  cells: fc.array(cellValue, { minLength: 1, maxLength: 30 }),
});

function evaluated(model: RandomModel, { bound, cells }: { bound: readonly number[]; cells: readonly number[] }) {
  const bindings = [...new Set(bound.map((index) => model.nodeIds[index % model.nodeIds.length]!))];
  const { plan } = compileModel(parseModel(model.text).model!, { bindings });
  const evaluator = new Evaluator(plan!);
  const metrics = new NodeMetrics(plan!);
  const rows: Float64Array[] = [];
  const metricValues: number[][][] = [];
  for (let bin = 0; bin < model.bins; bin++) {
    const inputs = Float64Array.from(plan!.bound, (_, input) => cells[(bin * 7 + input * 3) % cells.length]!);
    rows.push(evaluator.advance(inputs).slice());
    metrics.evaluate(bin, rows[bin]!);
    metricValues.push(metrics.nodes.map(({ metrics: names }, node) => names.map((_, m) => metrics.value(node, m))));
  }
  const values: SeriesValues = { firstBin: 0, bins: rows.length, value: (bin, column) => rows[bin]![column]! };
  return { plan: plan!, rows, values, metricNodes: metrics.nodes, metricValues };
}

/** Names of all series that can be asked for, with their columns. */
function seriesNames(plan: Plan): readonly (readonly [name: string, column: number])[] {
  return [
    ...plan.columnOf,
    ...plan.classSeries.flatMap(({ nodeId, columns }) =>
      columns.map(({ classId, column }) => [`${nodeId}@${classId}`, column] as const),
    ),
    ...plan.edgeSeries.map(
      ({ edgeId, metric, classId, column }) =>
        [`${edgeId}.${metric}${classId === null ? "" : `@${classId}`}`, column] as const,
    ),
  ];
}

function text(value: number): string {
  return Object.is(value, -0) ? "-0" : String(value);
}

/** The formula gives the value, and so does that of everything it reads. */
function check(explanation: Explanation, label: string): void {
  const { series, binIndex, value, numbers, inputs } = explanation;
  const where = `${series} in bin ${binIndex}: ${explanation.formula} = ${numbers}, ${label}`;
  if (value !== null) expect(text(evaluateFormula(numbers)), where).toBe(text(Number(value)));
  for (const input of inputs) {
    if (input.explanation === null) continue;
    expect(input.explanation.value, `${input.name} of ${where}`).toEqual(input.value);
    check(input.explanation, label);
  }
}

test("series of every kind: the formula in numbers gives the value, to the bit", () => {
  fc.assert(
    fc.property(randomModel, telemetry, fc.nat({ max: 1000 }), (model, cells, at) => {
      const { plan, rows, values } = evaluated(model, cells);
      const bin = at % model.bins;
      for (const [name, column] of seriesNames(plan)) {
        const explanation = explainSeries(plan, values, { series: name, bin, depth: 2 });
        expect(text(Number(explanation.value)), `${name} of\n${model.text}`).toBe(text(rows[bin]![column]!));
        check(explanation, model.text);
      }
    }),
    runs(150),
  );
});

test("metrics of every node: the formula gives what the stream has; no value is explained", () => {
  fc.assert(
    fc.property(randomModel, telemetry, fc.nat({ max: 1000 }), (model, cells, at) => {
      const { plan, values, metricNodes, metricValues } = evaluated(model, cells);
      if ((plan.model.topology?.nodes.length ?? 0) === 0) return;
      const bin = at % model.bins;
      metricNodes.forEach(({ id, metrics }, node) => {
        metrics.forEach((metric, index) => {
          const explanation = explainSeries(plan, values, { series: `${id}.${metric}`, bin, depth: 3 });
          const wanted = metricValues[bin]![node]![index]!;
          const label = `${id}.${metric} in bin ${bin} of\n${model.text}`;
          expect(explanation.kind, label).toBe("metric");
          expect(explanation.value, label).toBe(Number.isFinite(wanted) ? wanted : null);
          expect(
            explanation.notes.some((note) => note.startsWith("no value: ")),
            label,
          ).toBe(Number.isNaN(wanted));
          check(explanation, label);
        });
      });
    }),
    runs(100),
  );
});
