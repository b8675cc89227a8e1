import type { FastifyError } from "fastify";
import { FlowError } from "../lib/errors.ts";
import type { Diagnostic } from "../model/diagnostics.ts";
import { PROBLEMS, type Problem, type ProblemCode, type ProblemDiagnostic } from "../protocol/problem.ts";
import { BatchRefused } from "../runtime/run-loop.ts";
import { InvalidModel } from "../runtime/run-registry.ts";

/** How long a client waits before it tries again what the engine cannot do now. */
const RETRY_AFTER_SECONDS = 1;

/** Codes of inner errors that stand for a problem of the HTTP API. What is not listed is `internal`. */
const PROBLEM_OF_CODE: Readonly<Record<string, ProblemCode>> = {
  log_full: "not_ready",
  log_io: "storage_failed",
  log_read_only: "storage_failed",
  log_closed: "not_ready",
  run_failed: "storage_failed",
  FST_ERR_CTP_BODY_TOO_LARGE: "body_too_large",
  FST_ERR_CTP_INVALID_MEDIA_TYPE: "unsupported_media_type",
  FST_ERR_CTP_EMPTY_JSON_BODY: "bad_request",
  FST_ERR_CTP_INVALID_JSON_BODY: "bad_request",
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: "bad_request",
};

export interface ProblemAnswer {
  readonly status: number;
  readonly body: Problem;
  readonly retryAfterSeconds: number | null;
}

/** What a client is told about an error; inner messages and stacks stay inside. */
export function problemOf(error: unknown): ProblemAnswer {
  const code = problemCode(error);
  const status = PROBLEMS[code];
  const message =
    code === "internal" || !(error instanceof Error) ? "The engine failed to answer; see its log." : error.message;
  const body: Problem = {
    error: message,
    code,
    ...(error instanceof FlowError && Object.keys(error.facts).length > 0 ? { facts: error.facts } : {}),
    ...(error instanceof InvalidModel ? { diagnostics: error.diagnostics.map(toWire) } : {}),
    ...(error instanceof BatchRefused ? { facts: { errors: error.errors } } : {}),
  };
  return { status, body, retryAfterSeconds: status === 429 || status === 503 ? RETRY_AFTER_SECONDS : null };
}

function problemCode(error: unknown): ProblemCode {
  const code = (error as Partial<FastifyError>).code ?? "";
  if (code in PROBLEMS) return code as ProblemCode;
  return PROBLEM_OF_CODE[code] ?? "internal";
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
