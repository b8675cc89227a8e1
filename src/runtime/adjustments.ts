import { invariant } from "../lib/assert.ts";
import { adjustModelText } from "../model/adjust.ts";
import type { Plan } from "../model/plan.ts";
import type { AdjustFrame, FrameErrorCode } from "../protocol/frame.ts";
import type { Adjustment } from "../protocol/run.ts";
import type { Verdict } from "./cell-ledger.ts";
import { compileRun, InvalidModel } from "./compile-run.ts";
import { compileOptionsOf, type RunDefinition } from "./run-definition.ts";

interface Taken extends Adjustment {
  /** Newest bin that was sealed when it came: it is published after that one. */
  readonly afterBin: number;
  readonly plan: Plan;
}

/**
 * Changes of a run's model while it lives. Each gives a new text of the model and a plan of the same columns that has
 * the same values in every bin before the change: the newest plan serves all bins. Like the cell ledger a pure fold over
 * frames, undone by `rollback` until `commit`.
 */
export class Adjustments {
  private readonly definition: RunDefinition;
  private readonly initial: Plan;
  private taken: readonly Taken[] = [];
  private staged: readonly Taken[] = [];
  private published = 0;

  constructor(definition: RunDefinition, plan: Plan) {
    this.definition = definition;
    this.initial = plan;
  }

  /** What was taken, in order. */
  get all(): readonly Adjustment[] {
    return this.taken.map(({ fromBin, set }) => ({ fromBin, set }));
  }

  /** The plan in force. */
  get plan(): Plan {
    return this.taken.at(-1)?.plan ?? this.initial;
  }

  /** Names and values that apply from a bin on; undefined when nothing changes there. */
  at(bin: number): Readonly<Record<string, number>> | undefined {
    const sets = this.taken.filter(({ fromBin }) => fromBin === bin).map(({ set }) => set);
    return sets.length === 0 ? undefined : Object.assign({}, ...sets);
  }

  begin(): void {
    this.staged = this.taken;
  }

  commit(): void {
    this.taken = this.staged;
  }

  rollback(): void {
    this.staged = this.taken;
  }

  /** @param sealedBin newest sealed bin; `hasEnded`: no bin will be sealed any more */
  admit(frame: AdjustFrame, sealedBin: number, hasEnded: boolean): Verdict {
    if (hasEnded) return rejected("run_ended", "The run has ended; its model cannot change any more.");
    const fromBin = frame.fromBin ?? sealedBin + 1;
    const plan = this.staged.at(-1)?.plan ?? this.initial;
    const { bins } = plan.source.grid;
    if (fromBin <= sealedBin) {
      return rejected(
        "too_late",
        `Bin ${fromBin} is sealed (newest sealed: ${sealedBin}). The earliest bin a change can begin at is ${sealedBin + 1}.`,
      );
    }
    if (fromBin >= bins) return rejected("beyond_horizon", `Bin ${fromBin} is beyond the grid's ${bins} bins.`);
    const bound = new Set(plan.bound.map(({ seriesId }) => seriesId));
    const limitedQueues = this.definition.modes?.wip === true ? queuesOf(plan) : null;
    const adjusted = adjustModelText(plan.source, bound, fromBin, frame.set, { limitedQueues });
    if (!adjusted.ok) return rejected("bad_adjustment", adjusted.problems.join(" "));
    if (adjusted.text === plan.source.text) return { kind: "duplicate" };
    try {
      const next = compileRun(adjusted.text, this.definition.bindings, compileOptionsOf(this.definition));
      invariant(
        next.columns.length === plan.columns.length && next.operators.length === plan.operators.length,
        "another value changes no column",
      );
      this.staged = [...this.staged, { fromBin, set: frame.set, afterBin: sealedBin, plan: next }];
      return { kind: "accepted" };
    } catch (error) {
      if (!(error instanceof InvalidModel)) throw error;
      return rejected("bad_adjustment", error.message);
    }
  }

  /** Whether one is to be published now that a bin is evaluated. */
  isDue(evaluatedBin: number): boolean {
    const next = this.taken[this.published];
    return next !== undefined && next.afterBin <= evaluatedBin;
  }

  /** The next one to publish; null when none is due. */
  takeDue(evaluatedBin: number): Adjustment | null {
    if (!this.isDue(evaluatedBin)) return null;
    const { fromBin, set } = this.taken[this.published++]!;
    return { fromBin, set };
  }
}

/** Queues by the topology node that names them, generated ones included. */
function queuesOf({ model }: Plan): ReadonlyMap<string, string> {
  return new Map(
    (model.topology?.nodes ?? []).flatMap(({ id, semantics }) => {
      const queue = semantics.series.queueDepth;
      return queue === undefined ? [] : [[id, queue] as const];
    }),
  );
}

function rejected(code: FrameErrorCode, message: string): Verdict {
  return { kind: "rejected", code, message };
}
