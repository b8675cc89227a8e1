import type { NumbersField, TextField } from "./fields.ts";
import type { Placed } from "./findings.ts";
import type {
  Constraint,
  Edge,
  Model,
  ModelClass,
  ModelNode,
  ModelProvenance,
  Output,
  SeriesRole,
  TimeGrid,
  TopologyNode,
  TrafficArrival,
} from "./model.ts";

/**
 * Whose models are taken. `direct` takes what `flowtime run` of FlowTime takes (engine.md §1.1, path P1), nothing more.
 * `live` also takes a telemetry `source` on nodes, and the root blocks `metadata` and `mode`.
 */
export type ModelProfile = "direct" | "live";

/**
 * What the structural checks made of a document: the parts of the model where they are whole, and beside them what the
 * meaning checks need, which goes on where a part is not whole. Nothing else in here is null for a model without errors
 * but what may be absent.
 */
export interface Draft {
  readonly grid: TimeGrid | null;
  /** `grid.bins` where it is a whole number of at least 1, whatever else is wrong with the grid. */
  readonly bins: number | null;
  readonly start: TextField | null;
  readonly generatedAt: TextField | null;
  readonly nodes: readonly DraftNode[];
  readonly topologyNodes: readonly DraftTopologyNode[];
  /** Null when the model has no `topology`. */
  readonly topology: { readonly edges: readonly Edge[]; readonly constraints: readonly Constraint[] } | null;
  /** Ids as the schema check sees them. */
  readonly classIds: ReadonlySet<string>;
  readonly classes: readonly ModelClass[];
  readonly arrivals: readonly DraftArrival[];
  readonly outputs: readonly DraftOutput[];
  readonly provenance: ModelProvenance | null;
}

export interface DraftNode {
  /** Position in the document's list. */
  readonly index: number;
  readonly head: Placed;
  readonly id: string | null;
  readonly kind: ModelNode["kind"] | null;
  /** Has a telemetry source, so that it need not have values. */
  readonly isFed: boolean;
  readonly expr: TextField | null;
  readonly values: NumbersField | null;
  readonly pmfValues: NumbersField | null;
  readonly probabilities: NumbersField | null;
  /** Null when a part that the model needs is missing or wrong. */
  readonly built: ModelNode | null;
}

export interface DraftTopologyNode {
  readonly index: number;
  readonly head: Placed;
  readonly id: string | null;
  readonly series: ReadonlyMap<SeriesRole, TextField>;
  readonly hasInitialCondition: boolean;
  readonly wipOverflow: TextField | null;
  readonly built: TopologyNode | null;
}

export interface DraftArrival {
  readonly index: number;
  readonly head: Placed;
  readonly nodeId: string | null;
  readonly classId: TextField | null;
  readonly built: TrafficArrival | null;
}

export interface DraftOutput {
  readonly index: number;
  readonly series: TextField | null;
  readonly built: Output | null;
}

/** The model of a draft in which nothing was wrong. */
export function buildModel(draft: Draft, text: string): Model | null {
  if (draft.grid === null) return null;
  const { classes, provenance, topology } = draft;
  return {
    text,
    grid: draft.grid,
    nodes: built(draft.nodes),
    topology: topology === null ? null : { nodes: built(draft.topologyNodes), ...topology },
    classes,
    arrivals: built(draft.arrivals),
    outputs: built(draft.outputs),
    provenance,
  };
}

function built<Part>(drafts: readonly { readonly built: Part | null }[]): readonly Part[] {
  return drafts.flatMap((part) => (part.built === null ? [] : [part.built]));
}
