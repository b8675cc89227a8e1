import { FlowError } from "../lib/errors.ts";

export type SnapshotErrorCode =
  /** A topology node or constraint without `semantics`. */
  | "semantics_missing"
  /** A required role without a usable value. */
  | "semantics_field_missing"
  /** A role that names a URI other than `file:`. */
  | "semantics_uri_unsupported"
  /** A role that names a series nobody evaluated. */
  | "series_unknown"
  /** An id that would leave the run folder, or that no file can be named after. */
  | "id_unsafe"
  /** Two things that would be written to the same file. */
  | "path_collision"
  | "model_not_cuttable"
  /** A folder that already holds a telemetry capture. */
  | "capture_exists"
  /** A capture folder, its manifest or a file that it lists is not there. */
  | "capture_not_found"
  | "capture_malformed"
  /** A capture and a model of different lengths. */
  | "grid_mismatch"
  | "run_folder_exists"
  | "run_folder_access_denied"
  | "run_folder_no_space"
  | "run_folder_write_failed"
  | "run_folder_unreadable"
  /** No run folder, no archive, or an archive that is corrupt or cut. */
  | "import_unreadable"
  /** Beyond a limit on size, number of files or compression. */
  | "import_too_large"
  /** A file that would leave the data folder, or that is no plain file. */
  | "import_unsafe"
  /** Hashes, versions or forms that do not hold. */
  | "import_not_sound";

/** Why a run folder cannot be made, written or read. The message says what, with which value, and what to do. */
export class SnapshotError extends FlowError<SnapshotErrorCode> {}
