import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import { FlowError } from "../lib/errors.ts";
import type { DecodedLine, IngestAnswer } from "../protocol/frame.ts";
import { decodeFrames } from "./decode.ts";

/** Bytes of batches that may wait for their run at once; beyond, producers are told to come back. */
export const DEFAULT_QUEUE_BYTES = 32 * 1024 * 1024;
/** One batch, also after decompression: some hundred thousand frames. */
export const DEFAULT_BATCH_BYTES = 8 * 1024 * 1024;
/** What a refused producer is told to wait: the queue drains within that unless the engine is drowning. */
const RETRY_AFTER_SECONDS = 1;

/** Whoever decides about decoded lines: one run. */
export interface Intake {
  submit(lines: readonly DecodedLine[], options: { readonly atomic: boolean }): Promise<IngestAnswer>;
}

/** What a batch came to: 200, or 400/409 when nothing in it could be taken (design/wire-and-failures.md). */
export interface GatewayAnswer {
  readonly status: 200 | 400 | 409;
  readonly answer: IngestAnswer;
}

export class GatewayError extends FlowError<
  "queue_full" | "body_too_large" | "unsupported_media_type" | "malformed_batch"
> {
  get retryAfterSeconds(): number | null {
    return this.code === "queue_full" ? RETRY_AFTER_SECONDS : null;
  }
}

const unzip = promisify(gunzip);

/** Admits batches of all runs: bounded, decoded, counted. A batch is taken whole into the queue or not at all. */
export class Gateway {
  private readonly queueBytes: number;
  private readonly batchBytes: number;
  private waitingBytes = 0;
  private waitingBatches = 0;

  constructor(limits: { readonly queueBytes?: number; readonly batchBytes?: number } = {}) {
    this.queueBytes = limits.queueBytes ?? DEFAULT_QUEUE_BYTES;
    this.batchBytes = limits.batchBytes ?? DEFAULT_BATCH_BYTES;
  }

  get queue(): { readonly batches: number; readonly bytes: number; readonly limitBytes: number } {
    return { batches: this.waitingBatches, bytes: this.waitingBytes, limitBytes: this.queueBytes };
  }

  /**
   * @param body NDJSON
   * @param encoding `content-encoding` of the body; only gzip is known
   * @throws GatewayError before anything of the batch is applied
   */
  async ingest(
    intake: Intake,
    body: Uint8Array,
    options: { readonly atomic: boolean; readonly encoding?: string | undefined },
  ): Promise<GatewayAnswer> {
    const bytes = await this.decompress(body, options.encoding);
    if (this.waitingBytes + bytes.length > this.queueBytes) {
      throw new GatewayError(
        "queue_full",
        `The ingest queue is full (${this.waitingBytes} of ${this.queueBytes} bytes wait); nothing of the batch was applied.`,
        { retryable: true, facts: { limitBytes: this.queueBytes } },
      );
    }
    this.waitingBytes += bytes.length;
    this.waitingBatches++;
    try {
      const lines = decodeFrames(bytes);
      const answer = await intake.submit(lines, { atomic: options.atomic });
      return { status: statusOf(lines, answer), answer };
    } finally {
      this.waitingBytes -= bytes.length;
      this.waitingBatches--;
    }
  }

  private async decompress(body: Uint8Array, encoding: string | undefined): Promise<Uint8Array> {
    const name = (encoding ?? "identity").trim().toLowerCase();
    if (name === "identity" || name === "") return this.checkSize(body);
    if (name !== "gzip") {
      throw new GatewayError(
        "unsupported_media_type",
        `Content-Encoding '${encoding}' is not known; send gzip or plain NDJSON.`,
      );
    }
    try {
      return await unzip(body, { maxOutputLength: this.batchBytes });
    } catch (error) {
      if (error instanceof RangeError) throw this.tooLarge();
      throw new GatewayError("malformed_batch", "The body is not valid gzip data.", { cause: error });
    }
  }

  private checkSize(body: Uint8Array): Uint8Array {
    if (body.length > this.batchBytes) throw this.tooLarge();
    return body;
  }

  private tooLarge(): GatewayError {
    return new GatewayError(
      "body_too_large",
      `A batch may have ${this.batchBytes} bytes, also after decompression; send it in parts.`,
      { facts: { limitBytes: this.batchBytes } },
    );
  }
}

function statusOf(lines: readonly DecodedLine[], answer: IngestAnswer): 200 | 400 | 409 {
  if (lines.length === 0 || answer.rejected < lines.length) return 200;
  if (lines.every((entry) => "error" in entry)) return 400;
  return answer.errors.every((error) => error.code === "conflict") ? 409 : 200;
}
