import { fold } from "../../lib/fold.ts";
import { overflowRoutes } from "../../model/enforcement.ts";
import type { ModelNode } from "../../model/model.ts";
import type { Plan } from "../../model/plan.ts";
import { ColumnValues, notRetained, type SeriesValues } from "./column-values.ts";
import { ExplainError } from "./explain-error.ts";
import { binary, type Formula, inNumbers, inWords, number, operandName, operandsIn, sum } from "./formula.ts";
import { MetricFormulas } from "./metric-formulas.ts";
import { OperatorFormulas } from "./operator-formulas.ts";
import { type SeriesAddress, SeriesDirectory } from "./series-address.ts";

/** Levels of explanation by default: the series, and what it reads. */
export const DEFAULT_EXPLAIN_DEPTH = 2;
/** Most levels: deeper trees are not read by people. */
export const MAX_EXPLAIN_DEPTH = 16;
/** Series explained in one answer. What a tree has beyond that is named with its value only. */
export const MAX_EXPLANATIONS = 500;

const GAP_NOTES = {
  nan: "a gap, which counts as NaN",
  zero: "0 stands in",
  hold: "the last value stands in",
} as const;

/** A number; those that JSON lacks as words; null where a metric has no value. */
export type ExplainedValue = number | "NaN" | "Infinity" | "-Infinity" | null;

/** How one value comes about. */
export interface Explanation {
  /** Name it is asked for by. */
  readonly series: string;
  readonly binIndex: number;
  readonly kind: ExplanationKind;
  /** What the series is, in a few words. */
  readonly about: string;
  readonly value: ExplainedValue;
  /** The formula in the model's own words; another bin than the one asked for stands in brackets. */
  readonly formula: string;
  /** The same with numbers put in; evaluated it gives the value. */
  readonly numbers: string;
  /** Which bins are read, what the data decided, why there is no value. */
  readonly notes: readonly string[];
  readonly inputs: readonly ExplainedInput[];
  /** Whether inputs lack their explanation because the answer was full. */
  readonly isTruncated: boolean;
}

export type ExplanationKind =
  | "telemetry"
  | "const"
  | "pmf"
  | "expr"
  | "serviceWithBuffer"
  | "router"
  | "routed"
  | "overflow"
  | "limited"
  | "class"
  | "edge"
  | "metric"
  | "part";

export interface ExplainedInput {
  readonly name: string;
  readonly binIndex: number;
  readonly value: ExplainedValue;
  /** Null at the last level. */
  readonly explanation: Explanation | null;
}

export interface ExplainRequest {
  /** `NODE.METRIC`, `SERIES`, `SERIES@CLASS`, `EDGE.METRIC`, `EDGE.METRIC@CLASS`. */
  readonly series: string;
  /** Null: the newest evaluated one. */
  readonly bin: number | null;
  /** 1 … MAX_EXPLAIN_DEPTH. */
  readonly depth: number;
}

/**
 * Explains one value of a run. Pure: reads evaluated series only.
 * @throws ExplainError
 */
export function explainSeries(plan: Plan, series: SeriesValues, request: ExplainRequest): Explanation {
  const directory = new SeriesDirectory(plan);
  const address = directory.find(request.series);
  const bin = checkedBin(plan, series, request.bin);
  return new Explainer(new ColumnValues(plan, series), directory, bin).explain(address, bin, request.depth);
}

function checkedBin(plan: Plan, { firstBin, bins }: SeriesValues, requested: number | null): number {
  const horizon = plan.model.grid.bins;
  const bin = requested ?? bins - 1;
  if (requested !== null && (bin < 0 || bin >= horizon)) {
    throw new ExplainError("bin_outside_grid", `Bin ${bin} is outside the grid: its bins are 0 to ${horizon - 1}.`, {
      facts: { bin, bins: horizon },
    });
  }
  if (bin >= bins || bin < 0) {
    const state = bins === 0 ? "none is yet" : `the newest sealed bin is ${bins - 1}`;
    throw new ExplainError(
      "bin_not_sealed",
      `Bin ${Math.max(0, bin)} is not sealed, so it has no value to explain; ${state}. Ask again when its telemetry is there.`,
      { facts: { bin: Math.max(0, bin), sealedBin: bins - 1 } },
    );
  }
  if (bin < firstBin) throw notRetained(bin, firstBin);
  return bin;
}

