import { randomUUID } from "node:crypto";
import { createReadStream } from "node:fs";
import type { EngineClient } from "../../client/client.ts";
import { ClientError } from "../../client/client-error.ts";
import type { ReadBundleOptions } from "../../ingest/bundle.ts";
import type { FrameLine } from "../../ingest/frame-lines.ts";
import { parseUtc } from "../../lib/utc-time.ts";
import type { Model } from "../../model/model.ts";
import { encodeFrame, type Frame } from "../../protocol/frame.ts";
import type { BindingRequest, CreateRunRequest, Grid, RunDescription } from "../../protocol/run.ts";
import type { CommandContext, EngineOptions } from "../command.ts";
import { counted, dataHint, fileError, pathKind, readInput, wholeNumber } from "../command.ts";
import { engineClient } from "../engine.ts";
import { CliError, EXIT, type ExitCode } from "../exit-code.ts";
import { Feeder, type FeedItem, type FeedTotals } from "../feed.ts";
import { Progress } from "../progress.ts";
import { RefusalReport } from "../refusals.ts";
import { awaitResult, type RunResult } from "../run-result.ts";

export interface IngestOptions extends EngineOptions {
  readonly model?: string;
  readonly run?: string;
  readonly bind?: readonly string[];
  readonly speed: string;
  readonly watch?: boolean;
  readonly checkpointEvery?: string;
  readonly rejects?: string;
  readonly strict?: boolean;
  readonly end?: boolean;
  readonly json?: boolean;
}

type SourceKind = "bundle" | "growing bundle" | "file" | "stdin";

/** Frames to feed a run with, whatever they are read from. */
interface Source {
  /** To ask for when the run is created. */
  readonly bindings: readonly BindingRequest[];
  readonly warnings: readonly string[];
  readonly lines: AsyncIterable<FrameLine> | Iterable<FrameLine>;
  /** How a report names a line of it. */
  readonly label: (line: FrameLine) => string;
}

interface ModelInUse {
  readonly text: string;
  /** With generated nodes where it compiles. */
  readonly compiled: Model;
  readonly source: Model;
}

const MINUTES_OF = { minutes: 1, hours: 60, days: 1_440, weeks: 10_080 } as const;

/** Feeds a run from a bundle, a file or a pipe; prints the run folder in the end. */
export async function ingest(name: string, options: IngestOptions, context: CommandContext): Promise<ExitCode> {
  const speed = options.speed === "max" ? null : wholeNumber("--speed", options.speed, 1);
  const every = options.checkpointEvery;
  const checkpointEvery = every === undefined ? null : wholeNumber("--checkpoint-every", every, 1);
  const kind = await sourceKind(name, options, context);
  let say = context.say;
  using report = new RefusalReport(options.rejects ?? null, (text) => say(text));

  const model = await modelOf(name, kind, options, context);
  const open = () => openSource(name, kind, model, options, context);
  // What stands still is read, and refused, before an engine is started for it; what flows is waited for afterwards.
  const still = kind === "bundle" || kind === "file" ? await open() : null;
  await using engine = await connect(options, context);
  const source = still ?? (await open());
  if (source === null) return EXIT.ok;
  for (const warning of source.warnings) context.say(`flowtime: ${warning}`);
  const { run, isCreated } = await openRun(engine.client, model, source, checkpointEvery, options);
  context.say(
    `flowtime: run ${run.runId} ${isCreated ? "created" : "found"} at ${engine.client.baseUrl}\n` +
      `  tail it: flowtime stream runs ${run.runId}${dataHint(options, context.env)}`,
  );

  const progress = new Progress(context, run.grid.bins);
  say = (text) => progress.note(text);
  const { signal } = context.shutdown;
  const feeder = new Feeder({
    client: engine.client,
    runId: run.runId,
    clock: context.clock,
    signal,
    speed,
    random: Math.random,
    newProducerId: () => `flowtime-ingest-${randomUUID()}`,
    ...(options.engine === undefined ? { findAgain: () => engineClient(options, context.clock) } : {}),
    onRefused: (refusal) => report.add(refusal),
    onNotice: (text) => say(`flowtime: ${text}`),
    onProgress: (totals) => progress.update(totals),
  });
  const intake = new Intake(options.end ?? (isCreated ? true : null));
  try {
    await feeder.feed(intake.itemsOf(source, run.grid));
    if (intake.shouldEnd && !signal.aborted) await feeder.end();
  } finally {
    progress.clear();
  }
  if (signal.aborted) {
    context.say(`flowtime: stopped; the run stays open, go on with --run ${run.runId}`);
    return EXIT.ok;
  }
  const result = await awaitResult(feeder.client, run.runId, {
    isEnded: intake.shouldEnd,
    clock: context.clock,
    signal,
  });
  return await conclude(result, feeder.totals, options, context);
}

