import fc from "fast-check";
import { expect, test } from "vitest";
import { analyseWindow } from "../../src/analysis/batch-analysis.ts";
import { analyseLiveWindow } from "../../src/analysis/batch-window-warnings.ts";
import { evaluateTotals } from "../../src/engine/batch.ts";
import { decomposeClasses, type NodeClasses, routerClasses } from "../../src/engine/batch-classes.ts";
import { ClassShares, normalise } from "../../src/engine/batch-contribution.ts";
import { edgeSeries } from "../../src/engine/batch-edges.ts";
import { batchOfPlan, type Totals } from "../../src/engine/batch-model.ts";
import { evaluateRouted } from "../../src/engine/batch-router.ts";
import { Evaluator } from "../../src/engine/evaluator.ts";
import { compileModel } from "../../src/model/compile.ts";
import { parseExpression } from "../../src/model/expression.ts";
import { inputsOf } from "../../src/model/order.ts";
import { parseModel } from "../../src/model/parse.ts";
import { inputName, type Plan } from "../../src/model/plan.ts";
import type { AdjustFrame, Frame as AnyFrame } from "../../src/protocol/frame.ts";
import { timestampedRunId } from "../../src/protocol/ids.ts";
import { GAP_POLICIES, type GapPolicy } from "../../src/protocol/run.ts";
import { LiveRun } from "../../src/runtime/live-run.ts";
import { type RandomModel, randomModel } from "../support/random-model.ts";
import { runs } from "../support/seed.ts";

type Frame = Exclude<AnyFrame, AdjustFrame>;

function planOf(model: RandomModel, bindings: readonly string[] = [], gapPolicy: GapPolicy = "nan"): Plan {
  const parsed = parseModel(model.text);
  if (parsed.model === null) throw new Error(`${parsed.diagnostics.map((d) => d.message).join("; ")}\n${model.text}`);
  const { plan, diagnostics } = compileModel(parsed.model, { bindings, gapPolicy });
  if (plan === null) throw new Error(`${diagnostics.map((d) => d.message).join("; ")}\n${model.text}`);
  return plan;
}

function bits(values: Iterable<number>): string[] {
  return Array.from(values, (value) => (Object.is(value, -0) ? "-0" : String(value)));
}

test.each(["compiled", "interpreted"] as const)(
  "%s: the evaluator gives the oracle's series, bit for bit, and a state saved at any bin goes on the same",
  (execution) => {
    fc.assert(
      fc.property(randomModel, fc.nat({ max: 1000 }), (model, cut) => {
        const plan = planOf(model);
        const expected = batchRun(plan, model.bins, () => Number.NaN).totals;
        let evaluator = new Evaluator(plan, { horizonBins: model.bins, execution });
        const noInputs = new Float64Array(0);
        for (let bin = 0; bin < model.bins; bin++) {
          if (bin === cut % model.bins) {
            const restored = new Evaluator(plan, { horizonBins: model.bins, execution });
            restored.restoreState(structuredClone(evaluator.saveState()));
            evaluator = restored;
          }
          const row = evaluator.advance(noInputs);
          for (const id of plan.order) {
            const ours = row[plan.columnOf.get(id)!]!;
            const theirs = expected.get(id)![bin]!;
            if (!Object.is(ours, theirs)) expect.fail(`${id} in bin ${bin}: ${ours}, not ${theirs}, of\n${model.text}`);
          }
        }
      }),
      runs(400),
    );
  },
);

const gapPolicies = fc.constantFrom(...GAP_POLICIES);

/** What stands in for a cell that is missing; undefined: the model's own value. */
function standIn(policy: GapPolicy, before: number | undefined): number | undefined {
  if (policy === "model") return undefined;
  return policy === "zero" ? 0 : policy === "hold" ? (before ?? Number.NaN) : Number.NaN;
}

