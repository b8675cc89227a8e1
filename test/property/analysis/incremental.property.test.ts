import { describe, expect, test } from "vitest";
import { Analyser } from "../../../src/analysis/analyser.ts";
import { analyseWindow } from "../../../src/analysis/batch-analysis.ts";
import { analyseLiveWindow } from "../../../src/analysis/batch-window-warnings.ts";
import type { Warning } from "../../../src/analysis/warning.ts";
import { firstBinColumns } from "../../../src/model/class-order.ts";
import { SERIES_ROLES, type SeriesRole } from "../../../src/model/model.ts";
import type { Plan } from "../../../src/model/plan.ts";
import {
  buildPlan,
  columnsOf,
  type EdgeSketch,
  evaluateRows,
  type ModelSketch,
  type NodeSketch,
  type RouterSketch,
} from "../../support/plan-builder.ts";
import { flowsOf } from "../../support/plan-flows.ts";
import { type Random, random, seedsFrom } from "../../support/random.ts";
import { cases } from "../../support/seed.ts";

const HISTORIES = cases(60);
const MAX_BINS = 24;
const SERIES = ["a", "b", "c", "d", "e", "f"] as const;
const KINDS = ["service", "serviceWithBuffer", "queue", "dlq", "router", "dependency", "sink", "expr", null] as const;

/** Mostly small whole and broken numbers, so that thresholds are met; now and then what breaks arithmetic. */
function anyValue(chance: Random): number {
  const odd = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -0, 1e-7, -1e-7, 1e-6, -2e-6, 1e12];
  if (chance.chance(0.12)) return chance.pick(odd);
  if (chance.chance(0.15)) return 0;
  const size = chance.chance(0.5) ? chance.below(6) : chance.below(50) / 10;
  return chance.chance(0.12) ? -size : size;
}

/** Long stretches of one behaviour, so that streaks and "all zero so far" happen. */
function anySeries(chance: Random, bins: number): number[] {
  if (chance.chance(0.08)) return Array.from({ length: bins }, () => Number.NaN);
  const values: number[] = [];
  while (values.length < bins) {
    const length = 1 + chance.below(8);
    const style = chance.below(4);
    const start = chance.below(10);
    for (let i = 0; i < length; i++) {
      if (style === 0) values.push(0);
      else if (style === 1) values.push(start + i);
      else values.push(anyValue(chance));
    }
  }
  return values.slice(0, bins);
}

/** What generated nodes read or are named by stays plain; elsewhere stands what only queries follow. */
const PLAIN_ROLES: readonly SeriesRole[] = [
  "arrivals",
  "served",
  "errors",
  "capacity",
  "failures",
  "retryEcho",
  "queueDepth",
];

function anyReference(chance: Random, role: SeriesRole): string {
  if (chance.chance(0.06)) return "file:somewhere.csv";
  if (chance.chance(0.06) && !PLAIN_ROLES.includes(role)) {
    return `${chance.pick(["series:", "", "series: "])}${chance.pick(SERIES)}${chance.pick(["", "@Gold"])}`;
  }
  return chance.pick(SERIES);
}

function anyNode(chance: Random, index: number): NodeSketch {
  const series: Partial<Record<SeriesRole, string>> = {};
  for (const role of SERIES_ROLES) {
    if (chance.chance(role === "arrivals" || role === "served" ? 0.95 : 0.5)) series[role] = anyReference(chance, role);
  }
  // A buffer that compilation generates needs both; whether depth itself is generated stays open.
  series.arrivals ??= "a";
  if (series.served === undefined) series.capacity ??= "b";
  const depth = chance.pick(["as drawn", "as drawn", "none", "self", "q"]);
  if (depth === "none") delete series.queueDepth;
  else if (depth !== "as drawn") series.queueDepth = depth;
  const schedule = chance.chance(0.3)
    ? {
        periodBins: 1 + chance.below(4),
        phaseOffset: chance.below(7) - 3,
        capacitySeries: chance.chance(0.3) ? "a" : null,
      }
    : null;
  return {
    id: `N${index}`,
    kind: chance.pick(KINDS),
    dispatchSchedule: schedule,
    initialQueueDepth: chance.chance(0.4) ? chance.below(5) : null,
    semantics: {
      ...series,
      parallelism: chance.pick([null, null, 2, 0, -1, chance.pick(SERIES)]),
      retryKernel: chance.pick([null, null, [0.9, 0.9], [Number.NaN, 0.2]]),
      slaMin: chance.pick([null, 30, 60, 0]),
      maxAttempts: chance.pick([null, null, 3]),
    },
  };
}

