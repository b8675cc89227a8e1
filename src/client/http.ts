import type { Clock } from "../lib/clock.ts";
import { PROBLEMS, type Problem, type ProblemCode } from "../protocol/problem.ts";
import { ClientError, networkCause, unreachable } from "./client-error.ts";

/** Tries of one call, the first included: enough for a queue that drains, few enough to say so when it does not. */
export const MAX_TRIES = 6;
/** Time one call spends waiting for a busy engine, over all its tries. A person still connects cause and effect. */
export const MAX_WAIT_MS = 30_000;
/** Wait when a busy engine names none. */
const DEFAULT_RETRY_AFTER_MS = 500;
/** A call that has no answer by then never gets one. */
export const DEFAULT_TIMEOUT_MS = 30_000;

export type FetchLike = (url: string, init: RequestInit) => Promise<Response>;

export interface HttpOptions {
  /** Address of the engine, as `http://127.0.0.1:8081`; a trailing slash does not matter. */
  readonly baseUrl: string;
  readonly clock: Clock;
  /** Default: the global `fetch`. */
  readonly fetch?: FetchLike;
  /** Per try. Default 30 s. */
  readonly timeoutMs?: number;
}

export type FrameBody = string | Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array> | AsyncIterable<Uint8Array>;

export interface CallOptions {
  readonly method?: "GET" | "POST" | "PATCH" | "DELETE";
  readonly contentType?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** A stream can be read once only, so a call with one is never tried again. */
  readonly body?: FrameBody;
  readonly signal?: AbortSignal;
  /** Default: the client's. `null` = as long as it takes. */
  readonly timeoutMs?: number | null;
  /** Default: the call waits and tries again while the engine is busy. False: the caller does. */
  readonly triesAgain?: boolean;
  /** Whether the body of a failing status is the call's own answer all the same, and no problem. Default: never. */
  readonly isAnswer?: (body: unknown) => boolean;
}

/** One JSON call, tried again while the engine says it is busy (429, 503). Fails with `ClientError`. */
export class Http {
  readonly baseUrl: string;
  readonly #clock: Clock;
  readonly #fetch: FetchLike;
  readonly #timeoutMs: number;

  constructor(options: HttpOptions) {
    this.baseUrl = options.baseUrl.replace(/\/+$/, "");
    this.#clock = options.clock;
    this.#fetch = options.fetch ?? ((url, init) => fetch(url, init));
    this.#timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
  }

  async call(path: string, options: CallOptions = {}): Promise<unknown> {
    const response = await this.#answer(path, options);
    return response instanceof Response ? await this.#json(response) : response.body;
  }

