import { fold } from "../../lib/fold.ts";
import { edgeLabel, endpointNode } from "../topology-view.ts";
import type { Coverage, EdgeQuality, Metadata, StateWarning } from "./answers.ts";
import { type QueryRun, seriesKey } from "./query-run.ts";

/** @param computed coverage of the classes of each node in the bins asked for */
export function metadataOf(run: QueryRun, computed: readonly Coverage[], warnings: readonly StateWarning[]): Metadata {
  const { facts, model } = run;
  const classes = model.classes.map(({ id, displayName, description }) => ({
    id,
    displayName: displayName ?? undefined,
    description: description ?? undefined,
  }));
  const isResolved = !warnings.some(({ code }) => code === "telemetry_sources_missing");
  return {
    runId: facts.runId,
    templateId: facts.templateId,
    templateTitle: facts.templateTitle,
    templateNarrative: facts.templateNarrative,
    templateVersion: facts.templateVersion,
    mode: facts.mode,
    provenanceHash: facts.provenanceHash,
    telemetrySourcesResolved: facts.telemetrySources.length > 0 && isResolved,
    schema: { id: "time-travel/v1", version: "1", hash: facts.schemaHash },
    storage: facts.storage,
    edgeQuality: edgeQuality(run),
    rng: null,
    inputHash: facts.inputHash,
    classCoverage: runCoverage(coverageOf(facts.classCoverage), computed),
    classes: classes.length === 0 ? undefined : classes,
  };
}

const COVERAGES: readonly Coverage[] = ["missing", "partial", "full"];

function coverageOf(text: string): Coverage {
  return COVERAGES.find((coverage) => coverage === text) ?? "missing";
}

/** The worse of what the run says and what its nodes show; nodes that show nothing do not count. */
function runCoverage(said: Coverage, nodes: readonly Coverage[]): Coverage {
  const shown = nodes.filter((coverage) => coverage !== "missing");
  if (shown.length === 0) return said;
  const computed: Coverage = nodes.every((coverage) => coverage === "full") ? "full" : "partial";
  return COVERAGES.indexOf(computed) < COVERAGES.indexOf(said) ? computed : said;
}

/** How well the stored series of edges tell the flows of classes (engine.md §7.6.3). */
export function edgeQuality({ model, edgeSeries, facts, ...run }: QueryRun): EdgeQuality {
  if (edgeSeries.length === 0) return "missing";
  if (model.classes.length === 0) return "exact";
  const flows = edgeSeries.filter(({ metric }) => metric === "flowVolume");
  if (flows.length === 0) return "missing";
  if (flows.every(({ classId }) => classId === null)) {
    return coverageOf(facts.classCoverage) === "partial" ? "partialClass" : "approx";
  }
  const expected = expectedClasses({ model, edgeSeries, facts, ...run });
  for (const [edgeId, entries] of Map.groupBy(flows, (entry) => entry.edgeId)) {
    const covered = new Set(entries.flatMap(({ classId }) => (classId === null ? [] : [fold(classId)])));
    if (!expected(edgeId).every((classId) => covered.has(fold(classId)))) return "partialClass";
  }
  return "exact";
}

/** Classes that an edge should tell apart: those of the route it stands for, else all. */
function expectedClasses({ model }: QueryRun): (edgeId: string) => readonly string[] {
  const all = model.classes.map(({ id }) => id);
  const routers = new Map(model.nodes.flatMap((node) => (node.kind === "router" ? [[fold(node.id), node]] : [])));
  const arrivals = new Map(
    (model.topology?.nodes ?? []).map(({ id, semantics }) => [fold(id), seriesKey(semantics.series.arrivals ?? "")]),
  );
  const byEdge = new Map(
    (model.topology?.edges ?? []).flatMap((edge) => {
      const router = routers.get(fold(endpointNode(edge.from)));
      const target = arrivals.get(fold(endpointNode(edge.to)));
      const route = router?.routes.find((candidate) => target !== undefined && fold(candidate.target) === fold(target));
      return route === undefined || route.classes.length === 0 ? [] : [[edgeLabel(edge), route.classes] as const];
    }),
  );
  return (edgeId) => byEdge.get(edgeId) ?? all;
}