test.each(["compiled", "interpreted"] as const)(
  "%s: under every gap policy missing cells are what the oracle says, a stated NaN is no missing cell, and a saved state goes on the same",
  (execution) => {
    const cells = fc.array(fc.constantFrom(undefined, undefined, 0, -0, 3, 17.5, 90, Number.NaN), {
      minLength: 8,
      maxLength: 60,
    });
    fc.assert(
      fc.property(
        randomModel,
        gapPolicies,
        fc.uniqueArray(fc.nat({ max: 11 }), { minLength: 1, maxLength: 4 }),
        cells,
        fc.nat({ max: 1000 }),
        (model, gapPolicy, bound, given, cut) => {
          const bindings = [...new Set(bound.map((index) => model.nodeIds[index % model.nodeIds.length]!))];
          const plan = planOf(model, bindings, gapPolicy);
          const input = new Map(plan.bound.map(({ seriesId }, index) => [seriesId, index]));
          const sent = (id: string, bin: number) => given[(bin * plan.bound.length + input.get(id)!) % given.length];
          const cell = (id: string, bin: number): number | undefined => {
            const value = sent(id, bin);
            return value !== undefined || bin < 0
              ? value
              : standIn(gapPolicy, gapPolicy === "hold" && bin > 0 ? cell(id, bin - 1) : undefined);
          };
          const expected = batchRun(plan, model.bins, cell).totals;
          let evaluator = new Evaluator(plan, { horizonBins: model.bins, execution });
          for (let bin = 0; bin < model.bins; bin++) {
            if (bin === cut % model.bins) {
              const restored = new Evaluator(plan, { horizonBins: model.bins, execution });
              restored.restoreState(structuredClone(evaluator.saveState()));
              evaluator = restored;
            }
            const values = plan.bound.map(({ seriesId }) => sent(seriesId, bin));
            const row = evaluator.advance(
              Float64Array.from(values, (value) => value ?? Number.NaN),
              Uint8Array.from(values, (value) => (value === undefined ? 0 : 1)),
            );
            for (const id of plan.order) {
              const ours = row[plan.columnOf.get(id)!]!;
              const what = `${gapPolicy} of ${bindings}: ${id} in bin ${bin} of\n${model.text}`;
              expect(bits([ours]), what).toEqual(bits([expected.get(id)![bin]!]));
            }
          }
        },
      ),
      runs(300),
    );
  },
);

/** What a producer may do: cells in any order, again, with other values, too late, too early, or not at all. */
const telemetry = fc.record({
  bound: fc.uniqueArray(fc.nat({ max: 11 }), { minLength: 1, maxLength: 4 }),
  /** Of each binding: the total, or one class of it where the model assigns none. */
  classes: fc.array(fc.constantFrom("", "", "@Gold", "@Std"), { minLength: 4, maxLength: 4 }),
  steps: fc.array(
    fc.oneof(
      {
        weight: 12,
        arbitrary: fc.record({
          kind: fc.constant("next" as const),
          ahead: fc.nat({ max: 3 }),
          series: fc.nat({ max: 3 }),
          value: fc.integer({ min: -5, max: 90 }),
        }),
      },
      {
        weight: 3,
        arbitrary: fc.record({
          kind: fc.constant("any" as const),
          bin: fc.nat({ max: 30 }),
          series: fc.nat({ max: 3 }),
          value: fc.constantFrom(0, 1, 7.5, null),
        }),
      },
      { weight: 2, arbitrary: fc.constant({ kind: "repeat" as const }) },
      { weight: 2, arbitrary: fc.record({ kind: fc.constant("watermark" as const), ahead: fc.nat({ max: 2 }) }) },
    ),
    { maxLength: 80 },
  ),
});

