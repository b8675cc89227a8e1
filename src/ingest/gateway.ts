import { createHash } from "node:crypto";
import type { Readable } from "node:stream";
import { type Clock, systemClock } from "../lib/clock.ts";
import type { DecodedLine, IngestAnswer } from "../protocol/frame.ts";
import type { ProducerStamp } from "../protocol/producer.ts";
import { readBody, tooLarge } from "./body.ts";
import { type BodyFormat, bodyReader } from "./body-format.ts";
import { GatewayError } from "./gateway-error.ts";
import { IngestQueue } from "./ingest-queue.ts";

/** Bytes of batches that may wait for their run at once; beyond, producers are told to come back. */
export const DEFAULT_QUEUE_BYTES = 32 * 1024 * 1024;
/** The share of the queue to which it must drain before batches are taken again. */
const LOW_WATER = 0.5;
/** One batch, also after decompression: some tens of thousands of frames. */
export const DEFAULT_BATCH_BYTES = 8 * 1024 * 1024;
/** Lines of one batch: short frames take more memory decoded than as text. */
export const DEFAULT_BATCH_LINES = 100_000;

/** Whoever decides about decoded lines: one run. */
export interface Intake {
  submit(
    lines: readonly DecodedLine[],
    options: { readonly atomic: boolean; readonly stamp?: ProducerStamp | undefined },
  ): Promise<IngestAnswer>;
}

export interface BatchOptions {
  readonly format: BodyFormat;
  readonly atomic: boolean;
  /** `content-encoding`: gzip, zstd, or none. */
  readonly encoding?: string | undefined;
  /** `content-length`, where it is given: what is too large is refused before it is read. */
  readonly length?: number | undefined;
  readonly producer?: Omit<ProducerStamp, "digest"> | undefined;
}

/** What a batch came to: 200, or 400/409 when nothing in it could be taken (design/wire-and-failures.md). */
export interface GatewayAnswer {
  readonly status: 200 | 400 | 409;
  readonly answer: IngestAnswer;
}

/**
 * Admits batches of all runs: bounded, decoded while they arrive, counted. A batch reaches its run whole or not at all,
 * so whatever breaks before its end leaves no trace.
 */
export class Gateway {
  readonly #queue: IngestQueue;
  readonly #batchBytes: number;
  readonly #batchLines: number;
  readonly #clock: Clock;

  constructor(
    options: {
      readonly queueBytes?: number;
      readonly batchBytes?: number;
      readonly batchLines?: number;
      readonly clock?: Clock;
    } = {},
  ) {
    this.#clock = options.clock ?? systemClock;
    const queueBytes = options.queueBytes ?? DEFAULT_QUEUE_BYTES;
    this.#queue = new IngestQueue(queueBytes, Math.floor(queueBytes * LOW_WATER), this.#clock);
    this.#batchBytes = options.batchBytes ?? DEFAULT_BATCH_BYTES;
    this.#batchLines = options.batchLines ?? DEFAULT_BATCH_LINES;
  }

  get queue(): { readonly batches: number; readonly bytes: number; readonly limitBytes: number } {
    const { batches, bytes, limitBytes } = this.#queue;
    return { batches, bytes, limitBytes };
  }

  /** @throws GatewayError before anything of the batch is applied */
  async ingest(intake: Intake, body: Readable, options: BatchOptions): Promise<GatewayAnswer> {
    if ((options.length ?? 0) > this.#batchBytes) throw tooLarge(this.#batchBytes);
    const place = this.#queue.enter();
    if (place === null) throw this.#full();
    let isTaken = false;
    try {
      const { lines, stamp } = await this.#decode(body, options, (bytes) => {
        if (!place.grow(bytes)) throw this.#full();
      });
      const answer = await intake.submit(lines, { atomic: options.atomic, stamp });
      isTaken = true;
      return { status: statusOf(lines, answer), answer };
    } finally {
      place.leave(isTaken);
    }
  }

  async #decode(
    body: Readable,
    { format, encoding, producer }: BatchOptions,
    onBytes: (bytes: number) => void,
  ): Promise<{ readonly lines: readonly DecodedLine[]; readonly stamp: ProducerStamp | undefined }> {
    const reader = bodyReader(format);
    const hash = producer === undefined ? null : createHash("sha256");
    const lines: DecodedLine[] = [];
    const take = (more: readonly DecodedLine[]): void => {
      if (lines.length + more.length > this.#batchLines) throw this.#tooManyLines();
      for (const line of more) lines.push(line);
    };
    for await (const chunk of readBody(body, encoding, { maxBytes: this.#batchBytes, clock: this.#clock })) {
      onBytes(chunk.length);
      hash?.update(chunk);
      take(await reader.push(chunk));
    }
    take(await reader.end());
    return { lines, stamp: hash === null ? undefined : { ...producer!, digest: hash.digest("hex").slice(0, 32) } };
  }

  #full(): GatewayError {
    const { bytes, limitBytes } = this.#queue;
    return new GatewayError(
      "queue_full",
      `The ingest queue is full (${bytes} of ${limitBytes} bytes wait); nothing of the batch was applied.`,
      { retryable: true, facts: { limitBytes }, retryAfterSeconds: this.#queue.retryAfterSeconds() },
    );
  }

  #tooManyLines(): GatewayError {
    return new GatewayError(
      "body_too_large",
      `A batch may have ${this.#batchLines} lines; send it in parts. Nothing was applied.`,
      { facts: { limitLines: this.#batchLines } },
    );
  }
}

function statusOf(lines: readonly DecodedLine[], answer: IngestAnswer): 200 | 400 | 409 {
  if (lines.length === 0 || answer.rejected < lines.length) return 200;
  if (lines.every((entry) => "error" in entry)) return 400;
  return answer.errors.every((error) => error.code === "conflict") ? 409 : 200;
}
