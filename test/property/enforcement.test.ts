import fc from "fast-check";
import { expect, test } from "vitest";
import { evaluateEnforced } from "../../src/engine/batch-enforcement.ts";
import { batchOfPlan } from "../../src/engine/batch-model.ts";
import { Evaluator } from "../../src/engine/evaluator.ts";
import { type Compiled, compileModel } from "../../src/model/compile.ts";
import { parseModel } from "../../src/model/parse.ts";
import type { EnforcementModes, Plan } from "../../src/model/plan.ts";
import { type RandomModel, randomModel } from "../support/random-model.ts";
import { runs } from "../support/seed.ts";

/** Overflow that is fed back over bins may take a round for each of them; the few that take longer are left out. */
const MAX_ROUNDS = 30;

function compiled(model: RandomModel, modes: EnforcementModes, bindings: readonly string[] = []): Compiled {
  const parsed = parseModel(model.text);
  if (parsed.model === null) throw new Error(`${parsed.diagnostics.map((d) => d.message).join("; ")}\n${model.text}`);
  return compileModel(parsed.model, { modes, bindings });
}

function bits(value: number | undefined): string {
  return Object.is(value, -0) ? "-0" : String(value);
}

const modes = fc.record({ wip: fc.constantFrom(true, true, false), constraints: fc.boolean() });
/** What overflow that comes back within a bin has no plan for. */
const REFUSED = new Set(["overflow_cycle"]);

test.each(["compiled", "interpreted"] as const)(
  "%s: enforced limits give the whole window's series, bit for bit, and a state saved at any bin goes on the same",
  (execution) => {
    const seen = { plans: 0, settled: 0, overflowing: 0, limited: 0 };
    fc.assert(
      fc.property(randomModel, modes, fc.nat({ max: 1000 }), fc.nat({ max: 11 }), (model, enforced, cut, fed) => {
        const bindings = fed < 4 ? [model.nodeIds[fed % model.nodeIds.length]!] : [];
        const { plan, diagnostics } = compiled(model, enforced, bindings);
        if (plan === null) {
          const codes = diagnostics.filter(({ severity }) => severity === "error").map(({ code }) => code);
          expect(REFUSED, model.text).toContain(codes[0]);
          return;
        }
        const cell = (bin: number): number => (bin * 7) % 31;
        const oracle = evaluateEnforced(
          batchOfPlan(plan),
          model.bins,
          (_seriesId, bin) => cell(bin),
          undefined,
          MAX_ROUNDS,
        );
        seen.plans++;
        if (!oracle.isSettled) return;
        seen.settled++;
        if (plan.divergences.some(({ id }) => id === "D11")) countEffects(plan, oracle.totals, seen);
        let evaluator = new Evaluator(plan, { horizonBins: model.bins, execution });
        for (let bin = 0; bin < model.bins; bin++) {
          if (bin === cut % model.bins) {
            const restored = new Evaluator(plan, { horizonBins: model.bins, execution });
            restored.restoreState(structuredClone(evaluator.saveState()));
            evaluator = restored;
          }
          const row = evaluator.advance(Float64Array.from(plan.bound, () => cell(bin)));
          for (const id of plan.order) {
            const ours = row[plan.columnOf.get(id)!]!;
            expect(bits(ours), `${id} in bin ${bin} of\n${model.text}`).toBe(bits(oracle.totals.get(id)![bin]));
          }
        }
      }),
      runs(400),
    );
    expect(seen.settled).toBeGreaterThan(0.9 * seen.plans);
    expect(seen.overflowing).toBeGreaterThan(5);
    expect(seen.limited).toBeGreaterThan(5);
  },
);

function countEffects(
  plan: Plan,
  totals: ReadonlyMap<string, Float64Array>,
  seen: { overflowing: number; limited: number },
): void {
  const overflows = plan.model.nodes.filter(({ kind }) => kind === "overflow");
  if (overflows.some(({ id }) => totals.get(id)!.some((value) => value > 0))) seen.overflowing++;
  if (plan.operators.some(({ op }) => op === "limit")) seen.limited++;
}
