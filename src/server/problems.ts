import type { FastifyError } from "fastify";
import { DEFAULT_BATCH_BYTES } from "../ingest/gateway.ts";
import { GatewayError } from "../ingest/gateway-error.ts";
import { type Facts, FlowError } from "../lib/errors.ts";
import type { LogErrorCode } from "../log/log-error.ts";
import type { Diagnostic } from "../model/diagnostics.ts";
import { PROBLEMS, type Problem, type ProblemCode, type ProblemDiagnostic } from "../protocol/problem.ts";
import { InvalidModel } from "../runtime/compile-run.ts";
import { BatchRefused } from "../runtime/group-commit.ts";
import { ProducerError } from "../runtime/producers.ts";

/** How long a client waits before it tries again what the engine cannot do now. */
const RETRY_AFTER_SECONDS = 1;

const PROBLEM_OF_LOG_ERROR = {
  log_exists: "run_exists",
  log_not_found: "run_not_found",
  log_locked: "not_ready",
  log_damaged: "storage_failed",
  log_wrong_format: "storage_failed",
  log_full: "not_ready",
  log_read_only: "storage_failed",
  log_io: "storage_failed",
  log_closed: "not_ready",
  bad_record: "internal",
  batch_too_large: "body_too_large",
  no_such_position: "internal",
  position_dropped: "storage_failed",
} as const satisfies Record<LogErrorCode, ProblemCode>;

/** Codes of inner errors that stand for a problem of the HTTP API. What is not listed is `internal`. */
const PROBLEM_OF_CODE: ReadonlyMap<string, ProblemCode> = new Map<string, ProblemCode>(
  Object.entries({
    ...PROBLEM_OF_LOG_ERROR,
    run_failed: "storage_failed",
    connection_lost: "bad_request",
    FST_ERR_CTP_BODY_TOO_LARGE: "body_too_large",
    FST_ERR_CTP_INVALID_MEDIA_TYPE: "unsupported_media_type",
  }),
);

export interface ProblemAnswer {
  readonly status: number;
  readonly body: Problem;
  readonly retryAfterSeconds: number | null;
}

/** What a client is told about an error; inner messages and stacks stay inside. */
export function problemOf(error: unknown): ProblemAnswer {
  const code = problemCode(error);
  const status = PROBLEMS[code];
  const facts = code === "internal" ? {} : factsOf(error);
  const body: Problem = {
    error: messageOf(error, code),
    code,
    ...(Object.keys(facts).length > 0 ? { facts } : {}),
    ...(error instanceof InvalidModel ? { diagnostics: error.diagnostics.map(toWire) } : {}),
    ...(error instanceof ProducerError ? error.facts : {}),
    ...(error instanceof BatchRefused ? { facts: { errors: error.errors } } : {}),
  };
  return { status, body, retryAfterSeconds: status === 429 || status === 503 ? retryAfterOf(error) : null };
}

function retryAfterOf(error: unknown): number {
  return (error instanceof GatewayError ? error.retryAfterSeconds : null) ?? RETRY_AFTER_SECONDS;
}

function problemCode(error: unknown): ProblemCode {
  const { code = "", statusCode = 500 } = error as Partial<FastifyError>;
  if (Object.hasOwn(PROBLEMS, code)) return code as ProblemCode;
  // Whatever else the framework refuses is a request that is not one: broken JSON, a broken address, a wrong length.
  return PROBLEM_OF_CODE.get(code) ?? (statusCode >= 400 && statusCode < 500 ? "bad_request" : "internal");
}

function messageOf(error: unknown, code: ProblemCode): string {
  if (code === "internal" || !(error instanceof Error)) return "The engine failed to answer; see its log.";
  if (isTooLarge(error)) return `The body is larger than ${DEFAULT_BATCH_BYTES} bytes; send it in parts.`;
  if ((error as Partial<FastifyError>).code === "FST_ERR_CTP_INVALID_MEDIA_TYPE") {
    return "That Content-Type is not taken here: send application/json, or application/x-ndjson to a run's frames.";
  }
  return error.message;
}

function factsOf(error: unknown): Facts {
  if (isTooLarge(error)) return { limitBytes: DEFAULT_BATCH_BYTES };
  return error instanceof FlowError ? error.facts : {};
}

/** Larger than the framework reads. What it does read is measured by the gateway, after decompression too. */
function isTooLarge(error: unknown): boolean {
  return (error as Partial<FastifyError>).code === "FST_ERR_CTP_BODY_TOO_LARGE";
}

function toWire(finding: Diagnostic): ProblemDiagnostic {
  return {
    severity: finding.severity,
    code: finding.code,
    message: finding.message,
    line: finding.span?.line ?? null,
    column: finding.span?.column ?? null,
  };
}
