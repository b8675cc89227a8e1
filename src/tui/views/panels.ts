import { seriesOf } from "../../client/run-view.ts";
import type { Warning } from "../../protocol/run-event.ts";
import { chartRows, LABEL_WIDTH } from "../chart.ts";
import { cellText, measureOf, shortBinText } from "../format.ts";
import { cellOf, newestBin, nodeEntries, trendMetric, warningsNewestFirst } from "../node-table.ts";
import { selectedNode } from "../screen-state.ts";
import { cut, cutLine, type Line, lineWidth, pad, type Span, span, spread } from "../text.ts";
import type { Scene } from "./paint.ts";

/** The lines below the table: warnings, the selected node's metrics, and charts where there is room. */
export function panelLines(scene: Scene): readonly Line[] {
  const { areas, screen, glyphs } = scene;
  const { columns, panelRows } = areas;
  if (areas.isWide && panelRows >= 6) {
    const leftWidth = Math.floor(columns / 2) - 2;
    const rightWidth = columns - leftWidth - 3;
    const left = charts(scene, leftWidth, panelRows);
    const right = screen.isDetail ? stacked(scene, rightWidth, panelRows) : warningsPanel(scene, rightWidth, panelRows);
    return beside(left, right, leftWidth, panelRows, ` ${glyphs.divider} `, columns, glyphs.ellipsis);
  }
  return screen.isDetail ? detailPanel(scene, columns, panelRows) : warningsPanel(scene, columns, panelRows);
}

/** Details above, warnings below. */
function stacked(scene: Scene, width: number, rows: number): readonly Line[] {
  const detail = detailPanel(scene, width, rows - 3).filter((line) => line.length > 0);
  const room = rows - detail.length;
  return [...detail, ...warningsPanel(scene, width, room)];
}

function beside(
  left: readonly Line[],
  right: readonly Line[],
  leftWidth: number,
  rows: number,
  between: string,
  columns: number,
  mark: string,
): readonly Line[] {
  return Array.from({ length: rows }, (_, at) => {
    const first = cutLine(left[at] ?? [], leftWidth, mark);
    const blanks = " ".repeat(Math.max(0, leftWidth - lineWidth(first)));
    return cutLine([...first, span(blanks + between, "dim"), ...(right[at] ?? [])], columns, mark);
  });
}

function warningsPanel(scene: Scene, width: number, rows: number): readonly Line[] {
  const { view, screen, glyphs } = scene;
  const warnings = warningsNewestFirst(view);
  const linesEach = rows >= 10 ? 2 : 1;
  const room = Math.floor(Math.max(0, rows - 1) / linesEach);
  const chosen = warnings.findIndex(({ key }) => key === screen.warningKey);
  const top = Math.max(0, Math.min(chosen - Math.floor(room / 2), warnings.length - room));
  const shown = warnings.slice(top, top + room);
  const isFocused = screen.panel === "warnings";
  const title = [
    span(isFocused ? "> " : " ", "accent"),
    span("warnings", isFocused ? "strong" : "plain"),
    span(" (w/W next/prev)", "dim"),
  ];
  const count = warnings.length === 0 ? "none active " : `showing ${shown.length} of ${warnings.length} `;
  const lines: Line[] = [spread(title, [span(count, "dim")], width, glyphs.ellipsis)];
  for (const warning of shown) {
    const isChosen = warning.key === screen.warningKey;
    const text = linesEach === 1 ? warning.message : warning.code;
    lines.push(cutLine(warningLine(scene, warning, text, width, isChosen), width, glyphs.ellipsis));
    if (linesEach === 2) lines.push([span(cut(`            ${warning.message}`, width, glyphs.ellipsis), "dim")]);
  }
  while (lines.length < rows) lines.push([]);
  return lines.slice(0, rows);
}

const LETTER = { error: "E", warning: "W", info: "i" } as const;
const TONE = { error: "bad", warning: "warn", info: "plain" } as const;

function warningLine(scene: Scene, warning: Warning, text: string, width: number, isChosen: boolean): Line {
  const { view, glyphs } = scene;
  const bin = newestBin(warning);
  const nodeWidth = width >= 70 ? 16 : 12;
  const line: Span[] = [
    span(isChosen ? ">" : " ", "accent"),
    span(pad(bin < 0 ? "run" : shortBinText(view.grid, bin), 9, ""), "dim"),
    span(`${LETTER[warning.severity]} `, TONE[warning.severity]),
    span(`${pad(warning.nodeId ?? "(run)", nodeWidth, glyphs.ellipsis)} `, isChosen ? "strong" : "plain"),
    span(cut(text, Math.max(10, width - nodeWidth - 13), glyphs.ellipsis)),
  ];
  return line;
}

