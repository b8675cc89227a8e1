import { isFileReference, normalisedKind } from "../../model/descriptor.ts";
import { SERIES_ROLES } from "../../model/model.ts";
import type { ClassTruth, NodeHead, NodeWarning, Semantics, Telemetry } from "./answers.ts";
import type { NodeData } from "./node-data.ts";

export function headOf({ id, node, descriptor }: NodeData, classTruth: ClassTruth): NodeHead {
  const { category, identity, hasQueueSemantics, hasServiceSemantics } = descriptor;
  return {
    id,
    kind: normalisedKind(node),
    category,
    analytical: {
      identity,
      hasQueueSemantics,
      hasServiceSemantics,
      hasCycleTimeDecomposition: hasQueueSemantics && hasServiceSemantics,
      stationarityWarningApplicable: hasQueueSemantics,
    },
    classTruth,
  };
}

/** Files that a node's values come from. FlowTime names no source of a node that it warns about. */
export function telemetryOf({ node }: NodeData, warnings: readonly NodeWarning[]): Telemetry {
  const { series, parallelism } = node.semantics;
  const references = [...SERIES_ROLES.map((role) => series[role]), parallelism];
  const files = references.filter((reference) => typeof reference === "string").filter(isFileReference);
  return { sources: warnings.length > 0 ? [] : [...new Set(files)], warnings };
}

export function aliasesOf({ node }: NodeData): ReadonlyMap<string, string> | null {
  const aliases = Object.entries(node.semantics.aliases);
  return aliases.length === 0 ? null : new Map(aliases);
}

/** How derived figures of nodes are summed up over bins. */
export function derivedSemantics(aggregation: "avg" | "unknown" | "sum"): Semantics {
  return { aggregation, origin: "derived" };
}

/** Figures with a semantics, in the order in which answers list them. */
export const DERIVED_SEMANTICS: readonly (readonly [string, Semantics])[] = [
  ["latencyMinutes", derivedSemantics("avg")],
  ["serviceTimeMs", derivedSemantics("avg")],
  ["flowLatencyMs", derivedSemantics("avg")],
  ["queueTimeMs", derivedSemantics("avg")],
  ["cycleTimeMs", derivedSemantics("avg")],
  ["flowEfficiency", derivedSemantics("avg")],
  ["utilization", derivedSemantics("unknown")],
  ["throughputRatio", derivedSemantics("unknown")],
];

/** A queue that is the node's own rather than a series of its own. */
export function queueSemantics({ node }: NodeData): Semantics {
  const isOwn = node.semantics.series.queueDepth?.toLowerCase() === "self";
  return { aggregation: null, origin: isOwn ? "derived" : "explicit" };
}

export function constraintSemantics(name: string): Semantics {
  return { aggregation: "sum", origin: name === "shortfall" ? "derived" : "explicit" };
}
