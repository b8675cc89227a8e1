import { randomUUID } from "node:crypto";
import { createReadStream } from "node:fs";
import type { FrameLine } from "../../ingest/frame-lines.ts";
import type { BindingRequest, CreateRunRequest, GapPolicy, LatePolicy } from "../../protocol/run.ts";
import type { CommandContext, EngineOptions } from "../command.ts";
import { counted, dataHint, fileError, pathKind, readInput, wholeNumber } from "../command.ts";
import { duration } from "../duration.ts";
import { engineClient } from "../engine.ts";
import { CliError, EXIT, type ExitCode } from "../exit-code.ts";
import { Feeder, type FeedTotals } from "../feed.ts";
import { Progress } from "../progress.ts";
import { RefusalReport } from "../refusals.ts";
import { modesOf } from "../run-modes.ts";
import { awaitResult, type RunResult } from "../run-result.ts";
import { connect, Intake, openRun } from "./feed-run.ts";
import { type ModelInUse, modelInUse, openBundle, type Source, watchOptions } from "./feed-source.ts";

export interface IngestOptions extends EngineOptions {
  readonly model?: string;
  readonly run?: string;
  readonly bind?: readonly string[];
  readonly speed: string;
  readonly watch?: boolean;
  readonly checkpointEvery?: string;
  readonly keep?: string;
  readonly latePolicy?: LatePolicy;
  readonly historyBins?: string;
  readonly gapPolicy?: GapPolicy;
  readonly sealAfter?: string;
  readonly idleAfter?: string;
  readonly enforce?: string;
  readonly rejects?: string;
  readonly strict?: boolean;
  readonly end?: boolean;
  readonly json?: boolean;
}

type SourceKind = "bundle" | "growing bundle" | "file" | "stdin";

/** Feeds a run from a bundle, a file or a pipe; prints the run folder in the end. */
export async function ingest(name: string, options: IngestOptions, context: CommandContext): Promise<ExitCode> {
  const speed = options.speed === "max" ? null : wholeNumber("--speed", options.speed, 1);
  const settings = runSettings(options);
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
  const { run, isCreated } = await openRun(engine.client, model, source, settings, options);
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
  return modelInUse(text, options.model ?? `${name}/model.yaml`, context);
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

/** What a run that this command creates is asked to be. */
function runSettings(options: IngestOptions): Partial<CreateRunRequest> {
  const { checkpointEvery: every, latePolicy, keep, historyBins, gapPolicy, sealAfter, idleAfter, enforce } = options;
  return {
    ...(every === undefined ? {} : { checkpointEvery: wholeNumber("--checkpoint-every", every, 1) }),
    ...(keep === undefined ? {} : { keep: wholeNumber("--keep", keep, 1) }),
    ...(latePolicy === undefined ? {} : { latePolicy }),
    ...(historyBins === undefined ? {} : { historyBins: wholeNumber("--history-bins", historyBins, 1) }),
    ...(gapPolicy === undefined ? {} : { gapPolicy }),
    ...(sealAfter === undefined ? {} : { sealAfterMs: duration("--seal-after", sealAfter) }),
    ...(idleAfter === undefined ? {} : { idleAfterMs: duration("--idle-after", idleAfter) }),
    ...(enforce === undefined ? {} : { modes: modesOf(enforce) }),
  };
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