function anyPlan(chance: Random, bins: number): Plan {
  const nodes = Array.from({ length: 1 + chance.below(4) }, (_, index) => anyNode(chance, index));
  const edges = Array.from(
    { length: chance.below(6) },
    (): EdgeSketch => ({
      id: chance.chance(0.6) ? `edge_${chance.below(4)}` : null,
      from: `${chance.pick(nodes).id}${chance.pick(["", ":out", ":errors"])}`,
      to: `${chance.pick(nodes).id.toLowerCase()}${chance.pick(["", ":in"])}`,
      type: chance.pick([null, "throughput", "effort", "terminal", "dependency"]),
      lag: chance.pick([null, 0, 2]),
    }),
  );
  const series = Object.fromEntries(SERIES.map((id) => [id, anySeries(chance, bins)]));
  const isFed = chance.chance(0.3);
  const capacitySeries = isFed ? "nowhere" : null;
  const q = {
    inflow: "a",
    outflow: "b",
    ...(chance.chance(0.5) ? { loss: "c" } : {}),
    ...(chance.chance(0.4) ? { dispatchSchedule: { periodBins: 2, phaseOffset: 1, capacitySeries } } : {}),
  };
  return buildPlan({
    grid: { bins },
    series: { ...series, ...(chance.chance(0.5) ? anyRouting(chance) : {}), q },
    arrivals: chance.chance(0.7) ? { a: "Gold", [chance.pick(SERIES)]: chance.pick(["Std", "gold"]), d: "Zero" } : {},
    nodes,
    edges,
    bindings: isFed ? ["q"] : [],
  });
}

/** One or two routers, which may share targets; the classes of their sources may depend on the bins (MIN, MAX). */
function anyRouting(chance: Random): ModelSketch["series"] {
  const anyRoute = (): RouterSketch["routes"][number] => ({
    target: chance.pick(["t", "u", "nowhere"]),
    classes: chance.pick([[], ["Gold"], ["Std"], ["Std", "Gold"], ["Gold", "Zero", "Other"]]),
    weight: chance.pick([null, 1, 3]),
  });
  const anyRouter = (): RouterSketch => ({
    queue: chance.pick(["mixed", "won", "a", "e"]),
    routes: Array.from({ length: 1 + chance.below(3) }, anyRoute),
  });
  return {
    mixed: "a + b + d",
    won: "MAX(a, MIN(b + c, d))",
    t: "a * 0",
    u: "b * 0",
    r1: anyRouter(),
    ...(chance.chance(0.4) ? { r2: anyRouter() } : {}),
  };
}

/**
 * Rows straight from chance, as the analysis must not rely on what an engine would compute, but for this: a class that
 * has not come up yet is 0. So every class is there from the start, or the rows are an engine's.
 */
function anyRows(chance: Random, plan: Plan, bins: number): readonly Float64Array[] {
  if (chance.chance(0.4)) return evaluateRows(plan, bins);
  const columns = plan.columns.map(() => anySeries(chance, bins));
  for (const column of firstWins(plan)) columns[column]!.fill(0);
  return Array.from({ length: bins }, (_, t) => Float64Array.from(columns, (values) => values[t]!));
}

function firstWins(plan: Plan): readonly number[] {
  return [
    ...plan.classSeries.flatMap(({ order }) => firstBinColumns(order)),
    ...plan.edgeSeries.flatMap(({ order }) => (order === null ? [] : firstBinColumns(order))),
    ...plan.routers.flatMap(({ source, targets }) =>
      [source, ...targets].flatMap(({ order }) => firstBinColumns(order)),
    ),
  ];
}

function throughJson<T>(value: T): T {
  return JSON.parse(JSON.stringify(value)) as T;
}

