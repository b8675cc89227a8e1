import type { Readable, Transform } from "node:stream";
import { createGunzip, createZstdDecompress } from "node:zlib";
import type { Clock } from "../lib/clock.ts";
import { GatewayError } from "./gateway-error.ts";

/** The whole body: 8 MiB within it is 280 kB/s, far below what any link between a producer and its engine gives. */
export const BODY_TIMEOUT_MS = 30_000;
/** Silence within a body. A producer that waits for its own data sends what it has, and a new batch later. */
export const BODY_IDLE_MS = 10_000;

const DECOMPRESS: ReadonlyMap<string, () => Transform> = new Map<string, () => Transform>([
  ["gzip", createGunzip],
  ["zstd", createZstdDecompress],
]);

export interface BodyLimits {
  readonly maxBytes: number;
  readonly clock: Clock;
}

/**
 * The bytes of a request body, decompressed, as they come; bounded in bytes, silence and time. Reading stops while the
 * consumer is busy.
 * @throws GatewayError `unsupported_media_type`, `body_too_large`, `malformed_batch`, `body_timeout`, `connection_lost`
 */
export async function* readBody(
  source: Readable,
  encoding: string | undefined,
  limits: BodyLimits,
): AsyncGenerator<Buffer> {
  const { chunks, close, isCompressed } = open(source, encoding);
  const deadline = limits.clock.now() + BODY_TIMEOUT_MS;
  let bytes = 0;
  try {
    for (;;) {
      const next = await inTime(chunks.next(), Math.min(BODY_IDLE_MS, deadline - limits.clock.now()), limits.clock);
      if (next.done === true) return;
      bytes += next.value.length;
      if (bytes > limits.maxBytes) throw tooLarge(limits.maxBytes);
      yield next.value;
    }
  } catch (error) {
    throw error instanceof GatewayError ? error : unreadable(error, isCompressed ? (encoding ?? "") : null);
  } finally {
    close();
  }
}

interface OpenBody {
  readonly chunks: AsyncIterator<Buffer>;
  readonly isCompressed: boolean;
  /** Stops reading, and leaves the socket as it is: the answer goes out on it. */
  readonly close: () => void;
}

function open(source: Readable, encoding: string | undefined): OpenBody {
  const name = (encoding ?? "identity").trim().toLowerCase();
  if (name === "identity" || name === "") {
    return { chunks: source.iterator({ destroyOnReturn: false }), isCompressed: false, close: () => {} };
  }
  const create = DECOMPRESS.get(name);
  if (create === undefined) {
    throw new GatewayError(
      "unsupported_media_type",
      `Content-Encoding '${encoding}' is not known; send gzip, zstd or a plain body.`,
    );
  }
  const output = create();
  source.on("error", (error) => output.destroy(error));
  source.pipe(output);
  const close = (): void => {
    source.unpipe(output);
    output.destroy();
  };
  return { chunks: output.iterator(), isCompressed: true, close };
}

function inTime<T>(work: Promise<T>, ms: number, clock: Clock): Promise<T> {
  return new Promise((resolve, reject) => {
    const cancel = clock.after(Math.max(0, ms), () => reject(timedOut()));
    work.then(resolve, reject).finally(cancel);
  });
}

function timedOut(): GatewayError {
  return new GatewayError(
    "body_timeout",
    `The body did not come in time: at most ${BODY_IDLE_MS / 1000} s of silence and ${BODY_TIMEOUT_MS / 1000} s in all. Nothing was applied; send it again, in smaller parts.`,
    { retryable: true },
  );
}

export function tooLarge(limitBytes: number): GatewayError {
  return new GatewayError(
    "body_too_large",
    `A batch may have ${limitBytes} bytes, also after decompression; send it in parts.`,
    { facts: { limitBytes } },
  );
}

function unreadable(error: unknown, encoding: string | null): GatewayError {
  const isCompression =
    typeof (error as { code?: unknown }).code === "string" && /^(Z_|ZSTD)/.test((error as { code: string }).code);
  if (encoding !== null && isCompression) {
    return new GatewayError("malformed_batch", `The body is not valid ${encoding} data. Nothing was applied.`, {
      cause: error,
    });
  }
  return new GatewayError("connection_lost", "The connection broke before the body was whole. Nothing was applied.", {
    cause: error,
    retryable: true,
  });
}
