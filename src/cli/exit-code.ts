import { FlowError } from "../lib/errors.ts";

/** What the shell gets. The single table: `flowtime help exit-codes` prints it. */
export const EXIT = {
  ok: 0,
  no: 1,
  usage: 2,
  engine: 3,
  connection: 4,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

const MEANINGS: readonly (readonly [string, string])[] = [
  ["0", "done; also when the reader of a pipe went away"],
  [
    "1",
    "the answer is no: a model has errors, no bin was sealed, a bin is not there or already sealed, or frames were refused under --strict",
  ],
  ["2", "wrong use or input: flags, files, bundles, an unknown run, a port in use"],
  ["3", "the engine failed"],
  ["4", "no engine answers, or the connection was lost and tries are used up"],
  ["129, 130, 143", "ended by SIGHUP, SIGINT (Ctrl-C), SIGTERM"],
];

export function exitCodeHelp(): string {
  const rows = MEANINGS.map(([code, meaning]) => `  ${code.padEnd(14)} ${meaning}`);
  return `Exit codes:\n${rows.join("\n")}\n`;
}

/** Exit codes by error code; what is not listed is 3. Codes of one area stand together. */
const EXIT_OF_CODE: Readonly<Record<string, ExitCode>> = {
  usage: EXIT.usage,
  file_not_found: EXIT.usage,
  file_unreadable: EXIT.usage,
  invalid_model: EXIT.usage,
  no_engine: EXIT.connection,
  run_failed: EXIT.engine,
  stalled: EXIT.engine,

  port_in_use: EXIT.usage,
  data_dir_not_writable: EXIT.usage,
  engine_running: EXIT.usage,
  host_not_allowed: EXIT.usage,

  bundle_not_found: EXIT.usage,
  model_missing: EXIT.usage,
  manifest_malformed: EXIT.usage,
  path_outside_bundle: EXIT.usage,
  csv_missing: EXIT.usage,
  csv_malformed: EXIT.usage,
  duplicate_bin: EXIT.usage,
  bin_out_of_range: EXIT.usage,
  hash_mismatch: EXIT.usage,
  rows_changed: EXIT.usage,
  too_large: EXIT.usage,
  unreadable: EXIT.usage,
  grid_mismatch: EXIT.usage,

  semantics_missing: EXIT.no,
  semantics_field_missing: EXIT.no,
  semantics_uri_unsupported: EXIT.no,
  series_unknown: EXIT.no,
  id_unsafe: EXIT.no,
  path_collision: EXIT.no,
  run_folder_exists: EXIT.usage,
  capture_exists: EXIT.usage,
  capture_not_found: EXIT.usage,
  capture_malformed: EXIT.usage,
  run_folder_missing: EXIT.usage,
  run_folder_unreadable: EXIT.usage,
  import_unreadable: EXIT.usage,
  import_too_large: EXIT.usage,
  import_unsafe: EXIT.usage,
  import_not_sound: EXIT.usage,
  run_folder_access_denied: EXIT.usage,

  engine_unreachable: EXIT.connection,
  engine_timeout: EXIT.connection,
  connection_lost: EXIT.connection,
  capture_cut_off: EXIT.connection,
  not_ready: EXIT.connection,
  queue_full: EXIT.connection,
  body_timeout: EXIT.connection,

  bad_request: EXIT.usage,
  malformed_batch: EXIT.usage,
  batch_refused: EXIT.usage,
  stale_epoch: EXIT.usage,
  sequence_gap: EXIT.usage,
  sequence_reused: EXIT.usage,
  not_found: EXIT.usage,
  run_not_found: EXIT.usage,
  run_exists: EXIT.usage,
  conflict: EXIT.usage,
  run_not_live: EXIT.usage,
  body_too_large: EXIT.usage,
  unsupported_media_type: EXIT.usage,
  nothing_sealed: EXIT.no,
  not_capturable: EXIT.usage,

  bad_adjustment: EXIT.usage,
  too_late: EXIT.no,

  unknown_series: EXIT.usage,
  bin_outside_grid: EXIT.usage,
  bin_not_sealed: EXIT.no,
  bin_not_retained: EXIT.no,
};

/** The operating system's words for files that a user named wrongly. */
const EXIT_OF_SYSTEM_CODE: Readonly<Record<string, ExitCode>> = {
  ENOENT: EXIT.usage,
  ENOTDIR: EXIT.usage,
  EISDIR: EXIT.usage,
  EACCES: EXIT.usage,
  EPERM: EXIT.usage,
  EROFS: EXIT.usage,
};

export function exitCodeOf(error: unknown): ExitCode {
  if (error instanceof FlowError) return EXIT_OF_CODE[error.code] ?? EXIT.engine;
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  return EXIT_OF_SYSTEM_CODE[code] ?? EXIT.engine;
}

/** Whether the message of an error is made for users; of any other only a bug report can be made. */
export function isExpected(error: unknown): boolean {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  return error instanceof FlowError || code in EXIT_OF_SYSTEM_CODE;
}

/** Wrong use of a command. `message` says what is wrong, a second line what to do. */
export class CliError extends FlowError<
  | "usage"
  | "file_not_found"
  | "file_unreadable"
  | "invalid_model"
  | "no_engine"
  | "run_failed"
  | "stalled"
  | "grid_mismatch"
  | "capture_cut_off"
  | "run_folder_missing"
> {}
