import { bufferLookup, describeNode, isFileReference, type NodeDescriptor, seriesNodeId } from "../model/descriptor.ts";
import { type DispatchSchedule, type Edge, SERIES_ROLES, type SeriesRole, type TopologyNode } from "../model/model.ts";
import type { Plan } from "../model/plan.ts";

/** Marks a role without a series. */
export const ABSENT = -1;

export type RoleColumns = Readonly<Record<SeriesRole, number>>;

/** Servers of a node: a number, or the column of a series. Null when the node has none. */
export type Parallelism = { readonly constant: number } | { readonly column: number } | null;

/** A topology node with everything looked up that warnings ask about. */
export interface NodeView {
  readonly node: TopologyNode;
  readonly id: string;
  readonly descriptor: NodeDescriptor;
  /** Columns by role as the run analysis sees them: raw text is a series id, `file:` counts as absent. */
  readonly columns: RoleColumns;
  readonly parallelism: Parallelism;
  /** Of the computation node named like this one, else of the node its `queueDepth` names. */
  readonly schedule: DispatchSchedule | null;
  /** Queue depth before bin 0. */
  readonly initialQueueDepth: number;
  readonly incoming: readonly Edge[];
  readonly outgoing: readonly Edge[];
}

/** What the run analysis needs of a plan. */
export type AnalysedModel = Pick<Plan, "model" | "columns" | "columnOf" | "generated">;

/** Nodes of the topology in declaration order; empty when the model has none. */
export function viewTopology(plan: AnalysedModel): readonly NodeView[] {
  const { model } = plan;
  const topology = model.topology;
  if (topology === null) return [];
  const isBuffer = bufferLookup(model);
  const computed = new Map(model.nodes.map((node) => [node.id.toLowerCase(), node]));
  const initialDepths = new Map<string, number>();
  for (const node of topology.nodes) {
    const depth = node.semantics.series.queueDepth;
    // The last node that names a depth decides, also by saying nothing.
    if (depth !== undefined) initialDepths.set(depth.toLowerCase(), node.initialQueueDepth ?? 0);
  }
  const scheduleOf = (id: string): DispatchSchedule | null => {
    const node = computed.get(id.toLowerCase());
    return node?.kind === "serviceWithBuffer" ? node.dispatchSchedule : null;
  };
  return topology.nodes.map((node) => {
    const depth = node.semantics.series.queueDepth;
    return {
      node,
      id: node.id,
      descriptor: describeNode(node, isBuffer),
      columns: columnsByRole((role) => exactColumn(plan, node.semantics.series[role])),
      parallelism: parallelismOf(node, (reference) => exactColumn(plan, reference)),
      schedule: scheduleOf(node.id) ?? (depth === undefined ? null : scheduleOf(seriesNodeId(depth))),
      initialQueueDepth: depth === undefined ? 0 : (initialDepths.get(depth.toLowerCase()) ?? 0),
      incoming: topology.edges.filter((edge) => isEndpoint(edge.to, node.id)),
      outgoing: topology.edges.filter((edge) => isEndpoint(edge.from, node.id)),
    };
  });
}

/** Column of the series whose id is the reference's raw text; `ABSENT` for `file:` and for whatever nothing evaluates. */
export function exactColumn(plan: AnalysedModel, reference: string | null | undefined): number {
  const text = reference?.trim() ?? "";
  if (text === "" || isFileReference(text)) return ABSENT;
  const column = plan.columnOf.get(text);
  return column === undefined || plan.columns[column]!.origin === "telemetry" ? ABSENT : column;
}

/**
 * Columns by role as queries see them: `series:` is understood and a `file:` reference is the telemetry column bound to
 * it. A class (`x@C`) has no column yet.
 */
export function resolvedColumns(plan: Plan, node: TopologyNode): RoleColumns {
  return columnsByRole((role) => {
    const reference = node.semantics.series[role];
    if (reference === undefined) return ABSENT;
    if (!isFileReference(reference)) return resolvedColumn(plan, reference);
    const bound = plan.bound.find(
      ({ classId, feeds }) => classId === null && feeds.some((feed) => feed.nodeId === node.id && feed.role === role),
    );
    return bound?.column ?? ABSENT;
  });
}

