// After every bin: interpreter and WebAssembly have the same bits in every column, the last `lookback` rows are all the state
// there is, and what was evaluated bin by bin is what the whole-window oracle makes of the bins so far.
import fc from "fast-check";
import { expect, test } from "vitest";
import { decomposeClasses, routerClasses } from "../../src/engine/batch-classes.ts";
import { edgeSeries } from "../../src/engine/batch-edges.ts";
import { batchOfPlan } from "../../src/engine/batch-model.ts";
import { evaluateRouted } from "../../src/engine/batch-router.ts";
import { Evaluator } from "../../src/engine/evaluator.ts";
import { fold } from "../../src/lib/fold.ts";
import { classesInOrder, possibleClasses } from "../../src/model/class-order.ts";
import { compileModel } from "../../src/model/compile.ts";
import { parseModel } from "../../src/model/parse.ts";
import type { Plan } from "../../src/model/plan.ts";
import { type RandomModel, randomModel } from "../support/random-model.ts";
import { runs } from "../support/seed.ts";

const cell = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: -5, max: 90 }) },
  { weight: 1, arbitrary: fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, -0, 0.1, 1e-7) },
);
const telemetry = fc.record({
  bound: fc.uniqueArray(fc.nat({ max: 11 }), { maxLength: 3 }),
  cells: fc.array(cell, { minLength: 1, maxLength: 40 }),
});

function planOf({ text, nodeIds }: RandomModel, bound: readonly number[]): Plan {
  const bindings = [...new Set(bound.map((index) => nodeIds[index % nodeIds.length]!))];
  return compileModel(parseModel(text).model!, { bindings }).plan!;
}

/** The bits of a row, all NaN alike: which NaN it is no language of FlowTime's tells. */
function bits(row: Float64Array): BigUint64Array {
  return new BigUint64Array(row.map((value) => (Number.isNaN(value) ? Number.NaN : value)).buffer);
}

test("interpreter, WebAssembly and an evaluator that is restored at every bin agree in every column", () => {
  fc.assert(
    fc.property(randomModel, telemetry, (model, { bound, cells }) => {
      const plan = planOf(model, bound);
      const compiled = new Evaluator(plan);
      const interpreted = new Evaluator(plan, { execution: "interpreted" });
      const restored = (["compiled", "interpreted"] as const).map((execution) => new Evaluator(plan, { execution }));
      const others = new Float64Array(plan.bound.length).fill(12345);
      for (let bin = 0; bin < model.bins; bin++) {
        const inputs = Float64Array.from(plan.bound, (_, input) => cells[(bin * 7 + input * 3) % cells.length]!);
        const state = structuredClone(compiled.saveState());
        expect(state.rows).toHaveLength(Math.min(bin, plan.lookback) * plan.columns.length);
        for (const evaluator of restored) {
          // Whatever it did before is forgotten.
          evaluator.advance(others);
          evaluator.restoreState(state);
        }
        const row = bits(compiled.advance(inputs));
        for (const other of [interpreted, ...restored]) {
          expect(bits(other.advance(inputs)), `bin ${bin} of\n${model.text}`).toEqual(row);
        }
      }
    }),
    runs(150),
  );
});

test("after every bin the series of nodes, classes and edges are the oracle's for the bins so far", () => {
  fc.assert(
    fc.property(randomModel, telemetry, (model, { bound, cells }) => {
      const plan = planOf(model, bound);
      const evaluator = new Evaluator(plan);
      const batch = batchOfPlan(plan);
      const inputs = new Map(plan.bound.map(({ seriesId }, input) => [seriesId, input]));
      const cellAt = (seriesId: string, bin: number): number =>
        cells[(bin * 7 + (inputs.get(seriesId) ?? 0) * 3) % cells.length]!;
      const rows: Float64Array[] = [];
      for (let bins = 1; bins <= model.bins; bins++) {
        rows.push(
          evaluator.advance(Float64Array.from(plan.bound, ({ seriesId }) => cellAt(seriesId, bins - 1))).slice(),
        );
        const ours = (column: number): string => Array.from(rows, (row) => text(row[column]!)).join(" ");
        const label = `after ${bins} bins of\n${model.text}`;
        const { totals } = evaluateRouted(batch, bins, cellAt);
        for (const [id, column] of plan.columnOf) expect(ours(column), `${id} ${label}`).toBe(line(totals.get(id)!));

        // What FlowTime makes of a class depends on later bins until its side of a MIN or MAX has won once (engine.md §11.3).
        const isDecided = plan.classSeries.every(
          ({ order }) => classesInOrder(order, (c) => rows.at(-1)![c]!).length === possibleClasses(order).length,
        );
        if (!isDecided) continue;
        const classes = decomposeClasses(batch, totals);
        for (const { nodeId, columns } of plan.classSeries) {
          const wanted = new Map([...classes.get(nodeId)!].map(([id, values]) => [fold(id), line(values)]));
          const found = new Map(columns.map(({ classId, column }) => [fold(classId), ours(column)]));
          expect(found, `classes of ${nodeId} ${label}`).toEqual(wanted);
        }
        for (const edge of edgeSeries(batch, totals, classes)) {
          const entry = plan.edgeSeries.find(
            ({ edgeId, metric, classId }) =>
              edgeId === edge.edgeId && metric === edge.metric && fold(classId ?? "") === fold(edge.classId ?? ""),
          );
          expect(ours(entry!.column), `${edge.edgeId} ${edge.metric} ${edge.classId} ${label}`).toBe(line(edge.values));
        }
        expect(routerClasses(batch, totals)).toHaveLength(plan.routers.length);
      }
    }),
    runs(80),
  );
});

function text(value: number): string {
  return Object.is(value, -0) ? "-0" : String(value);
}

function line(values: Iterable<number>): string {
  return Array.from(values, text).join(" ");
}
