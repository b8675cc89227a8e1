import type { EngineClient } from "../client/client.ts";
import { ClientError } from "../client/client-error.ts";
import { backoffDelayMs } from "../lib/backoff.ts";
import type { Clock } from "../lib/clock.ts";
import { encodeFrame, type FrameErrorCode, type IngestAnswer } from "../protocol/frame.ts";
import { BoundedQueue } from "./feed-queue.ts";

/** Frames of one request: few milliseconds of work for the engine, so that others get their turn. */
export const MAX_BATCH_FRAMES = 2_000;
/** Bytes of one request, far below what the engine takes. */
export const MAX_BATCH_BYTES = 1024 * 1024;
/** What may wait to be sent; beyond, the source is not read. */
export const MAX_QUEUED_FRAMES = 4 * MAX_BATCH_FRAMES;
export const MAX_QUEUED_BYTES = 4 * MAX_BATCH_BYTES;
/** A restart of the engine takes seconds; whoever waits longer wants to know. */
export const RETRY_FOR_MS = 60_000;
const BACKOFF = { firstMs: 250, maxMs: 5_000, jitter: 0.2 };

/** One frame to send, as NDJSON. */
export interface FeedFrame {
  /** For reports: `line 12`. */
  readonly label: string;
  readonly text: string;
  /** Bin of the frame; null when it has none or it is not known. */
  readonly bin: number | null;
}

/** A frame that was not taken, by us or by the engine. */
export interface Refusal {
  readonly label: string;
  readonly code: FrameErrorCode;
  readonly message: string;
  /** Null when the line was too long to keep. */
  readonly text: string | null;
}

export type FeedItem = FeedFrame | { readonly refusal: Refusal };

export interface FeedTotals {
  accepted: number;
  duplicates: number;
  late: number;
  rejected: number;
  /** Newest bin the engine said was sealed; -1 before the first. */
  sealedBin: number;
}

export interface FeederOptions {
  readonly client: EngineClient;
  readonly runId: string;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Bins per second, null = as fast as it goes. */
  readonly speed: number | null;
  /** A number in [0, 1). */
  readonly random: () => number;
  /** An id that nobody has had before. */
  readonly newProducerId: () => string;
  /** The engine after it was lost; null while there is none. Default: the same address again. */
  readonly findAgain?: () => Promise<EngineClient | null>;
  readonly onRefused: (refusal: Refusal) => void;
  readonly onNotice: (text: string) => void;
  readonly onProgress: (totals: Readonly<FeedTotals>) => void;
}

/**
 * Sends frames to a run, in order: one batch on its way at a time, whatever has come meanwhile is the next one, and the
 * source is not read while too much waits. A lost or busy engine is waited for. Batches are numbered, so one whose answer
 * was lost is sent again as it was, and gets the answer of the first time.
 */
