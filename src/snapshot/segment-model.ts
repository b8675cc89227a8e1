import { isAlias, isCollection, isScalar, type Node, type YAMLSeq } from "yaml";
import { invariant } from "../lib/assert.ts";
import { binMilliseconds } from "../lib/bin-length.ts";
import { parseUtc } from "../lib/utc-time.ts";
import type { TimeGrid } from "../model/model.ts";
import { applyEdits, type TextEdit } from "../model/text-edit.ts";
import { constValues, readGridBins } from "./cut-model.ts";

/** What a `const` that nothing feeds does past the bins of its model. */
export type PastEnd = "repeat" | "hold";

/** Start of a bin of a grid as a model writes it, null when the grid has none. */
export function startOfBin(grid: TimeGrid, bin: number): string | null {
  const start = grid.start === null ? null : parseUtc(grid.start);
  if (start === null) return null;
  const text = new Date(start + bin * binMilliseconds(grid)).toISOString();
  return text.replace(".000Z", "Z");
}

/**
 * The text of the same model over bins `from` to `to` (not included) of its run, which may lie past the model's own bins:
 * `grid.bins`, `grid.start` and the `values` of const nodes are those of the slice; every other character stays.
 * Throws `SnapshotError` `model_not_cuttable` for text without `grid.bins`.
 */
export function segmentModelText(
  text: string,
  slice: { readonly from: number; readonly to: number; readonly grid: TimeGrid; readonly pastEnd: PastEnd },
): string {
  const { from, to, grid, pastEnd } = slice;
  invariant(Number.isInteger(from) && Number.isInteger(to) && from >= 0 && to > from, "a segment has bins");
  const { document, binCount } = readGridBins(text);
  const edits: TextEdit[] = [{ ...binCount, text: String(to - from) }];
  const start = document.getIn(["grid", "start"], true);
  const startText = startOfBin(grid, from);
  if (from > 0 && startText !== null && isScalar(start) && start.range != null) {
    const [begin, end] = start.range;
    edits.push({ start: begin, end, text: text[begin] === '"' || text[begin] === "'" ? `"${startText}"` : startText });
  }
  for (const values of new Set(constValues(document))) {
    const edit = sliceList(text, values, { from, to, pastEnd });
    if (edit !== null) edits.push(edit);
  }
  return applyEdits(text, edits);
}

/** From the start of the first value to the end of the last, so that brackets stay; values are the author's own text. */
function sliceList(
  text: string,
  values: YAMLSeq,
  { from, to, pastEnd }: { readonly from: number; readonly to: number; readonly pastEnd: PastEnd },
): TextEdit | null {
  const ranges = values.items.map(rangeOf);
  const [first, last] = [ranges[0], ranges.at(-1)];
  if (first == null || last == null || ranges.includes(null)) return null;
  const count = ranges.length;
  const written = Array.from({ length: to - from }, (_, index) => {
    const bin = from + index;
    const at = bin < count ? bin : pastEnd === "repeat" ? bin % count : count - 1;
    const [start, end] = ranges[at]!;
    return text.slice(start, end);
  });
  // In a block list the dash before a value, at its indentation, is what stands between two values.
  const separator = values.flow === true ? ", " : `\n${text.slice(text.lastIndexOf("\n", first[0] - 1) + 1, first[0])}`;
  return { start: first[0], end: last[1], text: written.join(separator) };
}

function rangeOf(item: unknown): readonly [number, number] | null {
  if (!isScalar(item) && !isCollection(item) && !isAlias(item)) return null;
  const range = (item as Node).range;
  return range == null ? null : [range[0], range[1]];
}
