import {
  type Document,
  isAlias,
  isCollection,
  isMap,
  isScalar,
  isSeq,
  type Node,
  parseDocument,
  type YAMLSeq,
} from "yaml";
import { invariant } from "../lib/assert.ts";
import { applyEdits, type TextEdit } from "../model/text-edit.ts";
import { SnapshotError } from "./snapshot-error.ts";

/**
 * The text of the same model with its first `bins` bins: what FlowTime would have been given for a run that ends there.
 * `grid.bins` is replaced and the `values` of every const node are cut; every other character stays as it is.
 * A list that is not longer than `bins` stays whole. Throws `SnapshotError` `model_not_cuttable` for text without `grid.bins`.
 * @param bins at least 1
 */
export function cutModelText(text: string, bins: number): string {
  invariant(Number.isInteger(bins) && bins >= 1, "a model is cut to a whole number of bins, at least one");
  const { document, binCount } = readGridBins(text);
  const edits: TextEdit[] = [{ ...binCount, text: String(bins) }];
  const cutLists = new Set<YAMLSeq>();
  for (const values of constValues(document)) {
    const edit = cutLists.has(values) ? null : cutList(values, bins);
    cutLists.add(values);
    if (edit !== null) edits.push(edit);
  }
  return applyEdits(text, edits);
}

/** The document of a model, and where its `grid.bins` stands. Throws `SnapshotError` `model_not_cuttable` without one. */
export function readGridBins(text: string): {
  readonly document: Document.Parsed;
  readonly binCount: Pick<TextEdit, "start" | "end">;
} {
  const document = parseDocument(text, { schema: "failsafe", uniqueKeys: false, logLevel: "silent" });
  const written = document.getIn(["grid", "bins"], true);
  if (document.errors.length > 0 || !isScalar(written) || written.range == null) {
    throw new SnapshotError(
      "model_not_cuttable",
      "The model text has no readable grid.bins, so it cannot be cut to some of its bins.",
    );
  }
  return { document, binCount: { start: written.range[0], end: written.range[1] } };
}

/** `values` of the const nodes, each the very list it names when it is an alias. */
export function* constValues(document: Document.Parsed): Generator<YAMLSeq> {
  const nodes = document.get("nodes");
  if (!isSeq(nodes)) return;
  for (const item of nodes.items) {
    const node = resolve(document, item);
    if (!isMap(node) || node.get("kind") !== "const") continue;
    const values = resolve(document, node.get("values", true));
    if (isSeq(values)) yield values;
  }
}

function resolve(document: Document.Parsed, node: unknown): unknown {
  return isAlias(node) ? node.resolve(document) : node;
}

/** From the end of the last value kept to the end of the last value there is, so that brackets and line ends stay. */
function cutList(values: YAMLSeq, bins: number): TextEdit | null {
  if (values.items.length <= bins) return null;
  const kept = endOf(values.items[bins - 1]);
  const last = endOf(values.items.at(-1));
  return kept === null || last === null ? null : { start: kept, end: last, text: "" };
}

function endOf(item: unknown): number | null {
  if (!isScalar(item) && !isCollection(item) && !isAlias(item)) return null;
  return (item as Node).range?.[1] ?? null;
}
