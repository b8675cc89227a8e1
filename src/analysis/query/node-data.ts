import { binMilliseconds } from "../../lib/bin-length.ts";
import { fold } from "../../lib/fold.ts";
import { describeNode, type NodeDescriptor } from "../../model/descriptor.ts";
import { type DispatchSchedule, SERIES_ROLES, type SeriesRole, type TopologyNode } from "../../model/model.ts";
import { applyRetryKernelPolicy, type RetryKernelPolicy } from "../../model/retry-kernel.ts";
import { CLASS_ROLES, type ClassRole } from "../class-roles.ts";
import * as formulas from "../formulas.ts";
import { DerivedEcho } from "../retry-echo.ts";
import { type QueryRun, seriesKey } from "./query-run.ts";

export type RoleValues<Role extends SeriesRole = SeriesRole> = Readonly<Partial<Record<Role, Float64Array>>>;

/** Values of a topology node, looked up once for all that a query computes of it. */
export interface NodeData {
  readonly id: string;
  readonly node: TopologyNode;
  readonly descriptor: NodeDescriptor;
  readonly roles: RoleValues;
  /** Servers: a number, one value a bin, or null when the node has none. */
  readonly parallelism: number | Float64Array | null;
  readonly kernel: RetryKernelPolicy;
  readonly schedule: DispatchSchedule | null;
  /** By class id, ids ascending without regard to case. */
  readonly classes: ReadonlyMap<string, RoleValues<ClassRole>>;
  readonly binMs: number;
}

export function loadNodes(run: QueryRun): readonly NodeData[] {
  const computed = new Map(run.model.nodes.map((node) => [fold(node.id), node]));
  return (run.model.topology?.nodes ?? []).map((node) => {
    const twin = computed.get(fold(node.id));
    const ownSchedule = twin?.kind === "serviceWithBuffer" ? twin.dispatchSchedule : null;
    return nodeData(node, {
      values: (role) => {
        const reference = node.semantics.series[role];
        return reference === undefined ? null : run.series(seriesKey(reference));
      },
      parallelism: parallelismOf(node, run),
      schedule: ownSchedule ?? node.dispatchSchedule,
      classes: classesOf(node, run),
      binMs: binMilliseconds(run.model.grid),
    });
  });
}

/** Node data from any source of values. */
export function nodeData(
  node: TopologyNode,
  from: Pick<NodeData, "parallelism" | "schedule" | "classes" | "binMs"> & {
    values(role: SeriesRole): Float64Array | null;
  },
): NodeData {
  const roles: Partial<Record<SeriesRole, Float64Array>> = {};
  for (const role of SERIES_ROLES) {
    const values = from.values(role);
    if (values !== null) roles[role] = values;
  }
  return {
    id: node.id,
    node,
    descriptor: describeNode(node, () => false),
    roles,
    parallelism: from.parallelism,
    kernel: applyRetryKernelPolicy(node.semantics.retryKernel),
    schedule: from.schedule,
    classes: from.classes,
    binMs: from.binMs,
  };
}

function parallelismOf({ semantics: { parallelism } }: TopologyNode, run: QueryRun): NodeData["parallelism"] {
  return typeof parallelism === "string" ? run.series(seriesKey(parallelism)) : parallelism;
}

function classesOf(node: TopologyNode, run: QueryRun): NodeData["classes"] {
  const found = new Map<string, { classId: string; roles: Partial<Record<ClassRole, Float64Array>> }>();
  for (const role of CLASS_ROLES) {
    const reference = node.semantics.series[role];
    if (reference === undefined) continue;
    for (const { classId, values } of run.classSeries(seriesKey(reference))) {
      const entry = found.get(fold(classId)) ?? { classId, roles: {} };
      entry.roles[role] = values;
      found.set(fold(classId), entry);
    }
  }
  const ascending = [...found].sort(([a], [b]) => (a < b ? -1 : 1));
  return new Map(ascending.map(([, { classId, roles }]) => [classId, roles]));
}

