import { randomBytes } from "node:crypto";
import { rmdir } from "node:fs/promises";
import path from "node:path";
import type { RunIdChoice } from "../../snapshot/run-id.ts";
import { type CommandContext, type CommonOptions, counted, readInput } from "../command.ts";
import { EXIT, type ExitCode } from "../exit-code.ts";

export interface TelemetryBundleOptions extends CommonOptions {
  readonly captureDir: string;
  readonly model: string;
  readonly output?: string;
  readonly provenance?: string;
  readonly templateId?: string;
  readonly inputHash?: string;
  readonly runId?: string;
  readonly deterministicRunId?: boolean;
  readonly overwrite?: boolean;
  readonly json?: boolean;
}

/** Warnings that are shown; telemetry-manifest.json has all. */
const MAX_SHOWN_WARNINGS = 5;

/** Makes a run folder of a telemetry capture and a model; prints its path. */
export async function telemetryBundle(options: TelemetryBundleOptions, context: CommandContext): Promise<ExitCode> {
  const [text, provenance] = await Promise.all([
    readInput(options.model, context),
    options.provenance === undefined ? null : readInput(options.provenance, context),
  ]);
  const [{ readCaptureFolder }, { linkTelemetry }, { capturedValues }, { bundleRun }, { parseModel }] =
    await Promise.all([
      import("../../snapshot/bundle-folder.ts"),
      import("../../snapshot/bundle-references.ts"),
      import("../../snapshot/bundle-series.ts"),
      import("../../snapshot/bundle-run.ts"),
      import("../../model/parse.ts"),
    ]);
  const { manifest, values, paths, files } = await readCaptureFolder(options.captureDir);
  const modelText = linkTelemetry(text.replace(/^\ufeff/, ""), paths);
  const { model, diagnostics } = parseModel(modelText, { profile: "live" });
  if (model === null) {
    const errors = diagnostics.filter(({ severity }) => severity === "error");
    context.say(["Model validation failed:", ...errors.map(({ message }) => `  - ${message}`)].join("\n"));
    context.say(`flowtime: for places in the text: flowtime validate ${options.model}`);
    return EXIT.no;
  }
  if ((model.topology?.nodes.length ?? 0) === 0) {
    context.say("flowtime: Model topology is required: without it nothing says which series a captured file is.");
    return EXIT.no;
  }
  const { roundTripUtc } = await import("../../snapshot/assemble.ts");
  const { clock } = context;
  const bundled = bundleRun({
    modelText,
    model,
    manifest,
    captured: capturedValues(model, manifest.files, (file) => values.get(file.path)!),
    files,
    provenance: provenance?.replace(/^\ufeff/, "") ?? null,
    inputHash: options.inputHash ?? null,
    runId: runIdChoice(options, clock.now()),
    now: () => roundTripUtc(clock.now()),
  });
  const root = options.output ?? options.data;
  const stagingRoot = path.join(root, ".staging");
  const { writeRunFolder } = await import("../../snapshot/writer.ts");
  const overwrite = options.overwrite === true;
  const folder = await writeRunFolder(bundled.folder, { root, stagingRoot, overwrite }).finally(() =>
    // Another run may be using it, so it goes only when it is empty.
    rmdir(stagingRoot).catch(() => undefined),
  );
  const { bundleWarnings } = bundled;
  for (const { message } of bundleWarnings.slice(0, MAX_SHOWN_WARNINGS)) context.say(`flowtime: ${message}`);
  const rest = bundleWarnings.length - MAX_SHOWN_WARNINGS;
  if (rest > 0) context.say(`flowtime: ${counted(rest, "further warning")}; telemetry-manifest.json has all`);
  const { runId, seriesHashes } = bundled.folder;
  if (options.json === true) {
    const series = [...seriesHashes.keys()];
    await context.out(
      `${JSON.stringify({ runId, path: folder, series, bundleWarnings, warnings: bundled.warnings })}\n`,
    );
  } else {
    context.say(
      `flowtime: ${runId}: ${seriesHashes.size} series, ${counted(bundled.warnings.length, "warning")} in run.json`,
    );
    await context.out(`${folder}\n`);
  }
  return EXIT.ok;
}

function runIdChoice(options: TelemetryBundleOptions, nowMs: number): RunIdChoice {
  const own: Exclude<RunIdChoice, { kind: "explicit" }> =
    options.deterministicRunId === true
      ? { kind: "deterministic", ...(options.templateId === undefined ? {} : { templateId: options.templateId }) }
      : { kind: "timestamped", nowMs, random: randomBytes(4) };
  return options.runId === undefined ? own : { kind: "explicit", id: options.runId, own };
}
