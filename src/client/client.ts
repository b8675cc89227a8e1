import { type Clock, systemClock } from "../lib/clock.ts";
import type { CaptureLine } from "../protocol/capture.ts";
import type { ExplainAnswer, ExplainQuery } from "../protocol/explanation.ts";
import type { IngestAnswer } from "../protocol/frame.ts";
import { PRODUCER_HEADERS } from "../protocol/producer.ts";
import type {
  Adjustment,
  CreateRunRequest,
  EngineState,
  RunDescription,
  RunListItem,
  SnapshotReference,
} from "../protocol/run.ts";
import type { LiveState } from "../protocol/run-event.ts";
import { ClientError } from "./client-error.ts";
import { type FetchLike, type FrameBody, Http } from "./http.ts";

export interface ClientOptions {
  readonly baseUrl: string;
  readonly clock?: Clock;
  readonly fetch?: FetchLike;
  /** Per try of a call. Default 30 s. */
  readonly timeoutMs?: number;
}

export interface SendFramesOptions {
  readonly signal?: AbortSignal;
  /** One bad line refuses the whole batch. Default false: the answer names the bad lines, the others are taken. */
  readonly atomic?: boolean;
  /**
   * The caller's count of its batches, which makes a repeat harmless whatever became of the first try: `epoch` from 0,
   * `seq` from 0 without a gap. The caller then tries again by itself, busy engines included.
   */
  readonly producer?: { readonly id: string; readonly epoch: number; readonly seq: number };
}

export interface CaptureRequest {
  /** Bins without a value: kept (default), kept and told, or told and 0. */
  readonly gaps?: "ignore" | "warn" | "zero";
  /** NaN and infinities become 0. Default false. */
  readonly fillNan?: boolean;
  /** Only the last line: what the capture would hold. Default false. */
  readonly dryRun?: boolean;
}

export interface CheckpointAnswer extends SnapshotReference {
  /** Position of the checkpoint in the run's stream. */
  readonly seq: number;
}

/**
 * Typed calls to one engine. Every method fails with `ClientError`: the engine's own problem codes, or
 * `engine_unreachable`, `engine_timeout`, `connection_lost`, `unexpected_answer`. While the engine is busy (429, 503)
 * a call is tried again, within the bounds of `http.ts`.
 */
export class EngineClient {
  readonly #http: Http;

  constructor(options: ClientOptions) {
    this.#http = new Http({ clock: systemClock, ...options });
  }

  get baseUrl(): string {
    return this.#http.baseUrl;
  }

  /** Live runs of the engine and stored ones of its data folder. */
  async listRuns(): Promise<readonly RunListItem[]> {
    const answer = await this.#http.call("/v1/runs");
    const items = (answer as { readonly items?: unknown } | null)?.items;
    if (!Array.isArray(items)) throw this.#unexpected("/v1/runs", "a list of runs");
    return items as RunListItem[];
  }

  async run(runId: string): Promise<RunDescription> {
    return this.#object<RunDescription>(runPath(runId));
  }

  async createRun(request: CreateRunRequest): Promise<RunDescription> {
    const body = JSON.stringify(request);
    return this.#object<RunDescription>("/v1/runs", { body, contentType: "application/json" });
  }

  /**
   * Sends NDJSON, one frame a line. Text and bytes are sent again while the engine is busy; a stream is not, as it can
   * be read once only (the error then says `retryable`). Waits as long as the engine takes to make the frames durable.
   * A batch of which no frame was taken (400, 409) is answered like any other: with a reason for every line.
   */
  async sendFrames(runId: string, body: FrameBody, options: SendFramesOptions = {}): Promise<IngestAnswer> {
    const query = options.atomic === true ? "?atomic=true" : "";
    const { producer } = options;
    return this.#object<IngestAnswer>(`${runPath(runId)}/frames${query}`, {
      body,
      contentType: "application/x-ndjson",
      timeoutMs: null,
      isAnswer: (answer) => typeof (answer as Partial<IngestAnswer>).rejected === "number",
      ...(producer === undefined ? {} : { headers: headersOf(producer), triesAgain: false }),
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    });
  }

  /** Writes a snapshot of everything sealed so far and answers with its folder. */
  async checkpoint(runId: string): Promise<CheckpointAnswer> {
    return this.#object<CheckpointAnswer>(`${runPath(runId)}/checkpoints`, { method: "POST", timeoutMs: null });
  }

  /** Ends a run where it stands; answers when its last run folder is written. */
  async abort(runId: string): Promise<RunDescription> {
    return this.#object<RunDescription>(`${runPath(runId)}/abort`, { method: "POST", timeoutMs: null });
  }

  /**
   * A telemetry capture of everything evaluated so far, file by file as the engine writes it. The last line has type
   * `end`; a capture without it is cut off.
   */
  async *capture(runId: string, options: CaptureRequest = {}): AsyncGenerator<CaptureLine> {
    const { gaps = "ignore", fillNan = false, dryRun = false } = options;
    const query = new URLSearchParams({ gaps, fillNan: String(fillNan), dryRun: String(dryRun) });
    yield* this.#http.lines(`${runPath(runId)}/capture?${query}`) as AsyncGenerator<CaptureLine>;
  }

  /** Changes the model of a run from a bin on; without one from the oldest that is not sealed. */
  async adjust(
    runId: string,
    change: { readonly fromBin?: number; readonly set: Adjustment["set"] },
  ): Promise<Adjustment> {
    const body = JSON.stringify(change);
    return this.#object<Adjustment>(`${runPath(runId)}/model`, {
      method: "PATCH",
      body,
      contentType: "application/json",
    });
  }

  async liveState(runId: string): Promise<LiveState> {
    return this.#object<LiveState>(`${runPath(runId)}/state/live`);
  }

  /** How one value of a run comes about. */
  async explain(runId: string, { series, bin, depth }: ExplainQuery): Promise<ExplainAnswer> {
    const query = new URLSearchParams({
      series,
      ...(bin === undefined ? {} : { bin: String(bin) }),
      ...(depth === undefined ? {} : { depth: String(depth) }),
    });
    return this.#object<ExplainAnswer>(`${runPath(runId)}/explain?${query}`);
  }

  async engineState(): Promise<EngineState> {
    return this.#object<EngineState>("/v1/state/live");
  }

  async #object<T>(path: string, options?: Parameters<Http["call"]>[1]): Promise<T> {
    const answer = await this.#http.call(path, options);
    if (typeof answer !== "object" || answer === null || Array.isArray(answer)) {
      throw this.#unexpected(path, "an object");
    }
    return answer as T;
  }

  #unexpected(path: string, expected: string): ClientError {
    return new ClientError(
      "unexpected_answer",
      `${this.baseUrl}${path} did not answer with ${expected}: another program, or another version of the engine?`,
    );
  }
}

function headersOf({ id, epoch, seq }: NonNullable<SendFramesOptions["producer"]>): Record<string, string> {
  return { [PRODUCER_HEADERS.id]: id, [PRODUCER_HEADERS.epoch]: `${epoch}`, [PRODUCER_HEADERS.seq]: `${seq}` };
}

/** Path of a run's resources; any text is safe in it. */
export function runPath(runId: string): string {
  return `/v1/runs/${encodeURIComponent(runId)}`;
}
