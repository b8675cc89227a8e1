import path from "node:path";
import type { CaptureContent } from "../../protocol/capture.ts";
import type { GapOptions } from "../../snapshot/capture-series.ts";
import type { SnapshotFile } from "../../snapshot/text-file.ts";
import { type CommandContext, counted, type EngineOptions } from "../command.ts";
import { requireEngine } from "../engine.ts";
import { CliError, EXIT, type ExitCode } from "../exit-code.ts";

export interface TelemetryCaptureOptions extends EngineOptions {
  readonly runDir?: string;
  readonly run?: string;
  readonly output?: string;
  readonly dryRun?: boolean;
  readonly gapFillNan?: boolean;
  readonly gapDetect?: boolean;
  readonly gapFillGaps?: boolean;
  readonly overwrite?: boolean;
  readonly json?: boolean;
}

/** Warnings that are shown; manifest.json has all. */
const MAX_SHOWN_WARNINGS = 20;
/** Where captures of live runs go inside the data folder. */
const CAPTURES_FOLDER = "captures";

/** Makes a telemetry capture of a run folder, or of what a live run has evaluated so far; prints where it is. */
export async function telemetryCapture(options: TelemetryCaptureOptions, context: CommandContext): Promise<ExitCode> {
  const { runDir, run } = options;
  if ((runDir === undefined) === (run === undefined)) {
    throw new CliError("usage", "Name one run: --run-dir DIR for a run folder, or --run ID for a live run.");
  }
  const directory = path.resolve(options.output ?? defaultOutput(options));
  const isDryRun = options.dryRun === true;
  const gaps: GapOptions = {
    fillNan: options.gapFillNan === true,
    gaps: options.gapFillGaps === true ? "zero" : options.gapDetect === true ? "warn" : "ignore",
  };
  const capture =
    runDir === undefined
      ? liveCapture(run ?? "", gaps, isDryRun, options, context)
      : storedCapture(runDir, gaps, context);
  let content: CaptureContent;
  if (isDryRun) {
    content = await contentOf(capture);
  } else {
    const { writeCapture } = await import("../../snapshot/capture-writer.ts");
    const { TELEMETRY_MANIFEST_FILE } = await import("../../snapshot/layout.ts");
    const isInRun = runDir !== undefined && directory === path.resolve(runDir, path.dirname(TELEMETRY_MANIFEST_FILE));
    content = await writeCapture(capture, {
      directory,
      overwrite: options.overwrite === true,
      ...(isInRun ? { manifestCopy: path.basename(TELEMETRY_MANIFEST_FILE) } : {}),
    });
  }
  await report(content, directory, options, context);
  return EXIT.ok;
}

function defaultOutput({ runDir, run, data }: TelemetryCaptureOptions): string {
  return runDir === undefined ? path.join(data, CAPTURES_FOLDER, run ?? "") : path.join(runDir, "model", "telemetry");
}

async function* storedCapture(
  runDir: string,
  gaps: GapOptions,
  { clock }: CommandContext,
): AsyncGenerator<SnapshotFile, CaptureContent> {
  const [{ captureRun }, { captureSourceOfFolder }, { roundTripUtc }] = await Promise.all([
    import("../../snapshot/capture.ts"),
    import("../../snapshot/capture-folder.ts"),
    import("../../snapshot/assemble.ts"),
  ]);
  const source = await captureSourceOfFolder(runDir);
  return yield* captureRun(source, { ...gaps, now: () => roundTripUtc(clock.now()) });
}

async function* liveCapture(
  runId: string,
  { gaps = "ignore", fillNan = false }: GapOptions,
  dryRun: boolean,
  options: EngineOptions,
  context: CommandContext,
): AsyncGenerator<SnapshotFile, CaptureContent> {
  const client = await requireEngine(options, context.clock);
  for await (const line of client.capture(runId, { gaps, fillNan, dryRun })) {
    if (line.type === "end") {
      const { type: _, ...content } = line;
      return content;
    }
    yield { path: line.path, bytes: Buffer.from(line.text, "utf8") };
  }
  throw new CliError("capture_cut_off", `The capture of ${runId} ended before its last line; nothing was written.`);
}

async function contentOf(capture: AsyncGenerator<SnapshotFile, CaptureContent>): Promise<CaptureContent> {
  for (;;) {
    const next = await capture.next();
    if (next.done === true) return next.value;
  }
}

async function report(
  content: CaptureContent,
  directory: string,
  options: TelemetryCaptureOptions,
  context: CommandContext,
): Promise<void> {
  const { entries, warnings, runId } = content;
  const isDryRun = options.dryRun === true;
  const files = new Set(entries.map(({ path: name }) => name)).size;
  for (const { code, message } of warnings.slice(0, MAX_SHOWN_WARNINGS)) context.say(`flowtime: ${code}: ${message}`);
  if (warnings.length > MAX_SHOWN_WARNINGS) {
    context.say(`flowtime: ${counted(warnings.length - MAX_SHOWN_WARNINGS, "further warning")}; manifest.json has all`);
  }
  if (entries.length === 0)
    context.say("flowtime: no topology node has a series to capture; the manifest lists nothing");
  const outcome = isDryRun ? "; dry run, nothing written" : "";
  context.say(`flowtime: ${runId}: ${counted(files, "file")}, ${counted(warnings.length, "warning")}${outcome}`);
  if (options.json === true) {
    await context.out(`${JSON.stringify({ output: directory, isDryRun, ...content })}\n`);
  } else if (isDryRun) {
    const rows = entries.map(({ path: name, nodeId, metric, classId, points }) =>
      [path.join(directory, name), nodeId, metric, classId, points].join("\t"),
    );
    await context.out(rows.map((row) => `${row}\n`).join(""));
  } else {
    await context.out(`${directory}\n`);
  }
}
