/** How much of the declared classes the written series cover (artifacts.md §5.4). */
export type ClassCoverage = "missing" | "full" | "partial";

/** @param written class ids of written class series, of nodes and edges */
export function classCoverage(declared: readonly string[], written: readonly string[]): ClassCoverage {
  const declaredSet = new Set(declared.map((id) => id.toUpperCase()));
  const writtenSet = new Set(written.map((id) => id.toUpperCase()));
  if (declaredSet.size === 0 || writtenSet.size === 0) return "missing";
  const isFull = declaredSet.size === writtenSet.size && [...declaredSet].every((id) => writtenSet.has(id));
  return isFull ? "full" : "partial";
}
