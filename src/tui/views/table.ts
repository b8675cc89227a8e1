import { MARK } from "../../client/history.ts";
import { seriesOf } from "../../client/run-view.ts";
import { type Column, layoutTable, type TableLayout } from "../columns.ts";
import { cellText, measureOf, trendText } from "../format.ts";
import {
  cellOf,
  hasGap,
  hasTopology,
  isQueueGrowing,
  type NodeEntry,
  nodeEntries,
  trendMetric,
} from "../node-table.ts";
import { selectedIndex, sortOf } from "../screen-state.ts";
import { cut, type Line, pad, type Span, span, type Tone, widthOf } from "../text.ts";
import type { Scene } from "./paint.ts";

/** Head and visible rows of the node table: always `1 + tableRows` lines. */
export function tableLines(scene: Scene): readonly Line[] {
  const { view, screen, areas } = scene;
  const entries = new Map(nodeEntries(view).map((entry) => [entry.info.id, entry]));
  const longest = Math.max(4, ...[...entries.keys()].map(widthOf));
  const layout = layoutTable(areas.columns, hasTopology(view), longest);
  const selected = selectedIndex(screen);
  const rows = screen.order.slice(screen.top, screen.top + areas.tableRows).flatMap((id, at) => {
    const entry = entries.get(id);
    return entry === undefined ? [] : [rowLine(scene, layout, entry, screen.top + at === selected)];
  });
  const empty = rows.length === 0 ? [[span(` ${emptyText(scene)}`, "dim")]] : [];
  const filled = [...rows, ...empty];
  while (filled.length < areas.tableRows) filled.push([]);
  return [headLine(scene, layout), ...filled];
}

function emptyText({ screen, view }: Scene): string {
  if (screen.filter !== "") return `no node matches "${screen.filter}"`;
  return view.nodeInfos.length === 0 ? "waiting for the run" : "no nodes";
}

function headLine(scene: Scene, layout: TableLayout): Line {
  const { screen, view, glyphs } = scene;
  const sort = sortOf(screen, view);
  const cells = layout.columns.map((column) => {
    const sign = column.id === sort.column ? (sort.isDescending ? glyphs.descending : glyphs.ascending) : "";
    return span(pad(column.title + sign, column.width, "", column.align), sign === "" ? "dim" : "strong");
  });
  const trend = layout.trendBins === 0 ? "" : `  ${pad(`LAST ${layout.trendBins} BINS`, layout.trendBins, "")}`;
  return [span("  "), ...cells, span(trend, "dim"), span(pad("   !", layout.flagsWidth, ""), "dim")];
}

function rowLine(scene: Scene, layout: TableLayout, entry: NodeEntry, isSelected: boolean): Line {
  const { view, glyphs, screen } = scene;
  const parts: Span[] = [span(isSelected ? (screen.panel === "table" ? "> " : "- ") : "  ", "accent")];
  for (const column of layout.columns) parts.push(cellSpan(scene, column, entry, isSelected));
  if (layout.trendBins > 0) {
    const metric = trendMetric(entry.delta);
    const window = seriesOf(view, entry.info.id, metric, layout.trendBins);
    parts.push(span(`  ${trendText(window, measureOf(metric), glyphs)}`, "accent"));
  }
  parts.push(flagsSpan(entry, layout.flagsWidth));
  return parts;
}

function cellSpan(scene: Scene, column: Column, entry: NodeEntry, isSelected: boolean): Span {
  const { glyphs } = scene;
  const { id, width } = column;
  if (id === "node") {
    const name = pad(entry.info.id, width - 1, glyphs.ellipsis);
    return span(`${name} `, isSelected ? "strong" : "plain");
  }
  if (id === "kind") return span(`${pad(entry.info.kind, width - 1, glyphs.ellipsis)} `, "dim");
  const { mark, value } = cellOf(entry.delta, id);
  const text = cellText(mark, value, column.measure, glyphs);
  const tone = mark === MARK.value ? valueTone(scene, id, value, entry) : "dim";
  return span(pad(text, width, glyphs.ellipsis, "right"), tone);
}

/** Utilisation by FlowTime's thresholds; a queue alarms only while it grows. */
function valueTone({ view }: Scene, id: Column["id"], value: number, entry: NodeEntry): Tone {
  if (id === "utilization") return value < 0.7 ? "good" : value < 0.9 ? "warn" : "bad";
  if (id === "queueDepth" && value > 0 && isQueueGrowing(view, entry.info.id)) return "bad";
  if (id === "errors" && value > 0) return "warn";
  return "plain";
}

const FLAG = { error: "E", warning: "W", info: "i" } as const;
const FLAG_TONE = { error: "bad", warning: "warn", info: "plain" } as const;

/** Letters carry the meaning: E, W, i the worst active warning, ? telemetry that did not come. */
function flagsSpan(entry: NodeEntry, width: number): Span {
  const letter = entry.severity === null ? "" : FLAG[entry.severity];
  const text = letter + (hasGap(entry.delta) ? "?" : "");
  const tone = entry.severity === null ? "warn" : FLAG_TONE[entry.severity];
  return span(pad(` ${cut(text, width - 1, "")}`, width, "", "right"), tone);
}