export class Feeder {
  readonly totals: FeedTotals = { accepted: 0, duplicates: 0, late: 0, rejected: 0, sealedBin: -1 };
  readonly #options: FeederOptions;
  readonly #queue = new BoundedQueue<FeedFrame>({
    maxItems: MAX_QUEUED_FRAMES,
    maxBytes: MAX_QUEUED_BYTES,
    bytesOf: (frame) => frame.text.length,
  });
  #client: EngineClient;
  #startedMs: number | null = null;
  #firstBin = 0;
  #newestBin = -1;
  #producerId: string;
  #seq = 0;

  constructor(options: FeederOptions) {
    this.#options = options;
    this.#client = options.client;
    this.#producerId = options.newProducerId();
  }

  /** The engine that is fed now: another one when it was restarted at another address. */
  get client(): EngineClient {
    return this.#client;
  }

  /**
   * Sends everything, then returns; early, with what was read sent, when the signal aborts.
   * @throws ClientError when the engine refuses a batch, or stays away for `RETRY_FOR_MS`
   */
  async feed(items: AsyncIterable<FeedItem>): Promise<void> {
    const reading = this.#read(items).then(
      () => this.#queue.close(),
      (error: unknown) => this.#queue.fail(error),
    );
    try {
      for (let batch = await this.#take(); batch !== null; batch = await this.#take()) await this.#send(batch);
    } catch (error) {
      this.#queue.fail(error);
      throw error;
    }
    await reading;
  }

  /** Says that no telemetry follows. The run may have ended by itself, at its horizon; that is as good. */
  async end(): Promise<void> {
    const answer = await this.#sendWithRetry(encodeFrame({ type: "end" }));
    if (answer === null) return;
    this.totals.sealedBin = Math.max(this.totals.sealedBin, answer.sealedBin);
    this.#options.onProgress(this.totals);
  }

  async #read(items: AsyncIterable<FeedItem>): Promise<void> {
    const { signal } = this.#options;
    for await (const item of items) {
      if (signal.aborted) return;
      if ("refusal" in item) {
        this.totals.rejected++;
        this.#options.onRefused(item.refusal);
        continue;
      }
      if (this.#options.speed !== null) await this.#pace(item.bin, this.#options.speed);
      if (signal.aborted) return;
      // A turn of the event loop for every frame would cost more than the frame.
      if (!this.#queue.tryPut(item)) await this.#queue.put(item);
    }
  }

  #take(): Promise<readonly FeedFrame[] | null> {
    return this.#queue.take(MAX_BATCH_FRAMES, MAX_BATCH_BYTES);
  }

  /** Waits until the bin is due: the n-th bin after the first comes n / speed seconds after it. */
  async #pace(bin: number | null, speed: number): Promise<void> {
    const { clock } = this.#options;
    if (bin === null || bin <= this.#newestBin) return;
    if (this.#startedMs === null) {
      this.#startedMs = clock.now();
      this.#firstBin = bin;
    }
    this.#newestBin = bin;
    const dueMs = this.#startedMs + ((bin - this.#firstBin) * 1000) / speed;
    const waitMs = dueMs - clock.now();
    if (waitMs > 0) await this.#wait(waitMs);
  }

  async #send(batch: readonly FeedFrame[]): Promise<void> {
    const answer = await this.#sendWithRetry(batch.map((frame) => frame.text).join("\n"));
    if (answer === null) return;
    const { totals } = this;
    for (const count of ["accepted", "duplicates", "late", "rejected"] as const) totals[count] += answer[count];
    totals.sealedBin = Math.max(totals.sealedBin, answer.sealedBin);
    for (const { line, code, message } of answer.errors) {
      const frame = batch[line - 1];
      this.#options.onRefused({ label: frame?.label ?? `line ${line}`, code, message, text: frame?.text ?? null });
    }
    const unnamed = answer.rejected + answer.late - answer.errors.length;
    if (unnamed > 0) this.#options.onNotice(`${unnamed} more of these frames were refused; the engine names the first`);
    this.#options.onProgress(totals);
  }

  /** The engine's answer; null when the signal aborted while the engine was away. */
  async #sendWithRetry(body: string): Promise<IngestAnswer | null> {
    const { clock, random, signal, runId, onNotice } = this.#options;
    let lostMs: number | null = null;
    for (let failures = 1; ; failures++) {
      try {
        const producer = { id: this.#producerId, epoch: 0, seq: this.#seq };
        const answer = await this.#client.sendFrames(runId, body, { producer });
        this.#seq++;
        if (lostMs !== null) onNotice(`the engine is back after ${((clock.now() - lostMs) / 1000).toFixed(1)} s`);
        return answer;
      } catch (error) {
        if (!(error instanceof ClientError)) throw error;
        if (error.code === "sequence_gap" && this.#seq > 0) {
          // The engine has forgotten us. It knows the frames it has, so counting anew does no harm.
          onNotice("the engine does not know this producer any more; its batches are numbered anew");
          this.#producerId = this.#options.newProducerId();
          this.#seq = 0;
          continue;
        }
        if (!error.retryable) throw error;
        lostMs ??= clock.now();
        const leftMs = lostMs + RETRY_FOR_MS - clock.now();
        if (leftMs <= 0) throw error;
        if (failures === 1) onNotice(`${firstLine(error.message)}; trying again for ${RETRY_FOR_MS / 1000} s`);
        // Not before the engine asked for, and not all at once.
        const asked = (error.retryAfterMs ?? 0) * (1 + BACKOFF.jitter * random());
        await this.#wait(Math.min(leftMs, Math.max(asked, backoffDelayMs(failures, BACKOFF, random()))));
        if (signal.aborted) return null;
        this.#client = (await this.#options.findAgain?.()) ?? this.#client;
      }
    }
  }

  #wait(delayMs: number): Promise<void> {
    const { clock, signal } = this.#options;
    return new Promise((resolve) => {
      const done = () => {
        cancel();
        signal.removeEventListener("abort", done);
        resolve();
      };
      const cancel = clock.after(delayMs, done);
      if (signal.aborted) done();
      else signal.addEventListener("abort", done);
    });
  }
}

function firstLine(text: string): string {
  return text.split("\n", 1)[0]!;
}
