import { rmdir } from "node:fs/promises";
import path from "node:path";
import type { Warning } from "../analysis/warning.ts";
import type { Clock } from "../lib/clock.ts";
import { compileModel } from "../model/compile.ts";
import type { Diagnostic } from "../model/diagnostics.ts";
import { parseModel } from "../model/parse.ts";
import type { Plan } from "../model/plan.ts";
import { timestampedRunId } from "../protocol/ids.ts";
import type { Grid } from "../protocol/run.ts";
import { assembleRun, type RunFolder, roundTripUtc } from "../snapshot/assemble.ts";

import { writeRunFolder } from "../snapshot/writer.ts";
import { LiveRun, type RunImage } from "./live-run.ts";
import { snapshotContent } from "./snapshots.ts";

/** `direct`: what FlowTime's own `run` writes. `simulation`: what an orchestrated simulation run writes. */
export type ArtifactMode = "direct" | "simulation";

export interface RunModelOptions {
  readonly modelText: string;
  readonly mode: ArtifactMode;
  /** Folder that gets the run folder. */
  readonly outDir: string;
  readonly deterministicRunId: boolean;
  /** Recorded only; nothing in a run is random. */
  readonly seed: number | null;
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
    };

/** Evaluates a model that needs no telemetry through the live engine and writes its run folder; nothing else runs. */
export async function runModel(options: RunModelOptions): Promise<RunModelResult> {
  const evaluated = evaluateModel(options.modelText, options.mode);
  if (!evaluated.ok) return evaluated;
  const { plan, image } = evaluated;
  const folder = assembleModelRun(image, options);
  const stagingRoot = path.join(options.outDir, ".staging");
  const runDir = await writeRunFolder(folder, {
    root: options.outDir,
    stagingRoot,
    overwrite: options.deterministicRunId,
  });
  // Another run may be using it, so it goes only when it is empty.
  await rmdir(stagingRoot).catch(() => undefined);
  return {
    ok: true,
    runId: folder.runId,
    runDir,
    order: options.mode === "direct" ? plan.orderAsWritten : plan.order,
    grid: plan.source.grid,
    warnings: image.warnings,
  };
}

/** Evaluates all bins of a model. Series are in the order of the mode: as written with generated ones last, or as compiled. */
export function evaluateModel(
  modelText: string,
  mode: ArtifactMode,
): { ok: false; diagnostics: readonly Diagnostic[] } | { ok: true; plan: Plan; image: RunImage } {
  const parsed = parseModel(modelText, { profile: mode === "direct" ? "direct" : "live" });
  if (parsed.model === null) return { ok: false, diagnostics: parsed.diagnostics };
  const { plan, diagnostics } = compileModel(parsed.model, { asDirectRun: mode === "direct" });
  if (plan === null) return { ok: false, diagnostics: [...parsed.diagnostics, ...diagnostics] };
  const image = evaluatePlan(plan, modelText);
  if (mode === "simulation") return { ok: true, plan, image };
  const byId = new Map(image.series.map((series) => [series.id, series]));
  const generated = new Set(plan.generated);
  const order = [...plan.orderAsWritten, ...plan.order.filter((id) => generated.has(id))];
  return { ok: true, plan, image: { ...image, series: order.map((id) => byId.get(id)!) } };
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
  while (run.evaluateNext() !== null) {}
  return run.image();
}

/** The run folder of an evaluated model, in memory. */
export function assembleModelRun(
  image: RunImage,
  options: Pick<RunModelOptions, "mode" | "deterministicRunId" | "seed" | "clock" | "random">,
): RunFolder {
  const { clock, random, seed } = options;
  return assembleRun({
    ...snapshotContent(image),
    ...(options.mode === "direct" ? { edgeSeries: [] } : {}),
    requestedSeed: seed,
    provenance: null,
    inputHash: null,
    runId: options.deterministicRunId
      ? { kind: "deterministic" }
      : { kind: "timestamped", nowMs: clock.now(), random: random(4) },
    now: () => roundTripUtc(clock.now()),
    hasTelemetryManifest: options.mode === "simulation",
  });
}
