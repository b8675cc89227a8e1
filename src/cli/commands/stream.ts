import type { EngineClient } from "../../client/client.ts";
import { ClientError } from "../../client/client-error.ts";
import { RunStream, type StreamItem } from "../../client/stream.ts";
import type { StopReason } from "../../client/stream-state.ts";
import { type Cursor, formatCursor, parseCursor } from "../../protocol/cursor.ts";
import type { RunDescription } from "../../protocol/run.ts";
import type { ByeCode } from "../../protocol/run-event.ts";
import { chooseGlyphs } from "../../tui/glyphs.ts";
import { type CommandContext, type EngineOptions, wholeNumber } from "../command.ts";
import { requireEngine } from "../engine.ts";
import { CliError, EXIT, type ExitCode, exitCodeOf } from "../exit-code.ts";
import { chooseOutput, OUTPUTS, type Output, type OutputChoice } from "../output/choose-output.ts";
import type { StreamEnd, StreamFace } from "../output/stream-face.ts";
import { LinesFace } from "../output/stream-lines.ts";
import { NdjsonFace } from "../output/stream-ndjson.ts";

/** Tries after which a tail that nobody watches gives up: some 15 s. A person at a terminal sees and decides. */
const DEFAULT_RETRIES = 5;

/** Options as the command line gives them. */
export interface StreamOptions extends EngineOptions {
  readonly json?: boolean;
  readonly output: string;
  readonly since?: string;
  readonly node?: readonly string[];
  readonly limit?: string;
  readonly retries?: string;
  readonly ascii?: boolean;
}

/** Options, checked. */
export interface StreamPlan {
  readonly output: Output;
  readonly since: Cursor | null;
  readonly nodes: readonly string[] | null;
  readonly limit: number | null;
  /** Null = for ever. */
  readonly retries: number | null;
  readonly ascii: boolean;
}

/** `flowtime stream runs <runId>`: follows a run until it ends, `--limit` is reached, or the person quits. */
export async function streamRun(runId: string, options: StreamOptions, context: CommandContext): Promise<ExitCode> {
  return await followRun(runId, planOf(options, context), options, context, context.shutdown.signal);
}

/** The same with options that were checked before. @param signal stops following */
export async function followRun(
  runId: string,
  plan: StreamPlan,
  options: EngineOptions,
  context: CommandContext,
  signal: AbortSignal,
): Promise<ExitCode> {
  const client = await requireEngine(options, context.clock);
  const run = await describeRun(client, runId);
  checkNodes(plan.nodes, run);
  const stream = new RunStream({
    baseUrl: client.baseUrl,
    runId,
    cursor: plan.since,
    clock: context.clock,
    settings: { retries: plan.retries },
  });
  return plan.output === "tui"
    ? await showScreen(stream, run, client, plan, context, signal)
    : await writeDown(stream, runId, plan, context, signal);
}

/** @throws CliError `usage` */
export function planOf(options: StreamOptions, context: CommandContext): StreamPlan {
  const choice = options.json === true ? "ndjson" : options.output;
  if (!(OUTPUTS as readonly string[]).includes(choice)) {
    throw new CliError("usage", `--output must be one of ${OUTPUTS.join(", ")}, not '${choice}'.`);
  }
  const { stdout, env } = context;
  const output = chooseOutput(choice as OutputChoice, { stdoutIsTTY: stdout.isTTY === true, env });
  const since = options.since === undefined ? null : parseCursor(options.since);
  if (options.since !== undefined && since === null) {
    throw new CliError(
      "usage",
      `--since must be a cursor such as 'k3x9.1042' (epoch and sequence), not '${options.since}'.`,
    );
  }
  const forever = output === "tui" || stdout.isTTY === true;
  return {
    output,
    since,
    nodes: options.node === undefined || options.node.length === 0 ? null : options.node,
    limit: options.limit === undefined ? null : wholeNumber("--limit", options.limit, 1),
    retries: retriesOf(options.retries, forever ? null : DEFAULT_RETRIES),
    ascii: options.ascii === true,
  };
}

function retriesOf(text: string | undefined, usual: number | null): number | null {
  if (text === undefined) return usual;
  return text === "forever" ? null : wholeNumber("--retries", text, 0);
}

async function describeRun(client: EngineClient, runId: string): Promise<RunDescription> {
  try {
    return await client.run(runId);
  } catch (error) {
    if (!(error instanceof ClientError) || error.status !== 404) throw error;
    throw new ClientError(
      "run_not_found",
      `the engine at ${client.baseUrl} has no run '${runId}'\n  list them: flowtime runs`,
      {
        status: 404,
        cause: error,
      },
    );
  }
}

/** A filter on a node that does not exist would wait for ever. */
function checkNodes(nodes: readonly string[] | null, run: RunDescription): void {
  const known = run.nodes.map(({ id }) => id);
  const unknown = (nodes ?? []).filter((id) => !known.includes(id));
  if (unknown.length === 0) return;
  const some = known.slice(0, 10).join(", ") + (known.length > 10 ? `, and ${known.length - 10} more` : "");
  throw new CliError("usage", `--node: ${run.runId} has no node '${unknown.join("', '")}'.\n  it has: ${some}`);
}

