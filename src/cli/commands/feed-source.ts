import type { ReadBundleOptions } from "../../ingest/bundle.ts";
import type { FrameLine } from "../../ingest/frame-lines.ts";
import { binMinutes } from "../../lib/bin-length.ts";
import type { Model } from "../../model/model.ts";
import { encodeFrame, type Frame } from "../../protocol/frame.ts";
import type { BindingRequest, Grid } from "../../protocol/run.ts";
import type { CommandContext } from "../command.ts";
import { CliError } from "../exit-code.ts";

/** Frames to feed a run with, whatever they are read from. */
export interface Source {
  /** To ask for when the run is created. */
  readonly bindings: readonly BindingRequest[];
  readonly warnings: readonly string[];
  readonly lines: AsyncIterable<FrameLine> | Iterable<FrameLine>;
  /** How a report names a line of it. */
  readonly label: (line: FrameLine) => string;
}

export interface ModelInUse {
  readonly text: string;
  /** With generated nodes where it compiles. */
  readonly compiled: Model;
  readonly source: Model;
}

/** The model of a text. @throws CliError `invalid_model`, with every finding told before */
export async function modelInUse(text: string, fileName: string, context: CommandContext): Promise<ModelInUse> {
  const [{ parseModel }, { compileModel }] = await Promise.all([
    import("../../model/parse.ts"),
    import("../../model/compile.ts"),
  ]);
  const { model, diagnostics } = parseModel(text);
  if (model === null) {
    const { renderDiagnostic } = await import("../../model/render-diagnostics.ts");
    const render = { color: context.color.stderr, fileName };
    for (const finding of diagnostics) context.say(`${renderDiagnostic(finding, text, render)}\n`);
    throw new CliError("invalid_model", `the model ${fileName} has errors; no run was created`);
  }
  return { text, source: model, compiled: compileModel(model).plan?.model ?? model };
}

/** Null when a signal came first. */
export async function openBundle(
  dir: string,
  kind: "bundle" | "growing bundle",
  model: ModelInUse,
  context: CommandContext,
): Promise<Source | null> {
  const { conventionalFeeds, fileFeeds, seriesOfBinding } = await import("../../model/feeds.ts");
  const { grid } = model.source;
  const feeds: ReadBundleOptions = {
    references: fileFeeds(model.source),
    conventions: conventionalFeeds(model.compiled),
    seriesOf: (binding) => seriesOfBinding(model.compiled, binding),
    computesClasses: model.source.arrivals.length > 0,
    bins: grid.bins,
  };
  if (kind === "bundle") {
    const [{ readBundle }, { bundleFrames }] = await Promise.all([
      import("../../ingest/bundle.ts"),
      import("../../ingest/bundle-frames.ts"),
    ]);
    const bundle = await readBundle(dir, feeds);
    checkGrid(bundle.grid, grid);
    const { bindings, warnings } = bundle;
    return { bindings, warnings, lines: linesOf(bundleFrames(bundle)), label: labelOfFrame };
  }
  const { watchBundle } = await import("../../ingest/bundle-watch.ts");
  const bundle = await watchBundle(dir, { ...feeds, ...watchOptions(context) });
  if (bundle === null) return null;
  checkGrid(bundle.grid, grid);
  const { bindings, warnings } = bundle;
  return { bindings, warnings, lines: linesOf(bundle.frames), label: labelOfFrame };
}

export async function* linesOf(frames: Iterable<Frame> | AsyncIterable<Frame>): AsyncGenerator<FrameLine> {
  let line = 0;
  for await (const frame of frames) yield { line: ++line, text: encodeFrame(frame), frame };
}

export function labelOfFrame(line: FrameLine): string {
  if (!("frame" in line) || line.frame.type === "end") return "the end";
  const { frame } = line;
  if (frame.type === "adjust") return "an adjustment";
  const what = frame.type === "watermark" ? "watermark" : (frame.nodeId ?? frame.seriesId);
  return `bin ${frame.binIndex}, ${what}`;
}

function checkGrid(ofBundle: Grid | null, ofModel: Omit<Grid, "start">): void {
  if (ofBundle === null) return;
  if (ofBundle.bins === ofModel.bins && binMinutes(ofBundle) === binMinutes(ofModel)) return;
  const words = (grid: Omit<Grid, "start">) => `${grid.bins} bins of ${grid.binSize} ${grid.binUnit}`;
  throw new CliError(
    "grid_mismatch",
    `manifest.json has ${words(ofBundle)}, the model ${words(ofModel)}: they do not belong together.`,
  );
}

export function watchOptions(context: CommandContext) {
  const onNotice = (text: string) => context.say(`flowtime: ${text}`);
  return { clock: context.clock, signal: context.shutdown.signal, onNotice };
}
