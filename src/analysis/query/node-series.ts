import type { SeriesRole } from "../../model/model.ts";
import * as formulas from "../formulas.ts";
import { type Cells, cell, type NodeSeries, type NodeWarning, type Semantics } from "./answers.ts";
import { classesOfWindow, classTotalWarnings, classTruth } from "./class-blocks.ts";
import { type ConstraintLayer, constraintFigures } from "./constraints.ts";
import { shownLatency } from "./flow-latency.ts";
import { attemptsOf, capacityAt, echoOf, failuresOf, type NodeData, serversAt, timesAt } from "./node-data.ts";
import {
  aliasesOf,
  constraintSemantics,
  DERIVED_SEMANTICS,
  derivedSemantics,
  headOf,
  queueSemantics,
  telemetryOf,
} from "./node-head.ts";
import { stationarityFindings } from "./node-warnings.ts";
import type { BinRange } from "./query-run.ts";
import { latencyStatus, shownSchedule, slaOfWindow } from "./sla.ts";

/**
 * A node over a window. What a constraint leaves of served counts for served, utilisation, throughput ratio and retry
 * tax; times stay those of what was served.
 *
 * @param warnings about the node that do not depend on the window
 * @param flowLatencyMs of the window, NaN for null
 */
export function nodeSeries(
  data: NodeData,
  range: BinRange,
  constraints: ConstraintLayer,
  warnings: readonly NodeWarning[],
  flowLatencyMs: Float64Array,
): NodeSeries {
  const mismatches = classTotalWarnings(data, range.start);
  const stationarity = stationarityFindings(data, range).map(({ code, message }) => {
    return { code, message, severity: "warning" };
  });
  const series = windowSeries(data, range, constraints, flowLatencyMs);
  const isLimited = binsOf(range).some((bin) => constraints.limit(data, bin) !== null);
  const status = binsOf(range).map((bin) => latencyStatus(data, bin));
  const byClass = classesOfWindow(data, range);
  return {
    ...headOf(data, classTruth(data, mismatches)),
    series,
    seriesMetadata: windowSemantics(data, series, isLimited),
    byClass: byClass.size === 0 ? undefined : byClass,
    ...constraintBlocks(data, range, constraints),
    telemetry: telemetryOf(data, [...warnings, ...mismatches, ...stationarity]),
    aliases: aliasesOf(data),
    dispatchSchedule: shownSchedule(data.schedule),
    queueLatencyStatus: status.some((entry) => entry !== null) ? status : undefined,
    sla: slaOfWindow(data, range),
  };
}

export function binsOf({ start, count }: BinRange): readonly number[] {
  return Array.from({ length: count }, (_, offset) => start + offset);
}

