import { isFileReference } from "../../model/descriptor.ts";
import type { SeriesRole } from "../../model/model.ts";
import type { NodeWarning } from "./answers.ts";
import type { NodeData } from "./node-data.ts";
import { type QueryRun, seriesKey } from "./query-run.ts";

/** Why FlowTime refuses every query of a run. */
export interface ModeError {
  readonly code: "mode_validation_failed";
  readonly message: string;
}

/** What the mode of a run says about its values (artifacts.md §11.6). Telemetry may have gaps, a simulation may not. */
export interface ModeValidation {
  readonly error: ModeError | null;
  /** Of the run. */
  readonly warnings: readonly NodeWarning[];
  readonly nodeWarnings: ReadonlyMap<string, readonly NodeWarning[]>;
}

/** Series that have to be numbers, by the name that messages give them. */
const CHECKED: readonly (readonly [SeriesRole, string])[] = [
  ["arrivals", "arrivals"],
  ["served", "served"],
  ["queueDepth", "queue"],
  ["attempts", "attempts"],
  ["failures", "failures"],
  ["retryEcho", "retryEcho"],
];
/** Series that telemetry is expected to bring. */
const SOURCES: readonly (readonly [SeriesRole, string])[] = [
  ["arrivals", "arrivals"],
  ["served", "served"],
  ["errors", "errors"],
  ["attempts", "attempts"],
  ["failures", "failures"],
  ["retryEcho", "retryEcho"],
  ["queueDepth", "queue"],
  ["capacity", "capacity"],
  ["externalDemand", "external_demand"],
];

export function validateMode(run: QueryRun, nodes: readonly NodeData[]): ModeValidation {
  const mode = run.facts.mode.toLowerCase();
  const nodeWarnings = new Map<string, readonly NodeWarning[]>();
  for (const data of nodes) {
    const invalid = CHECKED.filter(([role]) => data.roles[role]?.every(Number.isFinite) === false).map(namesOf);
    if (mode === "simulation") {
      const message = simulationFault(data, invalid);
      if (message !== null) return failed(message);
    }
    if (mode === "telemetry") nodeWarnings.set(data.id, telemetryFaults(run, data, invalid));
  }
  const hasNoSource = mode === "telemetry" && run.facts.telemetrySources.length === 0;
  const missing: NodeWarning = {
    code: "telemetry_sources_missing",
    message: "Telemetry mode run resolved no telemetry sources.",
    severity: "warning",
  };
  return { error: null, warnings: hasNoSource ? [missing] : [], nodeWarnings };
}

function failed(message: string): ModeValidation {
  return { error: { code: "mode_validation_failed", message }, warnings: [], nodeWarnings: new Map() };
}

function simulationFault({ id, roles, descriptor }: NodeData, invalid: readonly string[]): string | null {
  if (invalid.length > 0) return `Node '${id}' contains invalid values for ${invalid.join(", ")} in simulation mode.`;
  const required: Readonly<Partial<Record<SeriesRole, boolean>>> = {
    arrivals: true,
    served: descriptor.hasServiceSemantics,
    queueDepth: descriptor.hasQueueSemantics,
  };
  const missing = CHECKED.filter(([role]) => required[role] === true && roles[role] === undefined).map(namesOf);
  if (missing.length === 0) return null;
  return `Node '${id}' is missing required ${missing.join(", ")} series for simulation mode.`;
}

function telemetryFaults(run: QueryRun, { node }: NodeData, invalid: readonly string[]): NodeWarning[] {
  const { series, parallelism } = node.semantics;
  const isUnresolved = (reference: string | undefined): boolean =>
    reference !== undefined &&
    !isFileReference(reference) &&
    !run.facts.nodeSources.includes(reference) &&
    !run.facts.nodeSources.includes(seriesKey(reference));
  const unresolved = SOURCES.filter(([role]) => isUnresolved(series[role])).map(namesOf);
  if (typeof parallelism === "string" && isUnresolved(parallelism)) unresolved.push("parallelism");
  const halves = [
    ...(unresolved.length === 0 ? [] : [`sources for ${unresolved.join(", ")}`]),
    ...(invalid.length === 0 ? [] : [`invalid values in ${invalid.join(", ")}`]),
  ];
  if (halves.length === 0) return [];
  const code = unresolved.length > 0 ? "telemetry_sources_unresolved" : "telemetry_series_invalid";
  return [{ code, message: `Telemetry mode detected ${halves.join(" and ")}.`, severity: "warning" }];
}

function namesOf([, name]: readonly [SeriesRole, string]): string {
  return name;
}