describe("incremental analysis", () => {
  for (const seed of seedsFrom("FLOWTIME_SEED", 2)) {
    test(`at every bin equals the whole-window analysis of the bins so far (FLOWTIME_SEED=${seed})`, () => {
      for (let history = 0; history < HISTORIES; history++) {
        const chance = random(seed + history);
        const bins = 1 + chance.below(MAX_BINS);
        const plan = anyPlan(chance, bins);
        const rows = anyRows(chance, plan, bins);
        let analyser = new Analyser(plan);
        const folded = new Map<string, Warning>();
        rows.forEach((row, bin) => {
          const label = `FLOWTIME_SEED=${seed}, history ${history}, bin ${bin}`;
          for (const transition of analyser.feed(bin, row)) {
            if (transition.action === "cleared") {
              expect(folded.delete(transition.key), `${label}: cleared only what was active`).toBe(true);
              continue;
            }
            const { warning } = transition;
            expect(folded.has(warning.key), `${label}: ${warning.key} ${transition.action}`).toBe(
              transition.action === "updated",
            );
            expect(warning, `${label}: an update changes something`).not.toEqual(folded.get(warning.key));
            folded.set(warning.key, warning);
          }
          const columns = columnsOf(rows.slice(0, bin + 1));
          const run = analyseWindow(plan, columns, bin + 1, flowsOf(plan, rows.slice(0, bin + 1)));
          const live = analyseLiveWindow(plan, columns, bin + 1);
          expect(analyser.active(), label).toEqual(run);
          expect(analyser.activeLive(), label).toEqual([...run, ...live]);
          expect(folded, label).toEqual(new Map([...run, ...live].map((warning) => [warning.key, warning])));

          const restored = Analyser.restore(plan, throughJson(analyser.saveState()));
          expect(restored.activeLive(), label).toEqual(analyser.activeLive());
          if (chance.chance(0.5)) analyser = restored;
        });
      }
    });
  }

  test("the generated histories reach every code", () => {
    const codes = new Set<string>();
    for (let seed = 1; seed <= 500; seed++) {
      const chance = random(seed);
      const bins = 1 + chance.below(MAX_BINS);
      const plan = anyPlan(chance, bins);
      const rows = anyRows(chance, plan, bins);
      const columns = columnsOf(rows);
      for (const { code } of analyseWindow(plan, columns, bins, flowsOf(plan, rows))) codes.add(code);
      for (const { code } of analyseLiveWindow(plan, columns, bins)) codes.add(code);
    }
    expect([...codes].sort()).toEqual(EXPECTED_CODES);
  });
});

/** All codes built so far, but those of constraints: the compiler does not take constraints yet. */
const EXPECTED_CODES = [
  "arrivals_negative",
  "attempts_below_arrivals",
  "attempts_conservation_mismatch",
  "attempts_negative",
  "attempts_series_missing",
  "backlog_age_risk",
  "backlog_growth_streak",
  "backlog_overload_ratio",
  "capacity_all_zero",
  "class_series_missing_errors",
  "class_series_missing_loss",
  "class_series_missing_outflow",
  "class_series_missing_served",
  "class_series_partial_errors",
  "class_series_partial_loss",
  "class_series_partial_outflow",
  "class_series_partial_served",
  "dependency_missing_effort_edges",
  "dependency_retry_pressure_missing",
  "dispatch_capacity_missing",
  "dispatch_missing_served_series",
  "dispatch_never_releases",
  "dlq_non_terminal_inbound",
  "dlq_non_terminal_outbound",
  "edge_behavior_violation_lag",
  "edge_class_mismatch",
  "edge_class_partial_coverage",
  "edge_flow_mismatch_incoming",
  "edge_flow_mismatch_outgoing",
  "errors_exceed_arrivals",
  "errors_negative",
  "exhausted_exceeds_errors",
  "exhausted_exceeds_failures",
  "exhausted_failures_negative",
  "exhausted_failures_series_missing",
  "failures_exceed_attempts",
  "failures_negative",
  "failures_series_missing",
  "littles-law-non-stationary",
  "missing_capacity_series",
  "missing_dependency_arrivals",
  "missing_dependency_served",
  "missing_exhausted_failures_series",
  "missing_processing_time_series",
  "missing_queue_depth_series",
  "missing_retry_budget_series",
  "missing_served_count_series",
  "missing_served_series",
  "queue_depth_mismatch",
  "queue_latency_gate_closed",
  "queue_latency_unreported",
  "queue_negative",
  "retry_budget_negative",
  "retry_echo_negative",
  "retry_echo_series_missing",
  "retry_kernel_policy",
  "router_class_leakage",
  "router_missing_class_route",
  "served_exceeds_arrivals",
  "served_exceeds_capacity",
  "served_negative",
];
