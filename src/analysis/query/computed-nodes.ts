import type { ModelNode } from "../../model/model.ts";
import { normalise } from "../formulas.ts";
import { cell, type NodeSeries } from "./answers.ts";
import type { BinRange, QueryRun } from "./query-run.ts";

/** Kinds of computation nodes that a full window shows by their values. */
const IDENTITIES: Readonly<Partial<Record<ModelNode["kind"], { identity: string; category: string }>>> = {
  const: { identity: "constant", category: "constant" },
  pmf: { identity: "pmf", category: "constant" },
  expr: { identity: "expression", category: "expression" },
};

/** Computation nodes that have values, in the order of the model. */
export function computedNodes(run: QueryRun, { start, count }: BinRange): readonly NodeSeries[] {
  return run.model.nodes.flatMap((node) => {
    const { id, kind } = node;
    const identity = IDENTITIES[kind];
    // FlowTime shows a constant as written, also one that a router fills.
    const isAsWritten = node.kind === "const" && run.boundNodes?.has(id) !== true;
    const values = isAsWritten ? node.values : run.series(id);
    if (identity === undefined || values === null) return [];
    const cells = Array.from(values.slice(start, start + count), (value) => cell(normalise(value)));
    return {
      id,
      kind,
      category: identity.category,
      analytical: {
        identity: identity.identity,
        hasQueueSemantics: false,
        hasServiceSemantics: false,
        hasCycleTimeDecomposition: false,
        stationarityWarningApplicable: false,
      },
      classTruth: { coverage: "missing", hasSpecificClasses: false, hasFallbackClass: false },
      series: new Map([
        ["values", cells],
        [`series:${id}`, cells],
      ]),
      seriesMetadata: undefined,
      byClass: undefined,
      constraints: undefined,
      constraintStatus: undefined,
      telemetry: { sources: [], warnings: [] },
      aliases: null,
      dispatchSchedule: undefined,
      queueLatencyStatus: undefined,
      sla: undefined,
    };
  });
}