class Explainer {
  private readonly values: ColumnValues;
  private readonly directory: SeriesDirectory;
  private readonly rootBin: number;
  private left = MAX_EXPLANATIONS;

  constructor(values: ColumnValues, directory: SeriesDirectory, rootBin: number) {
    this.values = values;
    this.directory = directory;
    this.rootBin = rootBin;
  }

  explain(address: SeriesAddress, bin: number, depth: number): Explanation {
    this.left--;
    return address.kind === "column" ? this.column(address.column, bin, depth) : this.metric(address, bin, depth);
  }

  private metric({ node, metric }: SeriesAddress & { kind: "metric" }, bin: number, depth: number): Explanation {
    const offered = this.directory.metricsOf(node.id);
    const { formula, rule, because } = new MetricFormulas(this.values, node, offered, bin).of(metric);
    const notes = because === null ? [] : [`no value: ${because}`];
    const value = because === null ? formula.value : null;
    return this.describe(
      { series: `${node.id}.${metric}`, kind: "metric", about: `${metric} = ${rule}`, value, notes },
      formula,
      inWords(formula, this.rootBin),
      bin,
      depth,
    );
  }

  private column(column: number, bin: number, depth: number): Explanation {
    const { plan } = this.values;
    const { id, origin } = plan.columns[column]!;
    const operator = this.values.writer(column);
    const node = plan.model.nodes.find((candidate) => candidate.id === id);
    const isNode = origin === "node" || origin === "generated" || origin === "unrouted";
    const formulas = new OperatorFormulas(this.values);
    const series = origin === "unrouted" ? `${id} before routing` : formulas.seriesName(column);
    const value = this.values.value(column, bin);

    const isModelled = operator.op === "fed" && this.values.isMissing(bin, operator.input);
    if (operator.op === "input" || (operator.op === "fed" && !isModelled)) {
      const { input } = operator;
      const { classId, feeds } = plan.bound[input]!;
      const ofClass = classId === null ? "" : ` of class ${classId}`;
      const roles = feeds.map((feed) => `${feed.nodeId} ${feed.role}${ofClass}`).join(", ");
      const notes = this.values.isMissing(bin, input)
        ? [`no telemetry in this bin: ${GAP_NOTES[operator.op === "input" ? operator.gap : "nan"]}`]
        : Number.isNaN(value)
          ? ["no telemetry in this bin: a gap, which counts as NaN"]
          : [];
      const about = roles === "" ? "telemetry" : `telemetry: ${roles}`;
      return this.describe({ series, kind: "telemetry", about, value, notes }, number(value), "telemetry", bin, depth);
    }
    if (isNode && node?.kind === "pmf" && operator.op === "literal") {
      const about = "expected value of a distribution: sum of value * probability";
      const formula = expectedValue(node);
      return this.describe(
        { series, kind: "pmf", about, value, notes: [] },
        formula,
        inWords(formula, this.rootBin),
        bin,
        depth,
      );
    }
    const formula = formulas.definition(column, bin);
    const classes = isNode ? plan.bound.flatMap(({ seriesId, classId }) => (seriesId === id ? [classId] : [])) : [];
    const isRouted = isNode && operator.op === "copy" && plan.columns[operator.a]!.origin === "intermediate";
    if (isModelled) formulas.note("no telemetry in this bin: the model's own definition stands in");
    const { kind, about } =
      classes.length > 0 && !isModelled
        ? { kind: "telemetry" as const, about: `sum of the classes that telemetry gives: ${classes.join(", ")}` }
        : isRouted
          ? { kind: "routed" as const, about: `routed here by ${this.routersTo(id)}` }
          : operator.op === "limit"
            ? { kind: "limited" as const, about: "what shared constraints leave of it" }
            : isNode && node !== undefined
              ? describeNode(node)
              : this.describeDerived(column);
    // A node's own text; a formula as computed where there is none, or where the data asks for more than the text says.
    const words = kind === "expr" && node?.kind === "expr" ? node.expr : inWords(formula, this.rootBin);
    return this.describe({ series, kind, about, value, notes: formulas.notes }, formula, words, bin, depth);
  }

