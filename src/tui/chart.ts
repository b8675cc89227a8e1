import { MARK, type SeriesWindow } from "../client/history.ts";
import { type Measure, measureText } from "./format.ts";
import type { Glyphs } from "./glyphs.ts";

/** Cells of the axis labels, the axis itself not counted. */
export const LABEL_WIDTH = 8;

/**
 * A line chart of `height` rows: label, axis, then one cell a bin. The scale begins at zero (or the least value, when
 * that is below); bins without a number leave a gap.
 */
export function chartRows(window: SeriesWindow, height: number, measure: Measure, glyphs: Glyphs): readonly string[] {
  const { low, high } = rangeOf(window);
  const rows = Math.max(2, height);
  const cells = Array.from({ length: rows }, () => new Array<string>(window.values.length).fill(" "));
  const rowOf = (value: number) => rows - 1 - Math.round(((value - low) / (high - low || 1)) * (rows - 1));
  const { flat, vertical, upFrom, upTo, downFrom, downTo, axis, zero } = glyphs.chart;
  let before: number | null = null;
  window.values.forEach((value, at) => {
    if (window.marks[at] !== MARK.value) {
      before = null;
      return;
    }
    const row = rowOf(value);
    if (before === null || before === row) {
      cells[row]![at] = flat;
    } else {
      const isUp = row < before;
      cells[before]![at] = isUp ? upFrom : downFrom;
      cells[row]![at] = isUp ? upTo : downTo;
      for (let between = Math.min(before, row) + 1; between < Math.max(before, row); between++) {
        cells[between]![at] = vertical;
      }
    }
    before = row;
  });
  return cells.map((row, at) => {
    const value = low + ((rows - 1 - at) / (rows - 1)) * (high - low);
    const isLabelled = at === 0 || at === rows - 1 || (rows > 4 && at % 2 === 0);
    const label = isLabelled ? measureText(value, measure) : "";
    return `${label.padStart(LABEL_WIDTH)} ${at === rows - 1 ? zero : axis}${row.join("")}`;
  });
}

function rangeOf({ values, marks }: SeriesWindow): { readonly low: number; readonly high: number } {
  let low = 0;
  let high = 0;
  values.forEach((value, at) => {
    if (marks[at] !== MARK.value) return;
    low = Math.min(low, value);
    high = Math.max(high, value);
  });
  return { low, high: high === low ? low + 1 : high };
}
