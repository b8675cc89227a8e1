import { MARK, type Mark, type SeriesWindow } from "../client/history.ts";
import { binMilliseconds } from "../lib/bin-length.ts";
import type { Grid } from "../protocol/run.ts";
import type { Glyphs } from "./glyphs.ts";

/** Numbers, times and trends as short text. None is longer than seven cells, so that columns keep their width. */

const STEPS = ["", "k", "M", "G", "T", "P"] as const;

/** `0.0`, `0.04`, `118.0`, `1.23k`, `45.6M`: at most six cells, and nothing but zero looks like zero. */
export function numberText(value: number): string {
  const size = Math.abs(value);
  const sign = value < 0 ? "-" : "";
  if (size === 0) return "0.0";
  if (size < 0.005) return value < 0 ? ">-.01" : "<0.01";
  if (size < 0.995) return sign + size.toFixed(2);
  if (size < 999.95) return sign + size.toFixed(1);
  let scaled = size;
  for (const step of STEPS) {
    const text = scaled < 9.995 ? scaled.toFixed(2) : scaled < 99.95 ? scaled.toFixed(1) : scaled.toFixed(0);
    if (Number(text) < 1000) return sign + text + step;
    scaled /= 1000;
  }
  return sign + size.toExponential(0).replace("+", "");
}

/** A share as percent: `97%`, `<1%`, `1230%`. */
export function percentText(value: number): string {
  const percent = Math.round(value * 100);
  if (percent === 0 && value > 0) return "<1%";
  if (percent > 9999) return ">9999%";
  if (percent < -999) return "<-999%";
  return `${percent}%`.replace(/^-0%$/, "0%");
}

/** A length of time: `380ms`, `4.3s`, `12.5min`, `5.2h`, `3.1d`. */
export function durationText(ms: number): string {
  const size = Math.abs(ms);
  const sign = ms < 0 ? "-" : "";
  if (size === 0) return "0ms";
  if (size < 0.5) return "<1ms";
  if (size < 999.5) return `${sign}${size.toFixed(0)}ms`;
  if (size < 59_950) return `${sign}${(size / 1000).toFixed(1)}s`;
  if (size < 3_597_000) return `${sign}${(size / 60_000).toFixed(1)}min`;
  if (size < 172_620_000) return `${sign}${(size / 3_600_000).toFixed(1)}h`;
  const days = size / 86_400_000;
  return days < 9999.5 ? `${sign}${days < 99.95 ? days.toFixed(1) : days.toFixed(0)}d` : `${sign}>9999d`;
}

/** A span since something, to the second at most: `4s`, `17m`, `3h12m`, `5d`. */
export function ageText(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 60) return `${seconds}s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m`;
  const hours = Math.floor(seconds / 3600);
  if (hours < 48) return `${hours}h${String(Math.floor((seconds % 3600) / 60)).padStart(2, "0")}m`;
  return `${Math.floor(hours / 24)}d`;
}

export type Measure = "number" | "percent" | "minutes" | "ms";

/** How a metric is read, by FlowTime's names. */
export function measureOf(metric: string): Measure {
  if (/^utilization$|Ratio$|Efficiency$|Tax$/.test(metric)) return "percent";
  if (/Minutes$/.test(metric)) return "minutes";
  return /TimeMs$|LatencyMs$/.test(metric) ? "ms" : "number";
}

export function measureText(value: number, measure: Measure): string {
  switch (measure) {
    case "number":
      return numberText(value);
    case "percent":
      return percentText(value);
    case "minutes":
      return durationText(value * 60_000);
    case "ms":
      return durationText(value);
  }
}

/** A cell of a table: a number, or which of the three ways of having none it is. */
export function cellText(mark: Mark, value: number, measure: Measure, glyphs: Glyphs): string {
  if (mark === MARK.value) return measureText(value, measure);
  if (mark === MARK.missing) return "n/a";
  return mark === MARK.undefined ? glyphs.undefined : "";
}

/** ISO start of a bin, null when the model has no start. */
export function startOfBin(grid: Grid, bin: number): string | null {
  const startMs = grid.start === null ? Number.NaN : Date.parse(grid.start);
  const at = startMs + bin * binMilliseconds(grid);
  return Number.isNaN(at) || Math.abs(at) > 8.64e15 ? null : new Date(at).toISOString();
}

/** `2026-11-23 09:17Z`; seconds only where they are not zero. */
export function instantText(iso: string): string {
  const ms = Date.parse(iso);
  if (Number.isNaN(ms)) return iso;
  const text = new Date(ms).toISOString();
  return `${text.slice(0, 10)} ${ms % 60_000 === 0 ? text.slice(11, 16) : text.slice(11, 19)}Z`;
}

/** Start of a bin in eight cells: time of day for small bins, the date for days and weeks, else its number. */
export function shortBinText(grid: Grid | null, bin: number): string {
  const start = grid === null ? null : startOfBin(grid, bin);
  if (grid === null || start === null) return `bin ${bin}`;
  if (grid.binUnit === "days" || grid.binUnit === "weeks") return start.slice(2, 10);
  return start.slice(11, 19).endsWith(":00") ? `${start.slice(11, 16)}Z` : start.slice(11, 19);
}

/** `5 min bins`, `1 day bins`. */
export function gridText(grid: Grid): string {
  const unit = { minutes: "min", hours: "h", days: "day", weeks: "week" }[grid.binUnit];
  return `${grid.binSize} ${unit} bins`;
}

/**
 * One cell a bin, on the window's own scale from zero (or its least value, when that is below) to its greatest; a share
 * is drawn against the whole. Bins without a number keep their place: `missing` and `undefined` have a glyph, what
 * never was is blank.
 */
export function trendText({ values, marks }: SeriesWindow, measure: Measure, glyphs: Glyphs): string {
  let low = 0;
  let high = measure === "percent" ? 1 : 0;
  for (let at = 0; at < values.length; at++) {
    if (marks[at] !== MARK.value) continue;
    low = Math.min(low, values[at]!);
    high = Math.max(high, values[at]!);
  }
  const top = glyphs.levels.length - 1;
  let text = "";
  for (let at = 0; at < values.length; at++) {
    const mark = marks[at];
    if (mark === MARK.value) {
      const share = high === low ? 0 : (values[at]! - low) / (high - low);
      text += glyphs.levels[Math.round(share * top)]!;
    } else {
      text += mark === MARK.missing ? glyphs.missing : mark === MARK.undefined ? glyphs.undefined : " ";
    }
  }
  return text;
}
