import type { StateCell } from "../state-cell.ts";
import type { Warning } from "../warning.ts";

/**
 * One possible warning as a state machine over bins. What callers and rules owe each other:
 *
 * - The caller feeds every bin once, ascending from 0, with the row of that bin; the rule does not keep the row.
 * - `feed` costs O(1), allocates nothing in the common case, and answers whether `active` may now differ from before.
 *   A rule may say true in vain, never false.
 * - `active` is what a whole-window analysis of the bins so far says: the warning, or null. It is a value: later bins do
 *   not change it.
 * - `restore(save())` on a fresh rule of the same plan gives a rule that cannot be told from the saved one. `save` is
 *   plain JSON.
 */
export interface Rule {
  feed(bin: number, row: Float64Array): boolean;
  active(): Warning | null;
  save(): RuleState;
  restore(state: RuleState): void;
}

export type RuleState = readonly StateCell[];

/** A place in the order of warnings: one that the model alone decides, or a rule. */
export type Slot =
  | { readonly kind: "fixed"; readonly warning: Warning }
  | { readonly kind: "rule"; readonly rule: Rule };

export function fixedSlot(warning: Warning): Slot {
  return { kind: "fixed", warning };
}

export function ruleSlot(rule: Rule): Slot {
  return { kind: "rule", rule };
}
