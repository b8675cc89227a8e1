import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import path from "node:path";
import { binMinutes } from "../../lib/bin-length.ts";
import { formatCursor } from "../../protocol/cursor.ts";
import type { RunDescription } from "../../protocol/run.ts";
import { type CommandContext, counted, dataHint, type EngineOptions, pathKind } from "../command.ts";
import { CliError, EXIT, type ExitCode } from "../exit-code.ts";
import { Feeder, type FeedTotals } from "../feed.ts";
import { RefusalReport } from "../refusals.ts";
import { awaitResult } from "../run-result.ts";
import { connect, Intake, openRun } from "./feed-run.ts";
import { labelOfFrame, linesOf, type ModelInUse, modelInUse, openBundle, type Source } from "./feed-source.ts";
import { followRun, planOf } from "./stream.ts";

export interface ReplayOptions extends EngineOptions {
  readonly run?: string;
  readonly speed: string;
  readonly output: string;
  readonly json?: boolean;
  readonly node?: readonly string[];
  readonly ascii?: boolean;
}

/** What is replayed. */
interface Recording {
  readonly model: ModelInUse;
  readonly source: Source;
  /** Hash of the chain that the original came to, where it is known. */
  readonly hash: string | null;
}

/**
 * Replays a stored run or a telemetry bundle as a live run, at any speed, and shows its stream. The same recording gives
 * the same events and, for what a live run wrote, the same hash.
 */
export async function replay(name: string, options: ReplayOptions, context: CommandContext): Promise<ExitCode> {
  const plan = planOf({ ...options }, context);
  // Judged before anything is started.
  speedOf(options.speed, 1);
  const recording = await openRecording(name, options, context);
  const { model, source } = recording;
  await using engine = await connect(options, context);
  for (const warning of source.warnings) context.say(`flowtime: ${warning}`);
  const { run, isCreated } = await openRun(engine.client, model, source, {}, options);
  if (!isCreated) throw new CliError("usage", `There is a run ${run.runId} already; a replay needs an id of its own.`);
  context.say(
    `flowtime: replaying ${name} as ${run.runId} at ${engine.client.baseUrl}\n` +
      `  follow it elsewhere: flowtime stream runs ${run.runId}${dataHint(options, context.env)}`,
  );

  const { signal } = context.shutdown;
  const done = new AbortController();
  const both = AbortSignal.any([signal, done.signal]);
  const feeding = feed(recording, run, engine.client, options, context, both).catch((error: unknown) => {
    done.abort();
    throw error;
  });
  // From the very first event on, however late the stream connects.
  const since = { epoch: run.epoch, seq: run.seq };
  const following = followRun(
    run.runId,
    { ...plan, since },
    { ...options, engine: engine.client.baseUrl },
    context,
    both,
  );
  const [fed, followed] = await Promise.allSettled([feeding, following.finally(() => done.abort())]);
  if (fed.status === "rejected") throw fed.reason;
  if (followed.status === "rejected") throw followed.reason;
  const totals = fed.value;
  if (totals === null) {
    context.say(`flowtime: stopped after ${formatCursor(since)}; the run ${run.runId} stays open`);
    return followed.value;
  }
  return (await conclude(recording, run, totals, engine.client, options, context)) || followed.value;
}

/** A run folder, else a bundle. @throws CliError, SnapshotError, BundleError */
async function openRecording(name: string, options: ReplayOptions, context: CommandContext): Promise<Recording> {
  const inData = path.join(options.data, name);
  const dir = (await pathKind(name)) === null && !/[/\\]/.test(name) && (await pathKind(inData)) ? inData : name;
  const kind = await pathKind(dir);
  if (kind === null) throw new CliError("file_not_found", `There is no run folder or bundle ${name}.`);
  if (kind === "file") {
    throw new CliError(
      "usage",
      `${name} is a file\n  an archive: flowtime artifacts import ${name}      frames: flowtime ingest ${name} --model model.yaml`,
    );
  }
  const isRun = ["run.json", "model/model.yaml"].some((file) => existsSync(path.join(dir, file)));
  return isRun ? openRunFolder(dir, context) : openTelemetry(dir, context);
}