  private describeDerived(column: number): { kind: ExplanationKind; about: string } {
    const { plan } = this.values;
    const { id, origin } = plan.columns[column]!;
    if (origin === "class") return { kind: "class", about: "what a class has of the series (classes add up to it)" };
    const edge = plan.edgeSeries.find((entry) => entry.column === column);
    if (edge === undefined) return { kind: "part", about: `intermediate result of ${id.replace(/#\d+$/, "")}` };
    const { from, to } = plan.model.topology!.edges.find(
      (candidate) => (candidate.id ?? `${candidate.from}->${candidate.to}`) === edge.edgeId,
    )!;
    return { kind: "edge", about: `${edge.metric} of the edge from ${from} to ${to}` };
  }

  private routersTo(id: string): string {
    const { model } = this.values.plan;
    const routers = model.nodes.flatMap((node) =>
      node.kind === "router" && node.routes.some(({ target }) => fold(target) === fold(id)) ? [node.id] : [],
    );
    return [...routers, ...(overflowRoutes(model).get(id) ?? [])].join(", ");
  }

  private describe(
    about: Pick<Explanation, "series" | "kind" | "about" | "notes"> & { readonly value: number | null },
    formula: Formula,
    words: string,
    bin: number,
    depth: number,
  ): Explanation {
    let isTruncated = false;
    const inputs = operandsIn(formula).map((read): ExplainedInput => {
      const isWanted = depth > 1;
      if (isWanted && this.left <= 0) isTruncated = true;
      const address = "column" in read.source ? this.addressOf(read.source.column) : this.directory.find(read.name);
      return {
        name: operandName(read, this.rootBin),
        binIndex: read.bin,
        value: toExplained(read.value, "column" in read.source),
        explanation: isWanted && this.left > 0 ? this.explain(address, read.bin, depth - 1) : null,
      };
    });
    const { value, ...rest } = about;
    return {
      ...rest,
      binIndex: bin,
      value: value === null ? null : toExplained(value, true),
      formula: words,
      numbers: inNumbers(formula),
      inputs,
      isTruncated: isTruncated || inputs.some(({ explanation }) => explanation?.isTruncated === true),
    };
  }

  private addressOf(column: number): SeriesAddress {
    return { kind: "column", column };
  }
}

function describeNode(node: ModelNode): { kind: ExplanationKind; about: string } {
  switch (node.kind) {
    case "expr":
      return { kind: "expr", about: "expression of the model" };
    case "serviceWithBuffer":
      return {
        kind: "serviceWithBuffer",
        about: "depth at the end of the bin: what was there, plus inflow, less outflow",
      };
    case "router":
      return { kind: "router", about: "what the router takes in" };
    case "overflow":
      return { kind: "overflow", about: "what the queue turns away: what would be there, beyond its WIP limit" };
    case "const":
      return { kind: "const", about: "values of the model" };
    case "pmf":
      return { kind: "pmf", about: "distribution of the model" };
  }
}

/** Σ value·p in list order, probabilities normalised when they miss 1 (engine.md §6.3). */
function expectedValue({ values, probabilities }: ModelNode & { kind: "pmf" }): Formula {
  const total = probabilities.reduce((all, probability) => all + probability, 0);
  const isNormal = Math.abs(total - 1) <= 1e-6;
  const terms = values.map((value, index) => {
    const share = number(probabilities[index]!);
    return binary("*", number(value), isNormal ? share : binary("/", share, number(total)));
  });
  return sum(terms);
}

function toExplained(value: number, isSeries: boolean): ExplainedValue {
  if (Number.isFinite(value)) return value;
  if (Number.isNaN(value)) return isSeries ? "NaN" : null;
  return value > 0 ? "Infinity" : "-Infinity";
}