function detailPanel(scene: Scene, width: number, rows: number): readonly Line[] {
  const { view, screen, glyphs } = scene;
  const id = selectedNode(screen);
  const entry = nodeEntries(view).find(({ info }) => info.id === id);
  if (entry === undefined) return blank([[span(" no node selected", "dim")]], rows);
  const { info, delta } = entry;
  const about = [info.kind, info.category === info.kind ? "" : info.category].filter((part) => part !== "");
  const sla = info.slaMin === null ? "" : `  SLA ${info.slaMin} min`;
  const title: Line = [
    span(` ${info.id}`, "strong"),
    span(`  ${about.join(` ${glyphs.dot} `)}${sla}`),
    span(`   bin ${view.sealedBin}`, "dim"),
  ];
  const metrics = Object.keys(delta?.metrics ?? {});
  const gaps = delta?.gaps ?? [];
  const body = Math.max(1, rows - 1 - (gaps.length > 0 ? 1 : 0));
  const perRow = Math.max(1, Math.min(3, Math.floor(width / 36), Math.ceil(metrics.length / body)));
  const cellWidth = Math.floor((width - 1) / perRow);
  const lines: Line[] = [cutLine(title, width, glyphs.ellipsis)];
  const height = Math.ceil(metrics.length / perRow);
  for (let row = 0; row < Math.min(height, body); row++) {
    const cells = Array.from({ length: perRow }, (_, column) => metrics[column * height + row]);
    lines.push([span(" "), ...cells.flatMap((metric) => metricCell(scene, entry, metric, cellWidth))]);
  }
  if (gaps.length > 0) {
    lines.push(cutLine([span(` no telemetry for: ${gaps.join(", ")}`, "warn")], width, glyphs.ellipsis));
  }
  return blank(lines, rows);
}

function metricCell(
  { glyphs }: Scene,
  entry: ReturnType<typeof nodeEntries>[number],
  metric: string | undefined,
  width: number,
): Line {
  if (metric === undefined) return [];
  const { mark, value } = cellOf(entry.delta, metric);
  const text = cellText(mark, value, measureOf(metric), glyphs);
  const nameWidth = Math.max(8, width - 12);
  return [span(` ${pad(metric, nameWidth - 1, glyphs.ellipsis)}`, "dim"), span(`${pad(text, 9, "", "right")}   `)];
}

/** What fills up, and below it what suffers from it. */
function charts(scene: Scene, width: number, rows: number): readonly Line[] {
  const { view, screen, glyphs } = scene;
  const id = selectedNode(screen);
  const delta = view.nodes.find((node) => node.id === id) ?? null;
  if (id === null || delta === null) return blank([], rows);
  const first = trendMetric(delta);
  const second = ["latencyMinutes", "utilization", "served", "arrivals"].find(
    (metric) => metric !== first && metric in delta.metrics,
  );
  const isSplit = second !== undefined && rows >= 12;
  const upper = isSplit ? Math.ceil(rows / 2) + 1 : rows;
  const lines = [...chart(scene, id, first, width, upper)];
  if (isSplit) lines.push(...chart(scene, id, second, width, rows - upper));
  return blank(
    lines.map((line) => cutLine(line, width, glyphs.ellipsis)),
    rows,
  );
}

function chart(scene: Scene, id: string, metric: string, width: number, rows: number): readonly Line[] {
  const { view, glyphs } = scene;
  const bins = Math.max(8, width - LABEL_WIDTH - 2);
  const measure = measureOf(metric);
  const title: Line = [span(` ${id}`, "strong"), span(` ${glyphs.dot} ${metric}`)];
  const window = seriesOf(view, id, metric, bins);
  const lines: Line[] = [title, ...chartRows(window, Math.max(2, rows - 2), measure, glyphs).map((row) => [span(row)])];
  const newest = shortBinText(view.grid, view.sealedBin);
  const first = view.sealedBin - bins + 1;
  const oldest = first < 0 ? "" : shortBinText(view.grid, first);
  const scale = pad(oldest, Math.max(0, bins - newest.length), "") + newest;
  lines.push([span(`${" ".repeat(LABEL_WIDTH + 2)}${scale}`, "dim")]);
  return lines.slice(0, rows);
}

function blank(lines: readonly Line[], rows: number): readonly Line[] {
  return Array.from({ length: Math.max(0, rows) }, (_, at) => lines[at] ?? []);
}