/** Series by name in the order in which FlowTime writes them (engine.md §10). */
function windowSeries(
  data: NodeData,
  range: BinRange,
  constraints: ConstraintLayer,
  flowLatencyMs: Float64Array,
): ReadonlyMap<string, Cells> {
  const { roles, descriptor } = data;
  const bins = binsOf(range);
  const series = new Map<string, Cells>();
  const add = (name: string, value: (bin: number) => number): void => {
    series.set(
      name,
      bins.map((bin) => cell(value(bin))),
    );
  };
  const addRole = (name: string, role: SeriesRole): void => {
    const values = roles[role];
    if (values !== undefined) add(name, (bin) => formulas.normalise(values[bin]!));
  };
  const served = (bin: number): number => constraints.limit(data, bin) ?? roles.served?.[bin] ?? Number.NaN;
  const shownServed = (bin: number): number => constraints.shownServed(data, bin);

  addRole("arrivals", "arrivals");
  if (roles.served !== undefined) add("served", shownServed);
  addRole("errors", "errors");
  if (descriptor.hasServiceSemantics) {
    const attempts = attemptsOf(data);
    const failures = failuresOf(roles);
    const echo = echoOf(data, range.start, range.count);
    if (attempts !== null) add("attempts", (bin) => formulas.normalise(attempts(bin)));
    if (failures !== null) add("failures", (bin) => formulas.normalise(failures[bin]!));
    addRole("exhaustedFailures", "exhaustedFailures");
    addRole("retryBudgetRemaining", "retryBudgetRemaining");
    if (echo !== null) add("retryEcho", (bin) => formulas.normalise(echo[bin - range.start]!));
    if (attempts !== null) {
      add("retryTax", (bin) => {
        return formulas.normalise(formulas.retryTax(formulas.normalise(attempts(bin)), shownServed(bin)));
      });
    }
  }
  addRole("externalDemand", "externalDemand");
  addRole("queue", "queueDepth");
  addRole("processingTimeMsSum", "processingTimeMsSum");
  addRole("servedCount", "servedCount");
  addRole("capacity", "capacity");
  if (roles.capacity !== undefined) {
    add("utilization", (bin) => formulas.normalise(formulas.utilization(served(bin), capacityAt(data, bin))));
  }
  if (data.parallelism !== null) add("parallelism", (bin) => formulas.normalise(serversAt(data, bin)));
  const { arrivals } = roles;
  if (arrivals !== undefined) {
    add("throughputRatio", (bin) => formulas.normalise(formulas.throughputRatio(served(bin), arrivals[bin]!)));
  }
  addTimes(data, range, series);
  series.set(
    "flowLatencyMs",
    Array.from(flowLatencyMs, (value) => cell(shownLatency(value))),
  );
  return series;
}

function addTimes(data: NodeData, range: BinRange, series: Map<string, Cells>): void {
  const { roles, descriptor } = data;
  const times = binsOf(range).map((bin) => timesAt(data, roles, bin));
  if (descriptor.hasQueueSemantics && roles.queueDepth !== undefined) {
    series.set(
      "latencyMinutes",
      times.map(({ queueTimeMs }) => cell(formulas.normalise(queueTimeMs / 60_000))),
    );
  }
  if (descriptor.hasServiceSemantics && roles.processingTimeMsSum !== undefined && roles.servedCount !== undefined) {
    series.set(
      "serviceTimeMs",
      times.map(({ serviceTimeMs }) => cell(serviceTimeMs)),
    );
  }
  for (const name of ["queueTimeMs", "cycleTimeMs", "flowEfficiency"] as const) {
    const cells = times.map((figures) => cell(figures[name]));
    if (cells.some((value) => value !== null)) series.set(name, cells);
  }
}

function windowSemantics(
  data: NodeData,
  series: ReadonlyMap<string, Cells>,
  isLimited: boolean,
): ReadonlyMap<string, Semantics> {
  const semantics = new Map(DERIVED_SEMANTICS.filter(([name]) => series.has(name)));
  if (data.roles.queueDepth !== undefined) semantics.set("queue", queueSemantics(data));
  if (isLimited) semantics.set("served", derivedSemantics("sum"));
  return semantics;
}

function constraintBlocks(
  data: NodeData,
  range: BinRange,
  constraints: ConstraintLayer,
): Pick<NodeSeries, "constraints" | "constraintStatus"> {
  const shared = constraints.of(data.id);
  if (shared.length === 0) return { constraints: undefined, constraintStatus: undefined };
  const bins = binsOf(range);
  const blocks = shared.map((constraint) => {
    const figures = [...constraintFigures(constraint)];
    const series = new Map(figures.map(([name, value]) => [name, bins.map((bin) => cell(value(bin)))]));
    return [
      constraint.id,
      { series, seriesMetadata: new Map(figures.map(([name]) => [name, constraintSemantics(name)])) },
    ] as const;
  });
  const status = shared.map((constraint) => {
    return [
      constraint.id,
      bins.map((bin) => (constraints.isLimiting(constraint, data, bin) === true ? 1 : 0)),
    ] as const;
  });
  return { constraints: new Map(blocks), constraintStatus: new Map(status) };
}
