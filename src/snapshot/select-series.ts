/** Which series a run folder holds, and in what order (artifacts.md §6.2). */

export interface SeriesSelection {
  /** `outputs[].series` in order. */
  readonly outputs: readonly string[];
  /** Ids of the evaluated series, in evaluation order. */
  readonly evaluated: readonly string[];
  /** Ids that topology semantics name, in the order normalisation meets them. */
  readonly referenced: readonly string[];
}

/**
 * Outputs first (`*` is everything, `prefix/*` what starts with the prefix, anything else that exact id if it was
 * evaluated); everything when that yields nothing; then what only semantics name. An id counts once, ignoring case: the
 * first spelling stays.
 */
export function selectSeries({ outputs, evaluated, referenced }: SeriesSelection): readonly string[] {
  const known = new Set(evaluated);
  const wanted = outputs.flatMap((output) => resolveOutput(output, evaluated, known));
  return distinctIgnoringCase([...(wanted.length === 0 ? evaluated : wanted), ...referenced]);
}

function resolveOutput(output: string, evaluated: readonly string[], known: ReadonlySet<string>): readonly string[] {
  if (output === "*") return evaluated;
  if (output.endsWith("/*")) {
    const prefix = output.slice(0, -"/*".length).toLowerCase();
    return evaluated.filter((id) => id.toLowerCase().startsWith(prefix));
  }
  return known.has(output) ? [output] : [];
}

function distinctIgnoringCase(ids: readonly string[]): readonly string[] {
  const first = new Map<string, string>();
  for (const id of ids) {
    const folded = id.toUpperCase();
    if (!first.has(folded)) first.set(folded, id);
  }
  return [...first.values()];
}
