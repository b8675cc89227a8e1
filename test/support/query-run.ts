import type { QueryRun } from "../../src/analysis/query/query-run.ts";
import type { RunValues } from "../../src/runtime/run-image.ts";

/** A query over what a run evaluated, with facts of no consequence. */
export function queryRunOf({ plan, bins, series, classSeries, edgeSeries, warnings }: RunValues): QueryRun {
  const values = new Map(series.map((entry) => [entry.id, entry.values]));
  const { model, source } = plan;
  // Compilation drops constraints of models that it adds nodes to (D12); queries read the model as written.
  const topology =
    model.topology === null ? null : { ...model.topology, constraints: source.topology?.constraints ?? [] };
  return {
    facts: {
      runId: "run",
      templateId: "template",
      templateTitle: null,
      templateNarrative: null,
      templateVersion: null,
      mode: "simulation",
      provenanceHash: null,
      schemaHash: "",
      storage: { modelPath: "", metadataPath: null, provenancePath: null },
      telemetrySources: [],
      nodeSources: [],
      classCoverage: "missing",
    },
    model: { ...model, topology },
    bins,
    series: (id) => values.get(id) ?? null,
    classSeries: (id) => classSeries.get(id) ?? [],
    edgeSeries,
    warnings,
  };
}