/** `parallelism` as queries see it. */
export function resolvedParallelism(plan: Plan, node: TopologyNode): Parallelism {
  return parallelismOf(node, (reference) => resolvedColumn(plan, reference));
}

function resolvedColumn(plan: Plan, reference: string): number {
  if (reference.includes("@")) return ABSENT;
  return plan.columnOf.get(seriesNodeId(reference)) ?? ABSENT;
}

function parallelismOf(node: TopologyNode, columnOf: (reference: string) => number): Parallelism {
  const { parallelism } = node.semantics;
  if (parallelism === null) return null;
  if (typeof parallelism === "number") return { constant: parallelism };
  const column = columnOf(parallelism);
  return column === ABSENT ? null : { column };
}

function columnsByRole(column: (role: SeriesRole) => number): RoleColumns {
  return Object.fromEntries(SERIES_ROLES.map((role) => [role, column(role)])) as Record<SeriesRole, number>;
}

/** Node id of an edge endpoint `node[:port]`. */
export function endpointNode(endpoint: string): string {
  const colon = endpoint.indexOf(":");
  return (colon < 0 ? endpoint : endpoint.slice(0, colon)).trim();
}

function isEndpoint(endpoint: string, nodeId: string): boolean {
  return endpointNode(endpoint).toLowerCase() === nodeId.toLowerCase();
}

/** Lower-cased type; `throughput` when absent. */
export function edgeType(edge: Edge): string {
  const type = edge.type?.trim().toLowerCase() ?? "";
  return type === "" ? "throughput" : type;
}

export function isEffortEdge(edge: Edge): boolean {
  const type = edgeType(edge);
  return type === "effort" || type === "dependency";
}

/** The edge's id, else `FROM->TO` with the endpoints as written. */
export function edgeLabel(edge: Edge): string {
  return edge.id ?? `${edge.from}->${edge.to}`;
}

/** Id that a role names, by its raw text; null when it names none or a file. */
export function roleId(view: NodeView, role: SeriesRole): string | null {
  const text = view.node.semantics.series[role]?.trim() ?? "";
  return text === "" || isFileReference(text) ? null : text;
}

/** Edges that are to account for what a node serves or receives; their type does not matter. */
export function isFlowEdge(edge: Edge): boolean {
  const measure = edge.measure?.trim().toLowerCase() ?? "";
  const [, port = ""] = edge.from
    .toLowerCase()
    .split(/:(.*)/s, 2)
    .map((part) => part.trim());
  return (measure === "" || measure === "served") && (port === "" || port === "out");
}

/** Whether the schedule lets the outflow pass in this bin (engine.md §6.4.2). */
export function isDispatchBin(schedule: DispatchSchedule, bin: number): boolean {
  const phase = dispatchPhase(schedule);
  return bin >= phase && (bin - phase) % schedule.periodBins === 0;
}

/** Bin of the first dispatch: the offset within the period. */
export function dispatchPhase({ periodBins, phaseOffset }: DispatchSchedule): number {
  return ((phaseOffset % periodBins) + periodBins) % periodBins;
}

/** Kinds that the analysis expects service figures of. */
export function expectsService(view: NodeView): boolean {
  return view.descriptor.category === "service" || view.descriptor.category === "router";
}

/** A queue that only collects: fed by terminal edges alone and feeding nothing. */
export function isTerminalQueue(view: NodeView): boolean {
  return (
    view.descriptor.category === "queue" &&
    view.incoming.length > 0 &&
    view.incoming.every((edge) => edgeType(edge) === "terminal") &&
    view.outgoing.length === 0
  );
}

/** Reads one number out of a row. */
export type RowReader = (row: Float64Array) => number;

export function columnReader(column: number): RowReader {
  return (row) => row[column]!;
}

/** Capacity times servers, as the run analysis multiplies: a series' non-finite value counts as one server. */
export function analysedCapacity(capacity: number, parallelism: number | null, isSeries: boolean): number {
  if (parallelism === null || (isSeries && !Number.isFinite(parallelism))) return capacity;
  return capacity * parallelism;
}