async function sourceKind(name: string, options: IngestOptions, context: CommandContext): Promise<SourceKind> {
  const found = name === "-" ? "stdin" : await pathKind(name);
  if (options.watch === true && found !== "folder") {
    throw new CliError("usage", `--watch follows a bundle folder; ${name} is none.`);
  }
  switch (found) {
    case "stdin":
      if (!context.stdin.isTTY) return "stdin";
      throw new CliError(
        "usage",
        "nothing is piped into stdin\n  pipe frames in: producer | flowtime ingest - --model model.yaml      or name a bundle or file",
      );
    case "folder":
      return options.watch === true ? "growing bundle" : "bundle";
    case "file":
      return "file";
    case null:
      throw new CliError("file_not_found", `There is no bundle or file ${name}.`);
  }
}

/** The model of the run; null when an existing run is fed and none is given. */
async function modelOf(
  name: string,
  kind: SourceKind,
  options: IngestOptions,
  context: CommandContext,
): Promise<ModelInUse | null> {
  const text = await modelText(name, kind, options, context);
  if (text === null) return null;
  const [{ parseModel }, { compileModel }] = await Promise.all([
    import("../../model/parse.ts"),
    import("../../model/compile.ts"),
  ]);
  const { model, diagnostics } = parseModel(text);
  if (model === null) {
    const { renderDiagnostic } = await import("../../model/render-diagnostics.ts");
    const fileName = options.model ?? `${name}/model.yaml`;
    const render = { color: context.color.stderr, fileName };
    for (const finding of diagnostics) context.say(`${renderDiagnostic(finding, text, render)}\n`);
    throw new CliError("invalid_model", `the model ${fileName} has errors; no run was created`);
  }
  return { text, source: model, compiled: compileModel(model).plan?.model ?? model };
}

async function modelText(
  name: string,
  kind: SourceKind,
  options: IngestOptions,
  context: CommandContext,
): Promise<string | null> {
  if (options.model !== undefined) {
    if (options.model === "-") throw new CliError("usage", "--model needs a file; stdin carries frames.");
    return readInput(options.model, context);
  }
  switch (kind) {
    case "bundle": {
      const { readBundleModel } = await import("../../ingest/bundle.ts");
      return readBundleModel(name);
    }
    case "growing bundle": {
      const { awaitBundleModel } = await import("../../ingest/bundle-watch.ts");
      return awaitBundleModel(name, watchOptions(context));
    }
    case "file":
    case "stdin":
      if (options.run !== undefined) return null;
      throw new CliError(
        "usage",
        `frames need a model to create a run for them\n  give one: --model model.yaml      or feed a run that exists: --run ID`,
      );
  }
}

function watchOptions(context: CommandContext) {
  const onNotice = (text: string) => context.say(`flowtime: ${text}`);
  return { clock: context.clock, signal: context.shutdown.signal, onNotice };
}

/** Null when a signal came first. */
async function openSource(
  name: string,
  kind: SourceKind,
  model: ModelInUse | null,
  options: IngestOptions,
  context: CommandContext,
): Promise<Source | null> {
  switch (kind) {
    case "bundle":
    case "growing bundle":
      return model === null ? null : openBundle(name, kind, model, context);
    case "file": {
      const { readFrameLines, BindingSet } = await import("../../ingest/frame-lines.ts");
      const lines = () => readFrameLines(readFile(name));
      const named = new BindingSet();
      if (options.bind === undefined && model !== null) {
        for await (const line of lines()) if ("frame" in line) named.add(line.frame);
      }
      return frameSource(lines(), named.all, model, options);
    }
    case "stdin": {
      const { readFrameLines, peekFirstBin } = await import("../../ingest/frame-lines.ts");
      const lines = readFrameLines(stdinUntil(context));
      if (options.bind !== undefined || model === null) return frameSource(lines, [], model, options);
      const peeked = await peekFirstBin(lines);
      return context.shutdown.signal.aborted ? null : frameSource(peeked.lines, peeked.bindings, model, options);
    }
  }
}