  /** NDJSON, one value a line, as it arrives; as long as it takes. The body is not read faster than it is consumed. */
  async *lines(path: string): AsyncGenerator<unknown> {
    const response = await this.#answer(path, { timeoutMs: null });
    if (!(response instanceof Response) || response.body === null) return;
    let rest = "";
    try {
      for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
        const parts = (rest + chunk).split("\n");
        rest = parts.pop() ?? "";
        for (const line of parts) yield this.#parsed(line, response);
      }
    } catch (error) {
      throw error instanceof ClientError ? error : this.#failure(error, undefined);
    }
  }

  /** The answer of the last try, or the body of a failing status that is an answer all the same. */
  async #answer(path: string, options: CallOptions): Promise<Response | { readonly body: unknown }> {
    const replayable =
      options.triesAgain !== false &&
      (options.body === undefined || typeof options.body === "string" || options.body instanceof Uint8Array);
    let waitedMs = 0;
    for (let attempt = 1; ; attempt++) {
      const response = await this.#send(path, options);
      if (response.ok) return response;
      if (options.isAnswer !== undefined) {
        const body = parseObject(await response.clone().text());
        if (options.isAnswer(body)) return { body };
      }
      const error = await problemOf(response, `${this.baseUrl}${path}`, this.#clock.now());
      if (!replayable || !isBusy(response.status) || attempt >= MAX_TRIES) throw error;
      const delayMs = retryAfterMs(response.headers.get("retry-after"), this.#clock.now());
      if (waitedMs + delayMs > MAX_WAIT_MS) throw error;
      waitedMs += delayMs;
      await this.#wait(delayMs, options.signal);
    }
  }

  async #send(path: string, options: CallOptions): Promise<Response> {
    const timeoutMs = options.timeoutMs === undefined ? this.#timeoutMs : options.timeoutMs;
    const signals = [options.signal, timeoutMs === null ? undefined : AbortSignal.timeout(timeoutMs)];
    const present = signals.filter((signal) => signal !== undefined);
    const init: RequestInit = {
      method: options.method ?? (options.body === undefined ? "GET" : "POST"),
      headers: {
        accept: "application/json",
        ...options.headers,
        ...(options.contentType === undefined ? {} : { "content-type": options.contentType }),
      },
      ...(present.length === 0 ? {} : { signal: AbortSignal.any(present) }),
      ...bodyInit(options.body),
    };
    try {
      return await this.#fetch(this.baseUrl + path, init);
    } catch (error) {
      throw this.#failure(error, options.signal);
    }
  }

  async #json(response: Response): Promise<unknown> {
    let text: string;
    try {
      text = await response.text();
    } catch (error) {
      throw this.#failure(error, undefined);
    }
    return this.#parsed(text, response);
  }

  #parsed(text: string, response: Response): unknown {
    try {
      return JSON.parse(text);
    } catch (error) {
      throw new ClientError(
        "unexpected_answer",
        `${response.url || this.baseUrl} did not answer with JSON: is this a flowtime engine?`,
        { status: response.status, cause: error },
      );
    }
  }

  #failure(error: unknown, signal: AbortSignal | undefined): unknown {
    if (signal?.aborted) return error;
    if (error instanceof Error && error.name === "TimeoutError") {
      return new ClientError("engine_timeout", `the engine at ${this.baseUrl} did not answer in time`, {
        cause: error,
        retryable: true,
      });
    }
    const cause = networkCause(error);
    if (/^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|UND_ERR_CONNECT_TIMEOUT)$/.test(cause)) {
      return unreachable(this.baseUrl, cause, error);
    }
    return new ClientError("connection_lost", `the connection to ${this.baseUrl} broke (${cause})`, {
      cause: error,
      retryable: true,
    });
  }

  #wait(delayMs: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const abort = () => {
        cancel();
        reject(signal?.reason);
      };
      const cancel = this.#clock.after(delayMs, () => {
        signal?.removeEventListener("abort", abort);
        resolve();
      });
      if (signal?.aborted) abort();
      else signal?.addEventListener("abort", abort, { once: true });
    });
  }
}

function bodyInit(body: FrameBody | undefined): RequestInit {
  if (body === undefined) return {};
  if (typeof body === "string" || body instanceof Uint8Array) return { body };
  return { body: body instanceof ReadableStream ? body : ReadableStream.from(body), duplex: "half" };
}

function isBusy(status: number): boolean {
  return status === 429 || status === 503;
}

/** Milliseconds named by a `Retry-After` header: seconds or a date; our default when absent or unreadable. */
export function retryAfterMs(header: string | null, nowMs: number): number {
  if (header === null) return DEFAULT_RETRY_AFTER_MS;
  const text = header.trim();
  if (/^\d+(\.\d+)?$/.test(text)) return Math.round(Number(text) * 1000);
  const at = Date.parse(text);
  return Number.isNaN(at) ? DEFAULT_RETRY_AFTER_MS : Math.max(0, at - nowMs);
}

/**
 * The error an answer with a failing status stands for, whatever its body looks like.
 * @param nowMs for `Retry-After`; left out where nobody waits by it
 */
export async function problemOf(response: Response, url: string, nowMs?: number): Promise<ClientError> {
  const text = await response.text().catch(() => "");
  const body = parseObject(text);
  const status = response.status;
  // A body that took too long may come in time when it is sent again.
  const retryable = isBusy(status) || status === 408;
  const header = response.headers.get("retry-after");
  const retryAfter = header === null || nowMs === undefined ? null : retryAfterMs(header, nowMs);
  if (typeof body.error === "string" && isProblemCode(body.code)) {
    const problem = body as unknown as Problem;
    const diagnostics = Array.isArray(problem.diagnostics) ? problem.diagnostics : [];
    return new ClientError(problem.code, problem.error, {
      status,
      retryable,
      retryAfterMs: retryAfter,
      diagnostics,
      facts: { url, status },
    });
  }
  const said = [body.error, body.detail, body.title, text.slice(0, 200)].find(
    (part) => typeof part === "string" && part !== "",
  );
  return new ClientError(
    "unexpected_answer",
    `${url} answered ${status}${said === undefined ? "" : `: ${String(said)}`}`,
    { status, retryable, retryAfterMs: retryAfter, facts: { url, status } },
  );
}

function parseObject(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    // An unreadable error body is still an error: the caller reports the status and the raw text.
    return {};
  }
}

function isProblemCode(code: unknown): code is ProblemCode {
  return typeof code === "string" && Object.hasOwn(PROBLEMS, code);
}
