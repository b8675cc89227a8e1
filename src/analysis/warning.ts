export type Severity = "info" | "warning" | "error";

/** A finding about the bins so far, with FlowTime's code and words (engine.md §9). */
export interface Warning {
  /** Stable identity: `code/node`, plus what tells several of one code and node apart. Unique within a run. */
  readonly key: string;
  readonly code: string;
  readonly nodeId: string | null;
  readonly message: string;
  readonly severity: Severity;
  /** Violating bins, ascending: the first five, or all where the rule says so. */
  readonly bins: readonly number[];
  /** Null where the rule has none, and where it is not finite (it has to travel as JSON). */
  readonly value: number | null;
  readonly edgeIds?: readonly string[];
  /** Window warnings only (engine.md §9.3). */
  readonly startBin?: number;
  readonly endBin?: number;
  readonly signal?: string;
}

/** What a bin did to the active set. Applying them in order to a map by key gives the new active set. */
export type WarningTransition =
  | { readonly action: "raised" | "updated"; readonly warning: Warning }
  | { readonly action: "cleared"; readonly key: string };

/** The part of a warning that is known before any bin: what a rule completes. */
export type WarningHead = Pick<Warning, "key" | "code" | "nodeId" | "message" | "severity">;

/** Differences up to this are noise (FlowTime's tolerance). */
export const TOLERANCE = 1e-6;

/** FlowTime names at most this many violating bins, except where a rule lists all. */
export const MAX_REPORTED_BINS = 5;

/** Hands out the keys of one run's warnings, in a fixed order; a repeated key gets `#2`, `#3`, … */
export class WarningHeads {
  private readonly taken = new Map<string, number>();

  head(
    code: string,
    nodeId: string | null,
    message: string,
    severity: Severity = "warning",
    discriminator?: string,
  ): WarningHead {
    const wanted = [code, nodeId ?? "", ...(discriminator === undefined ? [] : [discriminator])].join("/");
    const uses = (this.taken.get(wanted) ?? 0) + 1;
    this.taken.set(wanted, uses);
    return { key: uses === 1 ? wanted : `${wanted}#${uses}`, code, nodeId, message, severity };
  }
}

/** A warning without bins or value. */
export function bareWarning(head: WarningHead): Warning {
  return { ...head, bins: [], value: null };
}

export function finiteOrNull(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}