/** Failures of a node, its errors when it has none of its own. */
export function failuresOf({ failures, errors }: RoleValues): Float64Array | null {
  return failures ?? errors ?? null;
}

/** A value that a query computes of bin t; NaN for null. Null when the node has no such series at all. */
export type BinValue = ((bin: number) => number) | null;

/** Attempts of a node: its series, else what it served and what failed (engine.md §8.2). */
export function attemptsOf({ roles }: NodeData): BinValue {
  const { attempts, served } = roles;
  const failures = failuresOf(roles);
  if (attempts !== undefined) return (bin) => attempts[bin]!;
  if (served === undefined || failures === null) return null;
  return (bin) => served[bin]! + failures[bin]!;
}

/**
 * Retry echo of a node in bins `start` to `start + count - 1`: its series, else what its failures cause (engine.md §8.2).
 * Null when it has neither.
 */
export function echoOf({ roles, kernel }: NodeData, start: number, count: number): Float64Array | null {
  const { retryEcho } = roles;
  if (retryEcho !== undefined) return retryEcho.slice(start, start + count);
  const failures = failuresOf(roles);
  if (failures === null) return null;
  const echo = new DerivedEcho(kernel.kernel);
  const values = new Float64Array(count);
  for (let bin = Math.max(0, start - kernel.kernel.length + 1); bin < start + count; bin++) {
    const value = echo.next(failures[bin]!);
    if (bin >= start) values[bin - start] = value;
  }
  return values;
}

export function serversAt({ parallelism }: NodeData, bin: number): number {
  if (parallelism === null) return Number.NaN;
  return typeof parallelism === "number" ? parallelism : parallelism[bin]!;
}

/** Capacity of all servers of a node; NaN when it has none. */
export function capacityAt(data: NodeData, bin: number): number {
  const { capacity } = data.roles;
  return capacity === undefined ? Number.NaN : formulas.effectiveCapacity(capacity[bin]!, serversAt(data, bin));
}

/** Times of one bin, milliseconds (engine.md §8.1). */
export interface Times {
  readonly queueTimeMs: number;
  readonly serviceTimeMs: number;
  readonly cycleTimeMs: number;
  readonly flowEfficiency: number;
}

/** What times are computed from; NaN for null. */
export interface TimeInputs {
  readonly queueDepth: number;
  readonly served: number;
  readonly processingTimeMsSum: number;
  readonly servedCount: number;
}

export function timesOf({ descriptor, binMs }: Pick<NodeData, "descriptor" | "binMs">, inputs: TimeInputs): Times {
  const queueTimeMs = descriptor.hasQueueSemantics
    ? formulas.queueTimeMs(inputs.queueDepth, inputs.served, binMs)
    : Number.NaN;
  const serviceTimeMs = descriptor.hasServiceSemantics
    ? formulas.serviceTimeMs(inputs.processingTimeMsSum, inputs.servedCount)
    : Number.NaN;
  const cycleTimeMs = formulas.cycleTimeMs(queueTimeMs, serviceTimeMs);
  const flowEfficiency = formulas.flowEfficiency(serviceTimeMs, cycleTimeMs);
  return { queueTimeMs, serviceTimeMs, cycleTimeMs, flowEfficiency };
}

/** Times of a bin from a node's series, or from the shares that a class has in them. */
export function timesAt(
  data: Pick<NodeData, "descriptor" | "binMs">,
  { queueDepth, served, processingTimeMsSum, servedCount }: RoleValues<ClassRole>,
  bin: number,
): Times {
  return timesOf(data, {
    queueDepth: queueDepth?.[bin] ?? Number.NaN,
    served: served?.[bin] ?? Number.NaN,
    processingTimeMsSum: processingTimeMsSum?.[bin] ?? Number.NaN,
    servedCount: servedCount?.[bin] ?? Number.NaN,
  });
}
