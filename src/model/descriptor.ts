import type { Model, SeriesRole, TopologyNode } from "./model.ts";

export type NodeCategory = "sink" | "queue" | "dlq" | "router" | "dependency" | "constant" | "expression" | "service";

/** What a topology node is, derived from kind, role and queue reference (engine.md §2.4). */
export interface NodeDescriptor {
  readonly category: NodeCategory;
  readonly hasQueueSemantics: boolean;
  readonly hasServiceSemantics: boolean;
  readonly identity: NodeCategory | "serviceWithBuffer" | "pmf";
}

const CATEGORY_BY_KIND: Readonly<Record<string, NodeCategory>> = {
  sink: "sink",
  queue: "queue",
  dlq: "dlq",
  router: "router",
  dependency: "dependency",
  const: "constant",
  constant: "constant",
  pmf: "constant",
  expr: "expression",
  expression: "expression",
};

export function isFileReference(reference: string): boolean {
  return reference.toLowerCase().startsWith("file:");
}

/** Trimmed and lower-cased kind; `service` when absent. */
export function normalisedKind(node: TopologyNode): string {
  const kind = (node.kind ?? "").trim().toLowerCase();
  return kind === "" ? "service" : kind;
}

/**
 * @param isBuffer whether a computation node of that id exists and is a `serviceWithBuffer`. The analyser looks the raw
 * reference up; the query layer, which sees rewritten references, passes a function that always says no.
 */
export function describeNode(node: TopologyNode, isBuffer: (nodeId: string) => boolean): NodeDescriptor {
  const kind = normalisedKind(node);
  const isSink = (node.nodeRole ?? "").trim().toLowerCase() === "sink";
  const category: NodeCategory = isSink ? "sink" : (CATEGORY_BY_KIND[kind] ?? "service");
  const depth = node.semantics.series.queueDepth;
  const boundToBuffer =
    depth !== undefined && !isFileReference(depth) && (depth.toLowerCase() === "self" || isBuffer(seriesNodeId(depth)));
  const hasQueueSemantics = category === "queue" || category === "dlq" || kind === "servicewithbuffer" || boundToBuffer;
  const hasServiceSemantics = category === "service";
  const identity =
    category === "service" && hasQueueSemantics
      ? "serviceWithBuffer"
      : kind === "pmf" && category === "constant"
        ? "pmf"
        : category;
  return { category, hasQueueSemantics, hasServiceSemantics, identity };
}

/** Node id of a `[series:]NODE[@CLASS]` reference. */
export function seriesNodeId(reference: string): string {
  const text = reference.trim();
  const plain = text.toLowerCase().startsWith("series:") ? text.slice("series:".length).trim() : text;
  const at = plain.indexOf("@");
  return at < 0 ? plain : plain.slice(0, at).trim();
}

/** The class of a total. */
export const DEFAULT_CLASS = "DEFAULT";

/** Class of a series id or reference: its last part, as in `arrivals@ARRIVALS@Gold` or `arrivals@Gold`; else the total's. */
export function seriesClassId(reference: string): string {
  return reference.includes("@") ? asClassId(reference.slice(reference.lastIndexOf("@") + 1)) : DEFAULT_CLASS;
}

/** A class id as it is meant: the total's whatever its case, and when there is none. */
export function asClassId(text: string | undefined): string {
  const classId = text?.trim() ?? "";
  return classId === "" || classId.toUpperCase() === DEFAULT_CLASS ? DEFAULT_CLASS : classId;
}

/** Raw reference of a role, null when absent. */
export function roleReference(node: TopologyNode, role: SeriesRole): string | null {
  return node.semantics.series[role] ?? null;
}

/** A lookup for `describeNode` over the computation nodes of a model (as written or compiled). */
export function bufferLookup(model: Pick<Model, "nodes">): (nodeId: string) => boolean {
  const buffers = new Set(model.nodes.filter((node) => node.kind === "serviceWithBuffer").map((node) => node.id));
  return (nodeId) => buffers.has(nodeId);
}