test("after every frame the live run shows the oracle's columns and warnings for the bins sealed so far", () => {
  fc.assert(
    fc.property(randomModel, telemetry, gapPolicies, (model, { bound, classes, steps }, gapPolicy) => {
      const hasOwnClasses = model.text.includes("\ntraffic:");
      const named = bound.map(
        (index, at) => `${model.nodeIds[index % model.nodeIds.length]!}${hasOwnClasses ? "" : classes[at]!}`,
      );
      // The model's own value is that of a total: a class alone has none.
      const totals = gapPolicy === "model" ? named.map((name) => name.split("@")[0]!) : [];
      const bindings = [...new Set([...totals, ...named])].sort(
        (a, b) => Number(a.includes("@")) - Number(b.includes("@")),
      );
      const plan = planOf(model, bindings, gapPolicy);
      const run = new LiveRun(
        {
          runId: timestampedRunId(0, new Uint8Array(4)),
          epoch: "0",
          mode: "live",
          createdUtc: "",
          modelText: model.text,
          bindings,
          checkpointEvery: null,
          gapPolicy,
        },
        plan,
      );
      const reference = new ReferenceLedger(bindings, model.bins, gapPolicy);
      let last: Frame | null = null;
      const frames = steps.map((step) => (): Frame | null => {
        switch (step.kind) {
          case "next":
            return cell(reference.sealed + step.ahead, step.series, step.value);
          case "any":
            return cell(step.bin, step.series, step.value);
          case "repeat":
            return last;
          case "watermark":
            return { type: "watermark", binIndex: reference.sealed + step.ahead };
        }
      });
      function cell(binIndex: number, series: number, value: number | null): Frame {
        return { type: "telemetry", binIndex, seriesId: bindings[series % bindings.length]!, value };
      }
      for (const next of [...frames, (): Frame => ({ type: "end" })]) {
        const frame = next();
        if (frame === null) continue;
        last = frame;
        run.begin();
        const verdict = run.admit(frame);
        run.commit();
        expect(verdict.kind, `${JSON.stringify(frame)}\n${model.text}`).toBe(reference.take(frame));
        const before = run.evaluatedBin;
        while (run.evaluateNext() !== null) {}
        expect(run.evaluatedBin + 1).toBe(reference.sealed);
        if (run.evaluatedBin === before) continue;
        checkAgainstOracle(run, plan, reference, model);
      }
    }),
    runs(150),
  );
});

function checkAgainstOracle(run: LiveRun, plan: Plan, reference: ReferenceLedger, model: RandomModel): void {
  const bins = reference.sealed;
  const image = run.image();
  // What FlowTime makes of a class depends on later bins until its side of a MIN or MAX has won once (engine.md §11.3).
  const isDecided = plan.classSeries.every(
    ({ nodeId, columns }) => image.classSeries.get(nodeId)!.length === columns.length,
  );
  if (!isDecided) return;
  const expected = batchRun(plan, bins, ...fed(plan, bins, reference));
  for (const id of plan.columnOf.keys()) {
    expect(bits(run.values(id)), `${id} after ${bins} bins of\n${model.text}`).toEqual(bits(expected.totals.get(id)!));
  }
  // Where classes are read ahead, what is read of a MIN or MAX has the classes of both sides from the start (engine.md
  // §11.3): a window knows which side won. No classes are compared there, nor what is made of them.
  if (readsAhead(plan) && plan.operators.some(({ op }) => op === "winningSide")) return;
  const shares = [...image.classSeries].map(([id, classes]) => [id, classes.map((c) => [c.classId, bits(c.values)])]);
  const wanted = [...expected.classes].map(([id, classes]) => [
    id,
    [...classes].map(([c, values]) => [c, bits(values)]),
  ]);
  expect(new Map(shares as []), model.text).toEqual(new Map(wanted as []));
  const edges = (list: typeof image.edgeSeries): unknown[] =>
    list.map((edge) => ({ ...edge, values: bits(edge.values) }));
  expect(edges(image.edgeSeries), model.text).toEqual(edges(expected.flows.edges));
  const columns = (column: number): Float64Array => expected.totals.get(plan.columns[column]!.id)!;
  expect(image.warnings, model.text).toEqual(analyseWindow(plan, columns, bins, expected.flows));
  const ingest = new Set(["data_gap", "late_frame"]);
  const live = run.activeWarnings().filter(({ code }) => !ingest.has(code));
  const wantedLive = [...image.warnings, ...analyseLiveWindow(plan, columns, bins)];
  expect(live, model.text).toEqual(wantedLive);
}

/** Whether some node reads another that comes after it in evaluation order, or itself, through a SHIFT. */
function readsAhead({ model, order }: Plan): boolean {
  const position = new Map(order.map((id, index) => [id, index]));
  return model.nodes.some((node) => {
    const parsed = node.kind === "expr" ? parseExpression(node.expr) : null;
    const tree = node.kind === "expr" ? (node.tree ?? (parsed?.ok ? parsed.tree : null)) : null;
    return inputsOf(node, tree).lagged.some((id) => (position.get(id) ?? -1) >= position.get(node.id)!);
  });
}

