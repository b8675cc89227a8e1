import * as formulas from "../formulas.ts";
import { latencyColour, type NodeColour, utilisationColour } from "../node-status.ts";
import { cell, type NodeSnapshot, type NodeSnapshotDerived, type NodeWarning, type Semantics } from "./answers.ts";
import { classesOfBin, classTotalWarnings, classTruth } from "./class-blocks.ts";
import { type ConstraintLayer, constraintFigures } from "./constraints.ts";
import { shownLatency } from "./flow-latency.ts";
import { capacityAt, echoOf, failuresOf, type NodeData, serversAt, timesOf } from "./node-data.ts";
import { aliasesOf, constraintSemantics, DERIVED_SEMANTICS, headOf, queueSemantics, telemetryOf } from "./node-head.ts";
import { latencyStatus, shownSchedule, slaOfBin } from "./sla.ts";

/**
 * A node in one bin. What a constraint leaves of served counts for everything that is computed from it.
 *
 * @param warnings about the node that do not depend on the bin
 * @param flowLatencyMs NaN for null
 */
export function nodeSnapshot(
  data: NodeData,
  bin: number,
  constraints: ConstraintLayer,
  warnings: readonly NodeWarning[],
  flowLatencyMs: number,
): NodeSnapshot {
  const { roles, node, descriptor } = data;
  const served = constraints.shownServed(data, bin);
  const mismatches = classTotalWarnings(data, bin);
  const role = (values: Float64Array | undefined): number => formulas.normalise(values?.[bin] ?? Number.NaN);
  const ofService = (value: number): number => (descriptor.hasServiceSemantics ? value : Number.NaN);
  const attempts = shownAttempts(data, bin);
  const derived = derivedFigures(data, bin, served, attempts, flowLatencyMs);
  const byClass = classesOfBin(data, bin);
  return {
    ...headOf(data, classTruth(data, mismatches)),
    metrics: {
      arrivals: cell(role(roles.arrivals)),
      served: cell(served),
      errors: cell(role(roles.errors)),
      attempts: cell(ofService(attempts)),
      failures: cell(ofService(formulas.normalise(failuresOf(roles)?.[bin] ?? Number.NaN))),
      exhaustedFailures: cell(ofService(role(roles.exhaustedFailures))),
      retryEcho: cell(ofService(formulas.normalise(echoOf(data, bin, 1)?.[0] ?? Number.NaN))),
      retryBudgetRemaining: cell(ofService(role(roles.retryBudgetRemaining))),
      queue: cell(role(roles.queueDepth)),
      capacity: cell(roles.capacity?.[bin] ?? Number.NaN),
      parallelism: cell(serversAt(data, bin)),
      externalDemand: cell(role(roles.externalDemand)),
      maxAttempts: node.semantics.maxAttempts,
      queueLatencyStatus: latencyStatus(data, bin) ?? undefined,
    },
    seriesMetadata: snapshotSemantics(data, derived),
    byClass: byClass.size === 0 ? undefined : byClass,
    ...constraintBlocks(data, bin, constraints),
    derived,
    telemetry: telemetryOf(data, [...warnings, ...mismatches]),
    aliases: aliasesOf(data),
    dispatchSchedule: shownSchedule(data.schedule),
    sla: slaOfBin(data, bin),
  };
}

/** Attempts of a bin; derived ones add up rounded figures, whatever constraints leave of them. */
function shownAttempts({ roles }: NodeData, bin: number): number {
  const rounded = (values: Float64Array | null | undefined): number => formulas.normalise(values?.[bin] ?? Number.NaN);
  if (roles.attempts !== undefined) return rounded(roles.attempts);
  return formulas.normalise(rounded(roles.served) + rounded(failuresOf(roles)));
}

/** @param served as the snapshot shows it, rounded or limited */
function derivedFigures(
  data: NodeData,
  bin: number,
  served: number,
  attempts: number,
  flowLatencyMs: number,
): NodeSnapshotDerived {
  const { roles, descriptor } = data;
  const of = (values: Float64Array | undefined): number => values?.[bin] ?? Number.NaN;
  const times = timesOf(data, {
    queueDepth: of(roles.queueDepth),
    served,
    processingTimeMsSum: of(roles.processingTimeMsSum),
    servedCount: of(roles.servedCount),
  });
  const utilization = formulas.utilization(served, capacityAt(data, bin));
  const throughput = formulas.throughputRatio(served, formulas.normalise(of(roles.arrivals)));
  const tax = descriptor.hasServiceSemantics ? formulas.retryTax(attempts, served) : Number.NaN;
  const latency = times.queueTimeMs / 60_000;
  return {
    utilization: cell(formulas.normalise(utilization)),
    latencyMinutes: cell(formulas.normalise(latency)),
    serviceTimeMs: cell(times.serviceTimeMs),
    queueTimeMs: cell(times.queueTimeMs),
    cycleTimeMs: cell(times.cycleTimeMs),
    flowLatencyMs: cell(shownLatency(flowLatencyMs)),
    flowEfficiency: cell(times.flowEfficiency),
    throughputRatio: cell(formulas.normalise(throughput)),
    retryTax: cell(formulas.normalise(tax)),
    color: colourOf(data, utilization, latency),
  };
}

function colourOf({ descriptor, node }: NodeData, utilization: number, latency: number): NodeColour {
  if (descriptor.category === "dlq") return "dlq";
  const isQueue = descriptor.hasQueueSemantics && descriptor.identity !== "serviceWithBuffer";
  return isQueue ? latencyColour(latency, node.semantics.slaMin) : utilisationColour(utilization);
}

/** Only of figures that have a value, but for those that a node has by what it is. */
function snapshotSemantics(data: NodeData, derived: NodeSnapshotDerived): ReadonlyMap<string, Semantics> {
  const { queueDepth, served, processingTimeMsSum, servedCount } = data.roles;
  const isKnown: Readonly<Record<string, boolean>> = {
    latencyMinutes: data.descriptor.hasQueueSemantics && queueDepth !== undefined && served !== undefined,
    serviceTimeMs:
      data.descriptor.hasServiceSemantics && processingTimeMsSum !== undefined && servedCount !== undefined,
    flowLatencyMs: true,
  };
  const figures = new Map<string, unknown>(Object.entries(derived));
  const shown = DERIVED_SEMANTICS.filter(([name]) => isKnown[name] ?? figures.get(name) !== null);
  const semantics = new Map<string, Semantics>(shown);
  if (queueDepth !== undefined) semantics.set("queue", queueSemantics(data));
  return semantics;
}

function constraintBlocks(
  data: NodeData,
  bin: number,
  constraints: ConstraintLayer,
): Pick<NodeSnapshot, "constraints" | "constraintStatus"> {
  const shared = constraints.of(data.id);
  if (shared.length === 0) return { constraints: undefined, constraintStatus: undefined };
  const status = shared.flatMap((constraint) => {
    const isLimiting = constraints.isLimiting(constraint, data, bin);
    return isLimiting === null ? [] : [[constraint.id, isLimiting] as const];
  });
  const blocks = shared.map((constraint) => {
    const figures = [...constraintFigures(constraint)];
    const metrics = new Map(figures.map(([name, value]) => [name, cell(value(bin))]));
    const seriesMetadata = new Map(figures.map(([name]) => [name, constraintSemantics(name)]));
    return [constraint.id, { metrics, seriesMetadata }] as const;
  });
  return { constraints: new Map(blocks), constraintStatus: status.length === 0 ? undefined : new Map(status) };
}