async function showScreen(
  stream: RunStream,
  run: RunDescription,
  client: EngineClient,
  plan: StreamPlan,
  context: CommandContext,
  signal: AbortSignal,
): Promise<ExitCode> {
  // Ink and React take a third of a second to load, so that only who sees the screen waits for them.
  const { runTui } = await import("../../tui/run-tui.tsx");
  const { summary } = await runTui({
    runId: run.runId,
    stream,
    snapshot: run.snapshot,
    checkpoint: () => client.checkpoint(run.runId),
    stdout: context.stdout,
    stdin: context.stdin,
    hasColor: context.color.stdout,
    ascii: plan.ascii,
    env: context.env,
    clock: context.clock,
    signal,
  });
  await context.out(`${summary}\n`);
  const { state } = stream;
  // Who quits has seen how it stood; only what ended before that is an answer.
  return state.kind === "stopped" && state.reason !== "closed" ? stopCode(stream, state.reason, state.status) : EXIT.ok;
}

async function writeDown(
  stream: RunStream,
  runId: string,
  plan: StreamPlan,
  context: CommandContext,
  signal: AbortSignal,
): Promise<ExitCode> {
  const close = () => stream.close();
  signal.addEventListener("abort", close);
  if (signal.aborted) close();
  const face = faceOf(runId, plan, context);
  const isQuiet = plan.output === "quiet";
  let verdict: { readonly code: ExitCode; readonly end: StreamEnd } | null = null;
  try {
    for await (const item of stream) {
      report(item, context);
      const lines = face.lines(item);
      if (lines.length > 0 && !isQuiet) await context.out(`${lines.join("\n")}\n`);
      verdict = verdictOf(item, stream);
      if (verdict === null && plan.limit !== null && face.bins >= plan.limit) {
        verdict = { code: EXIT.ok, end: { reason: "limit", message: null } };
      }
      if (verdict !== null || signal.aborted) break;
    }
  } finally {
    signal.removeEventListener("abort", close);
    stream.close();
  }
  if (verdict === null) return EXIT.ok;
  const last = face.end(verdict.end);
  if (last.length > 0 && !isQuiet) await context.out(`${last.join("\n")}\n`);
  if (verdict.code !== EXIT.ok) context.say(`flowtime: ${complaint(verdict.end, runId, stream)}`);
  return verdict.code;
}

function faceOf(runId: string, plan: StreamPlan, context: CommandContext): StreamFace {
  const { nodes, limit, since } = plan;
  if (plan.output === "ndjson") return new NdjsonFace({ runId, nodes, limit, since });
  return new LinesFace({ nodes, limit, glyphs: chooseGlyphs(plan.ascii, context.env) });
}

/** Status goes to stderr, one line for a change. */
function report(item: StreamItem, context: CommandContext): void {
  if (item.source !== "connection") return;
  const { event } = item;
  if (event.event === "lost") {
    context.say(`flowtime: ${event.message}; trying again in ${(event.retryInMs / 1000).toFixed(1)} s`);
  }
  if (event.event === "connected" && event.afterMs > 0) {
    const where = event.resumedFrom === null ? "from a snapshot" : `at ${formatCursor(event.resumedFrom)}`;
    context.say(`flowtime: resumed ${where} after ${(event.afterMs / 1000).toFixed(1)} s`);
  }
}

const END_CODE: Readonly<Record<ByeCode, ExitCode>> = {
  completed: EXIT.ok,
  aborted: EXIT.ok,
  failed: EXIT.engine,
  slow: EXIT.connection,
  expired: EXIT.connection,
  draining: EXIT.connection,
};

function verdictOf(item: StreamItem, stream: RunStream): { readonly code: ExitCode; readonly end: StreamEnd } | null {
  if (item.source !== "connection") return null;
  const { event } = item;
  if (event.event === "ended") {
    return { code: END_CODE[event.code], end: { reason: event.code, message: event.message } };
  }
  if (event.event !== "stopped" || event.reason === "closed") return null;
  const reason = event.reason === "retries-used-up" ? "lost" : event.reason;
  return { code: stopCode(stream, event.reason, event.status), end: { reason, message: event.message } };
}

function stopCode(stream: RunStream, reason: StopReason, status: number | null): ExitCode {
  switch (reason) {
    case "retries-used-up":
      return EXIT.connection;
    case "resync-loop":
      return EXIT.engine;
    case "refused":
      return stream.refusal === null
        ? EXIT.engine
        : status === 401 || status === 403
          ? EXIT.usage
          : exitCodeOf(stream.refusal);
    case "closed":
      return EXIT.ok;
  }
}

function complaint(end: StreamEnd, runId: string, stream: RunStream): string {
  switch (end.reason) {
    case "failed":
      return `${runId} failed${end.message === null ? "" : `: ${end.message}`}`;
    case "lost": {
      const from =
        stream.cursor === null
          ? ""
          : `\n  go on later: flowtime stream runs ${runId} --since ${formatCursor(stream.cursor)}`;
      return `the stream of ${runId} was lost and the tries are used up: ${end.message}${from}`;
    }
    default:
      return end.message ?? end.reason;
  }
}
