/** Every error code of the HTTP API, with its status. The single table: routes, client and docs read it. */
export const PROBLEMS = {
  bad_request: 400,
  malformed_batch: 400,
  batch_refused: 400,
  invalid_model: 400,
  bad_adjustment: 400,
  bin_outside_grid: 400,
  stale_epoch: 403,
  not_found: 404,
  run_not_found: 404,
  unknown_series: 404,
  method_not_allowed: 405,
  body_timeout: 408,
  run_exists: 409,
  conflict: 409,
  sequence_gap: 409,
  sequence_reused: 409,
  too_late: 409,
  nothing_sealed: 409,
  run_not_live: 409,
  not_capturable: 409,
  bin_not_sealed: 409,
  bin_not_retained: 410,
  body_too_large: 413,
  unsupported_media_type: 415,
  queue_full: 429,
  internal: 500,
  storage_failed: 500,
  not_ready: 503,
} as const satisfies Record<string, number>;

export type ProblemCode = keyof typeof PROBLEMS;

/** A finding of model validation as it travels: position is 1-based. */
export interface ProblemDiagnostic {
  readonly severity: "error" | "warning";
  readonly code: string;
  readonly message: string;
  readonly line: number | null;
  readonly column: number | null;
}

/** Body of every error answer. `error` is FlowTime's own key, so existing clients read it. */
export interface Problem {
  readonly error: string;
  readonly code: ProblemCode;
  readonly facts?: Readonly<Record<string, unknown>>;
  readonly diagnostics?: readonly ProblemDiagnostic[];
  /** Of a batch that its producer's count does not allow: the number that may come next, and the one that came. */
  readonly expected?: number;
  readonly received?: number;
  /** Of a batch of a producer that has been replaced. */
  readonly currentEpoch?: number;
}
