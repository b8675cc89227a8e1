import { type Facts, FlowError } from "../lib/errors.ts";
import type { ProblemCode, ProblemDiagnostic } from "../protocol/problem.ts";

/** Codes of the client's own, beside those the engine answers with (`protocol/problem.ts`). */
export type OwnClientErrorCode =
  /** Nothing listens at the address, or it cannot be resolved. */
  | "engine_unreachable"
  /** The engine took longer than the call allows. */
  | "engine_timeout"
  /** The connection broke before the answer was whole. */
  | "connection_lost"
  /** Something answered, but not with what this API promises: another program, or another version. */
  | "unexpected_answer";

export type ClientErrorCode = OwnClientErrorCode | ProblemCode;

export interface ClientErrorOptions {
  readonly facts?: Facts;
  readonly cause?: unknown;
  readonly retryable?: boolean;
  /** HTTP status of the answer, null when there was none. */
  readonly status?: number | null;
  readonly diagnostics?: readonly ProblemDiagnostic[];
  /** What a busy engine asks to wait. */
  readonly retryAfterMs?: number | null;
}

/** A call to the engine that failed. `message` may have a second line that says what to do. */
export class ClientError extends FlowError<ClientErrorCode> {
  readonly status: number | null;
  readonly diagnostics: readonly ProblemDiagnostic[];
  /** What a busy engine asks to wait; null when it did not say. */
  readonly retryAfterMs: number | null;

  constructor(code: ClientErrorCode, message: string, options: ClientErrorOptions = {}) {
    super(code, message, options);
    this.status = options.status ?? null;
    this.diagnostics = options.diagnostics ?? [];
    this.retryAfterMs = options.retryAfterMs ?? null;
  }
}

export function unreachable(baseUrl: string, cause: string, error: unknown): ClientError {
  return new ClientError(
    "engine_unreachable",
    `cannot reach the engine at ${baseUrl} (${cause})\n` +
      "  start one: flowtime serve      or point to it: --engine URL / FLOWTIME_ENGINE",
    { facts: { url: baseUrl, cause }, cause: error, retryable: true },
  );
}

/**
 * The system's word for a network failure (`ECONNREFUSED`), dug out of what `fetch` wraps around it; without one, the
 * innermost message.
 */
export function networkCause(error: unknown): string {
  let message = String(error);
  for (let at: unknown = error, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth++) {
    if ("code" in at && typeof at.code === "string") return at.code;
    if (at instanceof AggregateError) {
      const codes = at.errors.map(networkCause).filter((code) => /^E[A-Z]+$/.test(code));
      if (codes[0] !== undefined) return codes[0];
    }
    if (at.message !== "") message = at.message;
  }
  return message;
}
