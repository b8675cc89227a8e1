import { FlowError } from "../lib/errors.ts";

export type BundleErrorCode =
  | "bundle_not_found"
  | "model_missing"
  | "manifest_malformed"
  | "path_outside_bundle"
  | "csv_missing"
  | "csv_malformed"
  | "duplicate_bin"
  | "bin_out_of_range"
  | "hash_mismatch"
  | "rows_changed"
  | "too_large"
  | "unreadable";

/** A bundle that cannot be fed as it is. `facts` name the file, and the line where there is one. */
export class BundleError extends FlowError<BundleErrorCode> {}
