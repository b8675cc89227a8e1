import { rmdir } from "node:fs/promises";
import path from "node:path";
import type { Warning } from "../analysis/warning.ts";
import type { Clock } from "../lib/clock.ts";
import { compileModel } from "../model/compile.ts";
import type { Diagnostic } from "../model/diagnostics.ts";
import { parseModel } from "../model/parse.ts";
import type { Plan } from "../model/plan.ts";
import { windowFinding } from "../model/plan-limits.ts";
import { timestampedRunId } from "../protocol/ids.ts";
import type { Grid, RunModes } from "../protocol/run.ts";
import { assembleRun, type RunFolder, roundTripUtc, type SnapshotInput, streamRun } from "../snapshot/assemble.ts";
import { DEFAULT_SEED } from "../snapshot/manifest.ts";
import { type OrchestratedInputs, orchestratedInputs } from "../snapshot/provenance.ts";
import type { RunIdChoice } from "../snapshot/run-id.ts";
import { quickDiskFiles } from "../snapshot/snapshot-files.ts";
import { writeRunFolder } from "../snapshot/writer.ts";
import { batchValues } from "./batch-values.ts";
import { LiveRun } from "./live-run.ts";
import type { RunImage, RunValues } from "./run-image.ts";
import { snapshotContent } from "./snapshots.ts";

/** `direct`: what FlowTime's own `run` writes. `simulation`: what an orchestrated simulation run writes. */
export type ArtifactMode = "direct" | "simulation";

export interface RunModelOptions {
  /** CRLF counts as LF. */
  readonly modelText: string;
  readonly mode: ArtifactMode;
  /** Series by series over the whole window instead of bin by bin; the same bytes. Default false. */
  readonly isBatch?: boolean;
  /** Limits to enforce. Default none. A direct run then has its own files, but not the oddities of FlowTime's evaluation. */
  readonly modes?: RunModes;
  /** Folder that gets the run folder. */
  readonly outDir: string;
  readonly deterministicRunId: boolean;
  /** Recorded only; nothing in a run is random. */
  readonly seed: number | null;
  /** JSON text for model/provenance.json; in a simulation it names the template and the input hash too. Default none. */
  readonly provenance?: string | null;
  readonly clock: Clock;
  readonly random: (bytes: number) => Uint8Array;
}

export type RunModelResult =
  | { readonly ok: false; readonly diagnostics: readonly Diagnostic[] }
  | {
      readonly ok: true;
      readonly runId: string;
      readonly runDir: string;
      /** Node ids in evaluation order. */
      readonly order: readonly string[];
      readonly grid: Grid;
      readonly warnings: readonly Warning[];
      /** Whether an enforced limit acts on the model. */
      readonly isLimited: boolean;
    };

/** Evaluates a model that needs no telemetry and writes its run folder; nothing else runs. */
export async function runModel(options: RunModelOptions): Promise<RunModelResult> {
  const { mode, clock, random, deterministicRunId } = options;
  const evaluate = options.isBatch === true ? evaluateWindow : evaluateModel;
  const evaluated = evaluate(options.modelText, mode, options.modes);
  if (!evaluated.ok) return evaluated;
  const { plan, image: values } = evaluated;
  const folder = streamRun(
    modelRunInput(values, {
      mode,
      seed: options.seed,
      provenance: provenanceOf(options.provenance ?? null, plan, options.modes),
      runId: deterministicRunId
        ? { kind: "deterministic" }
        : { kind: "timestamped", nowMs: clock.now(), random: random(4) },
      now: () => roundTripUtc(clock.now()),
    }),
  );
  const stagingRoot = path.join(options.outDir, ".staging");
  const runDir = await writeRunFolder(folder, {
    root: options.outDir,
    stagingRoot,
    overwrite: deterministicRunId,
    // A run can be run again; FlowTime's own command does not wait for the disk either.
    files: quickDiskFiles,
  });
  // Another run may be using it, so it goes only when it is empty.
  await rmdir(stagingRoot).catch(() => undefined);
  return {
    ok: true,
    runId: folder.runId,
    runDir,
    order: evaluationOrder(plan, mode),
    grid: plan.source.grid,
    warnings: values.warnings,
    isLimited: plan.divergences.some(({ id }) => id === "D11"),
  };
}

/** The producer's own text, unless limits are enforced: then the run says so, so that it can be evaluated again. */
function provenanceOf(provenance: string | null, plan: Plan, modes: RunModes | undefined): string | null {
  if (!plan.modes.wip && !plan.modes.constraints) return provenance;
  const ledger = plan.divergences.map(({ id }) => id);
  const reference = ledger.length > 0 ? "none" : "flowtime";
  const own = provenance === null ? {} : (JSON.parse(provenance) as object);
  return JSON.stringify({ ...own, reference, ledger, modes }, null, 2);
}

