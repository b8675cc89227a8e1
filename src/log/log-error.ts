import { FlowError } from "../lib/errors.ts";

/** Every reason for which a log refuses. The table is closed. */
export const LOG_ERRORS = {
  log_exists: { retryable: false },
  log_not_found: { retryable: false },
  /** Another process, or another part of this one, has the log open. */
  log_locked: { retryable: true },
  /** What stands on disk is not what was written. */
  log_damaged: { retryable: false },
  /** Not a log of ours, or of a version this program does not know. */
  log_wrong_format: { retryable: false },
  /** No room on the disk, or the log reached its own limit. */
  log_full: { retryable: true },
  log_read_only: { retryable: false },
  /** The operating system failed a read, write or flush. */
  log_io: { retryable: false },
  /** Used after `close`, or after a `log_io`. */
  log_closed: { retryable: false },
  /** A record that could not be read back as given: with a line end, or not well-formed Unicode. */
  bad_record: { retryable: false },
  batch_too_large: { retryable: false },
  no_such_position: { retryable: false },
  /** Retention has dropped what stood there. */
  position_dropped: { retryable: false },
} as const satisfies Record<string, { readonly retryable: boolean }>;

export type LogErrorCode = keyof typeof LOG_ERRORS;

export interface LogErrorFacts {
  readonly runId: string;
  /** Absolute path, left out where the log has no file. */
  readonly file?: string;
  /** Position of the first record concerned. */
  readonly position?: number;
  /** Index within the batch of the record concerned. */
  readonly record?: number;
}

export class LogError extends FlowError<LogErrorCode> {
  constructor(code: LogErrorCode, message: string, facts: LogErrorFacts, cause?: unknown) {
    super(code, message, {
      facts: { ...facts },
      retryable: LOG_ERRORS[code].retryable,
      ...(cause === undefined ? {} : { cause }),
    });
  }
}
