import { FlowError } from "../../lib/errors.ts";

/** A question that has no answer: no such series, or a bin that cannot be looked at. */
export class ExplainError extends FlowError<
  "unknown_series" | "bin_outside_grid" | "bin_not_sealed" | "bin_not_retained"
> {}