/** Node ids in the order in which FlowTime says it evaluates them: as written, or as compiled. */
export function evaluationOrder(plan: Plan, mode: ArtifactMode): readonly string[] {
  return mode === "direct" ? plan.orderAsWritten : plan.order;
}

/** What is wrong with a model, or its plan and what was computed. */
export type Evaluated<Result> =
  | { readonly ok: false; readonly diagnostics: readonly Diagnostic[] }
  | ({ readonly ok: true; readonly plan: Plan } & Result);

/**
 * Evaluates all bins of a model, as a live run that gets them at once. Series are in the order of the mode: as written
 * with generated ones last, or as compiled.
 */
export function evaluateModel(
  modelText: string,
  mode: ArtifactMode,
  modes: RunModes = {},
): Evaluated<{ readonly image: RunImage }> {
  const compiled = compileText(modelText, mode, modes);
  if (!compiled.ok) return compiled;
  const { plan } = compiled;
  const image = evaluatePlan(plan, plan.source.text);
  if (mode === "simulation") return { ok: true, plan, image };
  const byId = new Map(image.series.map((series) => [series.id, series]));
  const generated = new Set(plan.generated);
  const order = [...plan.orderAsWritten, ...plan.order.filter((id) => generated.has(id))];
  return { ok: true, plan, image: { ...image, series: order.map((id) => byId.get(id)!), edgeSeries: [] } };
}

/** All bins of a plan; series that telemetry would feed have no values. */
export function evaluatePlan(plan: Plan, modelText: string): RunImage {
  const run = new LiveRun(
    {
      runId: timestampedRunId(0, new Uint8Array(4)),
      epoch: "0",
      mode: "simulation",
      createdUtc: roundTripUtc(0),
      modelText,
      bindings: [],
      checkpointEvery: null,
    },
    plan,
  );
  run.evaluateUnpublished();
  return run.image();
}

/** The same model series by series over the whole window, by code that shares nothing with the live engine. */
export function evaluateWindow(
  modelText: string,
  mode: ArtifactMode,
  modes: RunModes = {},
): Evaluated<{ readonly image: RunValues }> {
  const compiled = compileText(modelText, mode, modes);
  return compiled.ok ? { ...compiled, image: batchValues(compiled.plan, mode) } : compiled;
}

function compileText(modelText: string, mode: ArtifactMode, modes: RunModes): Evaluated<unknown> {
  const text = modelText.replaceAll("\r\n", "\n");
  const parsed = parseModel(text, { profile: mode === "direct" ? "direct" : "live" });
  if (parsed.model === null) return { ok: false, diagnostics: parsed.diagnostics };
  const { plan, diagnostics } = compileModel(parsed.model, {
    asDirectRun: mode === "direct" && modes.wip !== true && modes.constraints !== true,
    modes,
  });
  if (plan === null) return { ok: false, diagnostics: [...parsed.diagnostics, ...diagnostics] };
  const window = windowFinding(plan.seriesCount, plan.source.grid.bins);
  return window === null ? { ok: true, plan } : { ok: false, diagnostics: [window] };
}

/** What a run folder holds besides its values. */
export interface ModelRunFacts {
  readonly mode: ArtifactMode;
  /** Null when the request names none: a direct run then has none, a simulation that of its provenance, else 123. */
  readonly seed: number | null;
  readonly provenance: string | null;
  /** A deterministic id is made of template and inputs when the provenance of a simulation names both. */
  readonly runId: RunIdChoice;
  /** Round-trip UTC text, read once for each time that is written. */
  readonly now: () => string;
}

const NOT_ORCHESTRATED: OrchestratedInputs = { templateId: null, inputHash: null, seed: null };

/** The run folder of an evaluated model, in memory. */
export function assembleModelRun(values: RunValues, facts: ModelRunFacts): RunFolder {
  return assembleRun(modelRunInput(values, facts));
}

function modelRunInput(values: RunValues, facts: ModelRunFacts): SnapshotInput {
  const { mode, provenance, now } = facts;
  const isOrchestrated = mode === "simulation";
  const inputs = isOrchestrated && provenance !== null ? orchestratedInputs(provenance) : NOT_ORCHESTRATED;
  return {
    ...snapshotContent(values),
    requestedSeed: facts.seed ?? inputs.seed ?? (isOrchestrated ? DEFAULT_SEED : null),
    provenance,
    inputHash: inputs.inputHash,
    runId: withTemplate(facts.runId, inputs.templateId),
    now,
    hasTelemetryManifest: isOrchestrated,
  };
}

function withTemplate(choice: RunIdChoice, templateId: string | null): RunIdChoice {
  if (choice.kind === "timestamped") return choice;
  if (choice.kind === "deterministic") return { templateId, ...choice };
  return choice.own.kind === "timestamped" ? choice : { ...choice, own: { templateId, ...choice.own } };
}
