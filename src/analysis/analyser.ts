import { invariant } from "../lib/assert.ts";
import type { Plan } from "../model/plan.ts";
import type { RuleState, Slot } from "./rules/rule.ts";
import { runWarningSlots } from "./run-warnings.ts";
import { viewTopology } from "./topology-view.ts";
import { type Warning, WarningHeads, type WarningTransition } from "./warning.ts";
import { windowWarningSlots } from "./window-warnings.ts";

/** What an analyser must remember between bins. Plain JSON; fits only an analyser of the same plan. */
export interface AnalyserState {
  /** Bins fed. */
  readonly bins: number;
  /** State of every rule, in slot order. */
  readonly rules: readonly RuleState[];
}

/**
 * Watches the bins of one run and keeps the warnings that hold so far: at every bin the active set is what
 * `batch-analysis.ts` says of the bins so far. One bin costs O(rules), whatever has gone before; only warnings that
 * changed are built.
 */
export class Analyser {
  private readonly slots: readonly Slot[];
  /** Slots before this one are of the run analysis, from it on of the window. */
  private readonly firstWindowSlot: number;
  private readonly current: (Warning | null)[];
  private bins = 0;

  constructor(plan: Plan) {
    const heads = new WarningHeads();
    const run = runWarningSlots(plan, viewTopology(plan), heads);
    this.slots = [...run, ...windowWarningSlots(plan, heads)];
    this.firstWindowSlot = run.length;
    this.current = this.slots.map((slot) => (slot.kind === "fixed" ? slot.warning : null));
  }

  /**
   * Takes the next bin, 0 first. What the model alone decides is raised with bin 0.
   * @param row one value per plan column; not kept
   * @returns what changed, in order of emission
   */
  feed(bin: number, row: Float64Array): readonly WarningTransition[] {
    invariant(bin === this.bins, `bins are analysed in order: expected ${this.bins}, got ${bin}`);
    this.bins++;
    const transitions: WarningTransition[] = [];
    for (let index = 0; index < this.slots.length; index++) {
      const slot = this.slots[index]!;
      if (slot.kind === "fixed") {
        if (bin === 0) transitions.push({ action: "raised", warning: slot.warning });
        continue;
      }
      if (!slot.rule.feed(bin, row)) continue;
      const before = this.current[index]!;
      const after = slot.rule.active();
      if (before !== null && after !== null && isSame(before, after)) continue;
      this.current[index] = after;
      if (before !== null && after !== null && before.key !== after.key) {
        // The finding goes on under another code.
        transitions.push({ action: "cleared", key: before.key }, { action: "raised", warning: after });
      } else if (after !== null) transitions.push({ action: before === null ? "raised" : "updated", warning: after });
      else if (before !== null) transitions.push({ action: "cleared", key: before.key });
    }
    return transitions;
  }

  /** What FlowTime would write to the run.json of the bins so far, in its order. */
  active(): readonly Warning[] {
    return this.collect(0, this.firstWindowSlot);
  }

  /** `active()` followed by the window warnings: what subscribers see. */
  activeLive(): readonly Warning[] {
    return this.collect(0, this.slots.length);
  }

  private collect(from: number, to: number): readonly Warning[] {
    return this.current.slice(from, to).filter((warning) => warning !== null);
  }

  saveState(): AnalyserState {
    return { bins: this.bins, rules: this.slots.flatMap((slot) => (slot.kind === "rule" ? [slot.rule.save()] : [])) };
  }

  /** @param state of an analyser of the same plan; anything else is a broken promise */
  static restore(plan: Plan, state: AnalyserState): Analyser {
    const analyser = new Analyser(plan);
    const rules = analyser.slots.filter((slot) => slot.kind === "rule").length;
    invariant(rules === state.rules.length, `analyser state has ${state.rules.length} rules, the plan ${rules}`);
    analyser.bins = state.bins;
    let next = 0;
    analyser.slots.forEach((slot, index) => {
      if (slot.kind === "fixed") return;
      slot.rule.restore(state.rules[next++]!);
      analyser.current[index] = slot.rule.active();
    });
    return analyser;
  }
}

/** Whether two states of one finding tell a subscriber the same. */
function isSame(a: Warning, b: Warning): boolean {
  return (
    a.key === b.key &&
    a.message === b.message &&
    a.value === b.value &&
    a.startBin === b.startBin &&
    a.endBin === b.endBin &&
    a.signal === b.signal &&
    a.bins.length === b.bins.length &&
    a.bins.every((bin, index) => bin === b.bins[index])
  );
}