async function openRunFolder(dir: string, context: CommandContext): Promise<Recording> {
  const [{ inputFrames, readRunInputs }, { liveInputs }] = await Promise.all([
    import("../../snapshot/run-inputs.ts"),
    import("../../runtime/replay-run.ts"),
  ]);
  const stored = await readRunInputs(dir);
  const model = await modelInUse(stored.modelText, `${dir}/spec.yaml`, context);
  const inputs = liveInputs(stored);
  const source = { bindings: inputs.bindings, warnings: [], lines: linesOf(inputFrames(inputs)), label: labelOfFrame };
  // The hash of a corrected run covers its corrections; what is replayed are the corrected values.
  return { model, source, hash: inputs.revisions.length > 0 ? null : inputs.hash };
}

async function openTelemetry(dir: string, context: CommandContext): Promise<Recording> {
  const { readBundleModel } = await import("../../ingest/bundle.ts");
  const model = await modelInUse(await readBundleModel(dir), `${dir}/model.yaml`, context);
  const source = await openBundle(dir, "bundle", model, context);
  return { model, source: source!, hash: null };
}

/** Null when it was stopped before the end. */
async function feed(
  { source }: Recording,
  run: RunDescription,
  client: Awaited<ReturnType<typeof connect>>["client"],
  options: ReplayOptions,
  context: CommandContext,
  signal: AbortSignal,
): Promise<FeedTotals | null> {
  using report = new RefusalReport(null, context.say);
  const binSeconds = binMinutes(run.grid) * 60;
  const feeder = new Feeder({
    client,
    runId: run.runId,
    clock: context.clock,
    signal,
    speed: speedOf(options.speed, binSeconds),
    random: Math.random,
    newProducerId: () => `flowtime-replay-${randomUUID()}`,
    onRefused: (refusal) => report.add(refusal),
    onNotice: (text) => context.say(`flowtime: ${text}`),
    onProgress: () => {},
  });
  await feeder.feed(new Intake(true).itemsOf(source, run.grid));
  if (signal.aborted) return null;
  await feeder.end();
  return feeder.totals;
}

/** Bins per second; null as fast as it goes. `8` is eight bins a second, `60x` sixty times as fast as it happened. */
function speedOf(text: string, binSeconds: number): number | null {
  if (text === "max") return null;
  const match = /^(\d+(?:\.\d+)?)(x?)$/i.exec(text.trim());
  const value = Number(match?.[1] ?? 0);
  if (match === null || value <= 0) {
    throw new CliError(
      "usage",
      `--speed must be bins per second (8), a multiple of real time (60x), or max, not '${text}'.`,
    );
  }
  return match[2] === "" ? value : value / binSeconds;
}

async function conclude(
  { hash }: Recording,
  { runId }: RunDescription,
  { accepted, late, rejected }: FeedTotals,
  client: Awaited<ReturnType<typeof connect>>["client"],
  options: ReplayOptions,
  context: CommandContext,
): Promise<ExitCode> {
  const { signal } = context.shutdown;
  const { run, folder } = await awaitResult(client, runId, { isEnded: true, clock: context.clock, signal });
  context.say(
    `flowtime: ${counted(run.sealedBin + 1, "bin")} replayed, run ${run.state} · ${counted(accepted, "frame")} accepted, ` +
      `${late + rejected} refused · hash ${run.hash}`,
  );
  if (folder === null) context.say("flowtime: no bin was sealed, so there is no run folder");
  else if (options.output === "quiet" && options.json !== true) await context.out(`${folder}\n`);
  else context.say(`flowtime: run folder ${folder}`);
  if (hash !== null && hash !== run.hash) {
    context.say(
      `flowtime: the original came to another hash: ${hash}\n  see where they differ: flowtime verify --replay`,
    );
    return EXIT.no;
  }
  if (hash !== null) context.say("flowtime: the hash is that of the original run");
  return folder === null ? EXIT.no : EXIT.ok;
}
