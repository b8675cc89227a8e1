import { isAlias, isMap, isScalar, isSeq, type Node, parseDocument } from "yaml";
import { applyEdits, type TextEdit } from "../model/text-edit.ts";

/** How the model of a run folder names a series of its own run (artifacts.md §4.1 and §6.1). */
const OWN_SERIES = /file:\.\.\/series\/([^@/]+)@[^@/]+@DEFAULT\.csv/i;

/**
 * The model of a run folder as it can run again: semantics that were pointed at the run's own series files name the series
 * again, and `self` a queue that was generated. All else stays as it is, references to files that are not of the run included.
 * @param ownSeries ids of the run's node series
 */
export function unlinkSeries(text: string, ownSeries: ReadonlySet<string>): string {
  const document = parseDocument(text, { schema: "failsafe", uniqueKeys: false, logLevel: "silent" });
  if (document.errors.length > 0) return text;
  const resolve = (node: unknown): unknown => (isAlias(node) ? node.resolve(document) : node);
  const nodes = resolve(document.get("nodes", true));
  const declared = new Set(
    (isSeq(nodes) ? nodes.items.map(resolve) : []).map((node) => (isMap(node) ? String(node.get("id")).trim() : "")),
  );
  // By where they start: an anchored node is met once for each alias.
  const edits = new Map<number, TextEdit>();
  for (const place of ["nodes", "constraints"]) {
    const items = resolve(document.getIn(["topology", place], true));
    for (const item of isSeq(items) ? items.items.map(resolve) : []) {
      const semantics = isMap(item) ? resolve(item.get("semantics", true)) : null;
      for (const pair of isMap(semantics) ? semantics.items : []) {
        const range = isScalar(pair.value) ? (pair.value as Node).range : null;
        if (range == null) continue;
        const written = text.slice(range[0], range[1]);
        const id = OWN_SERIES.exec(written)?.[1];
        if (id === undefined || !ownSeries.has(id)) continue;
        const isGenerated = isScalar(pair.key) && pair.key.value === "queueDepth" && !declared.has(id);
        const name = isGenerated ? "self" : id;
        edits.set(range[0], { start: range[0], end: range[1], text: written.replace(OWN_SERIES, () => name) });
      }
    }
  }
  return applyEdits(text, [...edits.values()]);
}