async function openBundle(
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

async function frameSource(
  lines: AsyncIterable<FrameLine>,
  named: readonly BindingRequest[],
  model: ModelInUse | null,
  options: IngestOptions,
): Promise<Source> {
  const label = ({ line }: FrameLine) => `line ${line}`;
  const asked = (options.bind ?? []).map(bindingOf);
  if (model === null) return { bindings: asked, warnings: [], lines, label };
  const { seriesOfBinding } = await import("../../model/feeds.ts");
  // A frame that names what the model does not have is refused by itself; it must not keep the run from starting.
  const known = named.filter((binding) => seriesOfBinding(model.compiled, binding) !== null);
  return { bindings: [...asked, ...known], warnings: [], lines, label };
}

function bindingOf(text: string): BindingRequest {
  const colon = text.lastIndexOf(":");
  return colon < 0 ? text : { nodeId: text.slice(0, colon), metric: text.slice(colon + 1) };
}

async function* linesOf(frames: Iterable<Frame> | AsyncIterable<Frame>): AsyncGenerator<FrameLine> {
  let line = 0;
  for await (const frame of frames) yield { line: ++line, text: encodeFrame(frame), frame };
}

function labelOfFrame(line: FrameLine): string {
  if (!("frame" in line) || line.frame.type === "end") return "the end";
  const { frame } = line;
  const what = frame.type === "watermark" ? "watermark" : (frame.nodeId ?? frame.seriesId);
  return `bin ${frame.binIndex}, ${what}`;
}

function readFile(name: string): AsyncIterable<Uint8Array> {
  const stream = createReadStream(name);
  return {
    async *[Symbol.asyncIterator]() {
      try {
        yield* stream;
      } catch (error) {
        throw fileError(name, error);
      }
    },
  };
}

/** Stdin, ended by a signal as by its own end. */
async function* stdinUntil({ stdin, shutdown }: CommandContext): AsyncGenerator<Uint8Array> {
  const { signal } = shutdown;
  const stop = () => stdin.destroy();
  signal.addEventListener("abort", stop, { once: true });
  try {
    if (!signal.aborted) yield* stdin;
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

function checkGrid(ofBundle: Grid | null, ofModel: Omit<Grid, "start">): void {
  if (ofBundle === null) return;
  const minutes = (grid: Omit<Grid, "start">) => grid.binSize * MINUTES_OF[grid.binUnit];
  if (ofBundle.bins === ofModel.bins && minutes(ofBundle) === minutes(ofModel)) return;
  const words = (grid: Omit<Grid, "start">) => `${grid.bins} bins of ${grid.binSize} ${grid.binUnit}`;
  throw new CliError(
    "grid_mismatch",
    `manifest.json has ${words(ofBundle)}, the model ${words(ofModel)}: they do not belong together.`,
  );
}

interface Engine extends AsyncDisposable {
  readonly client: EngineClient;
}

/** The engine that is named or found; without one, an engine of this process for as long as it feeds. */
async function connect(options: IngestOptions, context: CommandContext): Promise<Engine> {
  const client = await engineClient(options, context.clock);
  if (client !== null) {
    // Asked at once, so that nobody reads a pipe for an engine that is not there.
    if (options.engine !== undefined) await client.listRuns();
    return { client, [Symbol.asyncDispose]: async () => {} };
  }
  const { startEngine } = await import("../../server/main.ts");
  const engine = await startEngine({
    dataDir: options.data,
    port: 0,
    onNotice: (text) => context.say(`flowtime: ${text}`),
  });
  const started = await engineClient({ ...options, engine: engine.url }, context.clock);
  return { client: started!, [Symbol.asyncDispose]: () => engine.stop() };
}

async function openRun(
  client: EngineClient,
  model: ModelInUse | null,
  source: Source,
  checkpointEvery: number | null,
  options: IngestOptions,
): Promise<{ readonly run: RunDescription; readonly isCreated: boolean }> {
  if (options.run !== undefined) {
    try {
      return { run: await client.run(options.run), isCreated: false };
    } catch (error) {
      const isMissing = error instanceof ClientError && error.code === "run_not_found";
      if (!isMissing || model === null) throw error;
    }
  }
  const request: CreateRunRequest = {
    mode: "live",
    model: model!.text,
    bindings: source.bindings,
    ...(options.run === undefined ? {} : { runId: options.run }),
    ...(checkpointEvery === null ? {} : { checkpointEvery }),
  };
  try {
    return { run: await client.createRun(request), isCreated: true };
  } catch (error) {
    throw error instanceof ClientError && error.code === "invalid_model" ? cannotRun(error) : error;
  }
}

/** Every reason why the engine does not take the model, on a line of its own. */
function cannotRun(error: ClientError): CliError {
  const errors = error.diagnostics.filter((finding) => finding.severity === "error");
  if (errors.length === 0) return new CliError("invalid_model", error.message, { cause: error });
  const reasons = errors.map(({ line, message }) => `  - ${line === null ? "" : `line ${line}: `}${message}`);
  return new CliError("invalid_model", ["the model cannot run:", ...reasons].join("\n"), { cause: error });
}

/** Lines of a source as the feeder takes them, and whether the run ends with them. */
class Intake {
  readonly #ending: boolean | null;
  #hasEnd = false;

  /** @param ending true: the run ends with the source; false: it does not; null: if the source says so */
  constructor(ending: boolean | null) {
    this.#ending = ending;
  }

  /** Whether an `end` is to be sent, once everything was. */
  get shouldEnd(): boolean {
    return this.#ending ?? this.#hasEnd;
  }

  async *itemsOf(source: Source, grid: Grid): AsyncGenerator<FeedItem> {
    for await (const line of source.lines) {
      const label = source.label(line);
      if ("error" in line) {
        const { code, message } = line.error;
        yield { refusal: { label, code, message, text: line.text } };
      } else if (line.frame.type === "end") {
        this.#hasEnd = true;
      } else if (this.#hasEnd && this.#ending !== false) {
        const message = "The frame stands behind the end of the telemetry.";
        yield { refusal: { label, code: "run_ended", message, text: line.text } };
      } else {
        yield { label, text: line.text, bin: binOf(line.frame, grid) };
      }
    }
  }
}

function binOf(frame: Frame, grid: Grid): number | null {
  if (frame.type === "end") return null;
  if (frame.binIndex !== undefined) return frame.binIndex;
  const start = grid.start === null ? null : parseUtc(grid.start);
  const at = parseUtc(frame.timestampUtc ?? "");
  if (start === null || at === null) return null;
  return Math.floor((at - start) / (grid.binSize * MINUTES_OF[grid.binUnit] * 60_000));
}

async function conclude(
  { run, folder }: RunResult,
  totals: Readonly<FeedTotals>,
  options: IngestOptions,
  context: CommandContext,
): Promise<ExitCode> {
  const { accepted, duplicates, late, rejected } = totals;
  const { runId, state, sealedBin, hash } = run;
  context.say(
    `flowtime: ${counted(sealedBin + 1, "bin")} sealed, run ${state} · ${counted(accepted, "frame")} accepted, ` +
      `${duplicates} duplicate, ${late} late, ${rejected} rejected`,
  );
  if (folder === null) context.say("flowtime: no bin was sealed, so there is no run folder");
  if (options.json === true) {
    const result = { runId, state, sealedBin, hash, accepted, duplicates, late, rejected, snapshot: folder };
    await context.out(`${JSON.stringify(result)}\n`);
  } else if (folder !== null) {
    await context.out(`${folder}\n`);
  }
  const isWanting = folder === null || (options.strict === true && late + rejected > 0);
  return isWanting ? EXIT.no : EXIT.ok;
}