/** Everything about the first bins, whole series at a time. */
function batchRun(plan: Plan, bins: number, cell: Cell, given: (totals: Totals) => NodeClasses = () => new Map()) {
  const batch = batchOfPlan(plan);
  const { totals } = evaluateRouted(batch, bins, cell, given(evaluateTotals(batch, bins, { cell })));
  const classes = decomposeClasses(batch, totals, { given: given(totals) });
  return {
    totals,
    classes,
    flows: { classes, edges: edgeSeries(batch, totals, classes), routers: routerClasses(batch, totals) },
  };
}

type Cell = (seriesId: string, bin: number) => number | undefined;

/** Totals as they were fed, or the sum of what was fed of their classes; and those classes, scaled to totals. */
function fed(plan: Plan, bins: number, reference: ReferenceLedger): [Cell, (totals: Totals) => NodeClasses] {
  const isTotal = new Set(plan.bound.flatMap(({ seriesId, classId }) => (classId === null ? [seriesId] : [])));
  const shares = Map.groupBy(
    plan.bound.filter(({ classId }) => classId !== null),
    ({ seriesId }) => seriesId,
  );
  const cell: Cell = (seriesId, bin) =>
    isTotal.has(seriesId)
      ? reference.cell(seriesId, bin)
      : shares
          .get(seriesId)!
          .map((share) => reference.cell(inputName(share), bin) ?? Number.NaN)
          .reduce((a, b) => a + b);
  const given = (totals: Totals) =>
    Array.from(shares, ([seriesId, classes]) => {
      const values = classes.map((share) => {
        const cells = Array.from({ length: bins }, (_, bin) => reference.cell(inputName(share), bin) ?? Number.NaN);
        return [share.classId!, Float64Array.from(cells)] as const;
      });
      const scaled = new ClassShares(values);
      normalise(scaled, totals.get(seriesId)!);
      return [seriesId, scaled] as const;
    });
  return [cell, (totals) => new Map(given(totals))];
}

/** The rules of admission and sealing once more, from the design's sentences: every frame is kept, nothing is incremental. */
class ReferenceLedger {
  sealed = 0;
  private readonly bound: readonly string[];
  private readonly bins: number;
  private readonly gapPolicy: GapPolicy;
  private readonly cells = new Map<string, number>();
  private watermark = -1;
  private newest = -1;
  private ended = false;

  constructor(bound: readonly string[], bins: number, gapPolicy: GapPolicy) {
    this.gapPolicy = gapPolicy;
    this.bound = bound;
    this.bins = bins;
  }

  /** Undefined: the model's own value. */
  cell(seriesId: string, bin: number): number | undefined {
    const given = this.cells.get(`${seriesId}/${bin}`);
    if (given !== undefined) return given;
    return standIn(this.gapPolicy, this.gapPolicy === "hold" && bin > 0 ? this.cell(seriesId, bin - 1) : undefined);
  }

  take(frame: Frame): string {
    if (frame.type === "end") {
      if (this.ended) return "duplicate";
      this.sealed = Math.max(this.sealed, Math.max(this.newest, this.watermark) + 1);
      this.ended = true;
      return "accepted";
    }
    const bin = frame.binIndex!;
    if (frame.type === "watermark") {
      const upTo = Math.min(bin, this.bins - 1);
      if (upTo <= this.watermark || upTo < this.sealed) return "duplicate";
      this.watermark = upTo;
    } else {
      const key = `${frame.seriesId}/${bin}`;
      const value = frame.value === null ? Number.NaN : (frame.value as number);
      const isSame = this.cells.has(key) && Object.is(this.cells.get(key), value);
      if (bin < this.sealed) return isSame ? "duplicate" : "late";
      if (this.ended || bin >= this.bins || bin >= this.sealed + 64) return "rejected";
      if (this.cells.has(key)) return isSame ? "duplicate" : "rejected";
      this.cells.set(key, value);
      this.newest = Math.max(this.newest, bin);
    }
    while (this.sealed < this.bins && (this.sealed <= this.watermark || this.isComplete(this.sealed))) this.sealed++;
    if (this.sealed === this.bins) this.ended = true;
    return "accepted";
  }

  private isComplete(bin: number): boolean {
    return this.bound.every((seriesId) => this.cells.has(`${seriesId}/${bin}`));
  }
}
