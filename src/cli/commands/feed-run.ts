import type { EngineClient } from "../../client/client.ts";
import { ClientError } from "../../client/client-error.ts";
import { binMilliseconds } from "../../lib/bin-length.ts";
import { parseUtc } from "../../lib/utc-time.ts";
import type { Frame } from "../../protocol/frame.ts";
import type { CreateRunRequest, Grid, RunDescription } from "../../protocol/run.ts";
import type { CommandContext, EngineOptions } from "../command.ts";
import { engineClient } from "../engine.ts";
import { CliError } from "../exit-code.ts";
import type { FeedItem } from "../feed.ts";
import type { ModelInUse, Source } from "./feed-source.ts";

export interface Engine extends AsyncDisposable {
  readonly client: EngineClient;
}

/** The engine that is named or found; without one, an engine of this process for as long as it feeds. */
export async function connect(options: EngineOptions, context: CommandContext): Promise<Engine> {
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

export async function openRun(
  client: EngineClient,
  model: ModelInUse | null,
  source: Source,
  settings: Partial<CreateRunRequest>,
  options: { readonly run?: string },
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
    ...settings,
  };
  try {
    return { run: await client.createRun(request), isCreated: true };
  } catch (error) {
    throw error instanceof ClientError && error.code === "invalid_model" ? cannotRun(error) : error;
  }
}

/** Every reason why the engine does not take the model, on a line of its own. */
export function cannotRun(error: ClientError): CliError {
  const errors = error.diagnostics.filter((finding) => finding.severity === "error");
  if (errors.length === 0) return new CliError("invalid_model", error.message, { cause: error });
  const reasons = errors.map(({ line, message }) => `  - ${line === null ? "" : `line ${line}: `}${message}`);
  return new CliError("invalid_model", ["the model cannot run:", ...reasons].join("\n"), { cause: error });
}

/** Lines of a source as the feeder takes them, and whether the run ends with them. */
export class Intake {
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

export function binOf(frame: Frame, grid: Grid): number | null {
  if (frame.type === "end") return null;
  if (frame.type === "adjust") return frame.fromBin ?? null;
  if (frame.binIndex !== undefined) return frame.binIndex;
  const start = grid.start === null ? null : parseUtc(grid.start);
  const at = parseUtc(frame.timestampUtc ?? "");
  if (start === null || at === null) return null;
  return Math.floor((at - start) / binMilliseconds(grid));
}
