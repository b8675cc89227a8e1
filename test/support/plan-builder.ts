import { Evaluator } from "../../src/engine/evaluator.ts";
import type { BindingSpec } from "../../src/model/bind.ts";
import { compileModel } from "../../src/model/compile.ts";
import type { SourceSpan } from "../../src/model/diagnostics.ts";
import type {
  Constraint,
  DispatchSchedule,
  Edge,
  Model,
  ModelNode,
  Route,
  Semantics,
  SeriesRole,
  TimeGrid,
  TopologyNode,
} from "../../src/model/model.ts";
import type { Plan } from "../../src/model/plan.ts";

const SPAN: SourceSpan = { line: 1, column: 1, startOffset: 0, endOffset: 0 };

/** Semantics in short: series roles by name, everything else by its own name. */
export type SemanticsSketch = Partial<Record<SeriesRole, string>> & Partial<Omit<Semantics, "series" | "seriesSpans">>;

export interface NodeSketch extends Partial<Omit<TopologyNode, "id" | "semantics" | "span">> {
  readonly id: string;
  readonly semantics: SemanticsSketch;
}

export interface EdgeSketch extends Partial<Omit<Edge, "from" | "to">> {
  readonly from: string;
  readonly to: string;
}

export interface ModelSketch {
  readonly grid?: Partial<TimeGrid>;
  /** Computation nodes: a const by its values, an expression by its text, a buffer, or a router. */
  readonly series: Readonly<Record<string, readonly number[] | string | BufferSketch | RouterSketch>>;
  /** Class by node id, as `traffic.arrivals` has it. */
  readonly arrivals?: Readonly<Record<string, string>>;
  readonly nodes?: readonly NodeSketch[];
  readonly edges?: readonly EdgeSketch[];
  readonly constraints?: readonly Constraint[];
  /** Series that telemetry feeds. */
  readonly bindings?: readonly BindingSpec[];
}

export interface BufferSketch {
  readonly inflow: string;
  readonly outflow: string;
  readonly loss?: string;
  readonly dispatchSchedule?: DispatchSchedule;
}

export interface RouterSketch {
  readonly queue: string;
  readonly routes: readonly Partial<Route>[];
}

export function buildModel(sketch: ModelSketch): Model {
  const nodes = Object.entries(sketch.series).map(([id, definition]): ModelNode => {
    const base = { id, span: SPAN, metadata: {}, source: null };
    if (typeof definition === "string") return { ...base, kind: "expr", expr: definition, exprSpan: SPAN };
    if ("queue" in definition) {
      const routes = definition.routes.map((route): Route => ({ target: "", classes: [], weight: null, ...route }));
      return { ...base, kind: "router", queue: definition.queue, routes };
    }
    if (!("inflow" in definition)) return { ...base, kind: "const", values: definition };
    return {
      ...base,
      kind: "serviceWithBuffer",
      inflow: definition.inflow,
      outflow: definition.outflow,
      loss: definition.loss ?? null,
      dispatchSchedule: definition.dispatchSchedule ?? null,
    };
  });
  const lengths = nodes.flatMap((node) => (node.kind === "const" ? [node.values.length] : []));
  return {
    text: "",
    grid: { bins: Math.max(1, ...lengths), binSize: 1, binUnit: "hours", start: null, ...sketch.grid },
    nodes,
    topology:
      sketch.nodes === undefined
        ? null
        : {
            nodes: sketch.nodes.map(buildTopologyNode),
            edges: (sketch.edges ?? []).map(buildEdge),
            constraints: sketch.constraints ?? [],
          },
    classes: [],
    arrivals: Object.entries(sketch.arrivals ?? {}).map(([nodeId, classId]) => ({ nodeId, classId, span: SPAN })),
    outputs: [],
    provenance: null,
  };
}

function buildTopologyNode(sketch: NodeSketch): TopologyNode {
  const {
    parallelism = null,
    retryKernel = null,
    slaMin = null,
    maxAttempts = null,
    backoffStrategy = null,
    exhaustedPolicy = null,
    aliases = {},
    ...series
  } = sketch.semantics;
  return {
    kind: null,
    nodeRole: null,
    group: null,
    constraints: [],
    initialQueueDepth: null,
    dispatchSchedule: null,
    wip: { limit: null, limitSeries: null, overflow: null },
    ...sketch,
    semantics: {
      series,
      seriesSpans: {},
      parallelism,
      retryKernel,
      slaMin,
      maxAttempts,
      backoffStrategy,
      exhaustedPolicy,
      aliases,
    },
    span: SPAN,
  };
}

function buildEdge(sketch: EdgeSketch): Edge {
  return { id: null, weight: null, type: null, measure: null, multiplier: null, lag: null, ...sketch, span: SPAN };
}

/** The plan of a sketch; throws with the findings when it does not compile. */
export function buildPlan(sketch: ModelSketch): Plan {
  const { plan, diagnostics } = compileModel(buildModel(sketch), { bindings: sketch.bindings ?? [] });
  if (plan === null) throw new Error(diagnostics.map(({ message }) => message).join("\n"));
  return plan;
}

/** Every evaluated bin of a plan, nothing coming from telemetry: one copied row per bin. */
export function evaluateRows(plan: Plan, bins: number = plan.source.grid.bins): readonly Float64Array[] {
  const evaluator = new Evaluator(plan, { horizonBins: bins });
  const noTelemetry = new Float64Array(plan.bound.length).fill(Number.NaN);
  return Array.from({ length: bins }, () => evaluator.advance(noTelemetry).slice());
}

/** Rows turned into whole columns. */
export function columnsOf(rows: readonly Float64Array[]): (column: number) => Float64Array {
  return (column) => Float64Array.from(rows, (row) => row[column]!);
}
