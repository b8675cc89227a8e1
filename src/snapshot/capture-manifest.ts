import type { CaptureContent, CaptureWarning } from "../protocol/capture.ts";
import type { CaptureBinding, CaptureModel } from "./capture-bindings.ts";
import { classCoverage } from "./class-coverage.ts";
import { compactJson, indentedJson, type JsonValue } from "./dotnet-json.ts";
import { DEFAULT_CLASS } from "./layout.ts";
import { sha256 } from "./text-file.ts";

/** Which run a capture shows. */
export interface CaptureProvenance {
  readonly runId: string;
  readonly scenarioHash: string;
  readonly modelHash: string | null;
}

export interface CaptureGrid {
  readonly bins: number;
  readonly binSize: number;
  readonly binUnit: string;
}

export interface CaptureManifestInput {
  readonly model: CaptureModel;
  readonly grid: CaptureGrid;
  /** In binding order; `hash` is that of the CSV's bytes. */
  readonly files: readonly { readonly binding: CaptureBinding; readonly hash: string }[];
  readonly warnings: readonly CaptureWarning[];
  readonly provenance: CaptureProvenance;
  /** Round-trip UTC. */
  readonly capturedAtUtc: string;
}

const MINUTES: Readonly<Record<string, number>> = { minutes: 1, hours: 60, days: 1440 };

/** What a capture says about classes. */
export function capturedClasses({
  model,
  files,
}: Pick<CaptureManifestInput, "model" | "files">): Pick<
  CaptureContent,
  "supportsClassMetrics" | "classes" | "classCoverage"
> {
  const isClass = (id: string): boolean => id.trim() !== "" && id.toUpperCase() !== DEFAULT_CLASS;
  const declared = distinct(model.classes.filter(isClass));
  const captured = distinct(files.map(({ binding }) => binding.classId).filter(isClass));
  const all = distinct([...declared, ...captured]);
  return {
    supportsClassMetrics: captured.length > 0,
    classes: captured.length > 0 ? all : [],
    classCoverage: classCoverage(all, captured),
  };
}

/** manifest.json of a capture (artifacts.md §9.4), version 2. */
export function captureManifest(input: CaptureManifestInput): string {
  const { model, grid, provenance } = input;
  const classes = capturedClasses(input);
  const unitMinutes = MINUTES[grid.binUnit.toLowerCase()];
  const manifest: JsonValue = {
    schemaVersion: 2,
    window: {
      startTimeUtc: model.start ?? undefined,
      durationMinutes: unitMinutes === undefined ? undefined : grid.bins * grid.binSize * unitMinutes,
    },
    grid: { bins: grid.bins, binSize: grid.binSize, binUnit: grid.binUnit },
    files: input.files.map(({ binding, hash }) => ({
      nodeId: binding.nodeId,
      metric: binding.metric,
      path: binding.path,
      hash,
      points: binding.series.points,
      classId: binding.classId,
    })),
    warnings: input.warnings.map(({ code, message, nodeId, bins }) => ({
      code,
      message,
      nodeId,
      bins,
      severity: "warning",
    })),
    provenance: {
      runId: provenance.runId,
      scenarioHash: provenance.scenarioHash,
      modelHash: provenance.modelHash ?? undefined,
      capturedAtUtc: input.capturedAtUtc,
    },
    supportsClassMetrics: classes.supportsClassMetrics,
    classes: classes.supportsClassMetrics ? classes.classes : undefined,
    classCoverage: classes.classCoverage,
  };
  return indentedJson(manifest);
}

export interface AutocaptureInput {
  readonly templateId: string;
  readonly templateVersion: string;
  /** Of metadata.json. */
  readonly parameters: JsonValue;
  readonly captureKey: string | null;
  readonly sourceRunId: string;
  readonly rngSeed: number;
  readonly scenarioHash: string;
  /** Round-trip UTC. */
  readonly generatedAtUtc: string;
}

/** autocapture.json (artifacts.md §9.6). */
export function autocapture(input: AutocaptureInput): string {
  return indentedJson({
    templateId: input.templateId,
    captureKey: input.captureKey,
    sourceRunId: input.sourceRunId,
    generatedAtUtc: input.generatedAtUtc,
    rngSeed: input.rngSeed,
    parametersHash: parametersHash(input),
    scenarioHash: input.scenarioHash,
  });
}

/** artifacts.md §7.4: names of parameters in ordinal order, what is inside of them as it stands. */
function parametersHash({ templateId, templateVersion, rngSeed, parameters }: AutocaptureInput): string {
  const entries = parameters instanceof Map ? [...(parameters as ReadonlyMap<string, JsonValue>)] : [];
  const sorted = new Map(entries.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)));
  return sha256(compactJson({ templateId, templateVersion, rngSeed, parameters: sorted }));
}

/** Each id once, ignoring case; the first spelling stays. */
function distinct(ids: readonly string[]): readonly string[] {
  const first = new Map<string, string>();
  for (const id of ids) if (!first.has(id.toUpperCase())) first.set(id.toUpperCase(), id);
  return [...first.values()];
}
