import { type Measure, measureOf } from "./format.ts";

export type ColumnId =
  | "node"
  | "kind"
  | "arrivals"
  | "served"
  | "queueDepth"
  | "utilization"
  | "latencyMinutes"
  | "errors"
  | "value";

export interface Column {
  readonly id: ColumnId;
  readonly title: string;
  /** Cells, the blank in front of a number included. */
  readonly width: number;
  readonly align: "left" | "right";
  /** Narrower terminals leave the column out. */
  readonly fromWidth: number;
  readonly measure: Measure;
}

/** Terminals below this many columns or rows show one line that says so. */
export const MIN_COLUMNS = 50;
export const MIN_ROWS = 10;
/** From here on there is room for the second group of columns, and for charts. */
export const WIDE_COLUMNS = 110;
/** From here on every row has a trend. */
const TREND_COLUMNS = 80;

const MARGIN = 2;
const TREND_GAP = 2;
const FLAGS_WIDTH = 4;
const TREND_MIN = { narrow: 12, wide: 24 } as const;
/** A trend longer than this compares times a reader no longer relates. */
const TREND_MAX = 120;
const NODE_MIN = 12;
/** `serviceWithBuffer` and a blank. */
const KIND_WIDTH = 18;

const number = (id: ColumnId, title: string, width: number, fromWidth: number): Column => ({
  id,
  title,
  width,
  align: "right",
  fromWidth,
  measure: measureOf(id),
});

/** Values are of one bin, so nothing here is a rate per second. */
const TOPOLOGY: readonly Column[] = [
  { id: "kind", title: "KIND", width: KIND_WIDTH, align: "left", fromWidth: WIDE_COLUMNS, measure: "number" },
  number("arrivals", "ARR", 8, 66),
  number("served", "SRV", 8, 66),
  number("queueDepth", "QUEUE", 8, 0),
  number("utilization", "UTIL", 7, 0),
  number("latencyMinutes", "LATENCY", 9, 0),
  number("errors", "ERR", 8, WIDE_COLUMNS),
];

const COMPUTATION: readonly Column[] = [
  { id: "kind", title: "KIND", width: KIND_WIDTH, align: "left", fromWidth: WIDE_COLUMNS, measure: "number" },
  number("value", "VALUE", 10, 0),
];

export interface TableLayout {
  /** `node` first, then the columns that have room. */
  readonly columns: readonly Column[];
  /** Bins of the trend, 0 = no trend. */
  readonly trendBins: number;
  readonly flagsWidth: number;
}

/**
 * Which columns a table of `width` cells has and how wide they are. Depends on the terminal and the model only, so that
 * nothing moves while values change.
 * @param longestId cells of the longest node id
 */
export function layoutTable(width: number, hasTopology: boolean, longestId: number): TableLayout {
  const fitting = (hasTopology ? TOPOLOGY : COMPUTATION).filter(({ fromWidth }) => width >= fromWidth);
  const fixed = fitting.reduce((sum, column) => sum + column.width, MARGIN + FLAGS_WIDTH);
  const hasTrend = width >= TREND_COLUMNS;
  const trendMin = hasTrend ? (width >= WIDE_COLUMNS ? TREND_MIN.wide : TREND_MIN.narrow) : 0;
  const gap = hasTrend ? TREND_GAP : 0;
  const room = width - fixed - gap - trendMin;
  const nodeWidth = hasTrend ? Math.max(NODE_MIN, Math.min(longestId + 1, room)) : room;
  const trendBins = hasTrend ? Math.min(TREND_MAX, width - fixed - gap - nodeWidth) : 0;
  const node: Column = { id: "node", title: "NODE", width: nodeWidth, align: "left", fromWidth: 0, measure: "number" };
  return { columns: [node, ...fitting], trendBins, flagsWidth: FLAGS_WIDTH };
}

/** Columns that can be sorted by, in the order of the keys 1 to 9: the same on every width. */
export function sortableColumns(hasTopology: boolean): readonly ColumnId[] {
  return ["node", ...(hasTopology ? TOPOLOGY : COMPUTATION).map(({ id }) => id)];
}
