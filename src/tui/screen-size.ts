import { MIN_COLUMNS, MIN_ROWS, WIDE_COLUMNS } from "./columns.ts";

export interface ScreenSize {
  readonly columns: number;
  readonly rows: number;
}

/** How the rows of a screen are shared out. `rows` is one less than the terminal has: the last row stays empty. */
export interface Areas {
  readonly columns: number;
  readonly rows: number;
  readonly isTooSmall: boolean;
  readonly isWide: boolean;
  readonly statusRows: number;
  readonly tableRows: number;
  /** Rows below the second rule, without the key line. */
  readonly panelRows: number;
}

/** Below this there is no room for the second status line. */
const FULL_STATUS_COLUMNS = 66;
/** Rule, table head, rule, key line. */
const FRAME_ROWS = 4;

/** @param nodeCount rows the table would like to have */
export function areasOf({ columns, rows }: ScreenSize, nodeCount: number, isDetail: boolean): Areas {
  const drawn = rows - 1;
  const isWide = columns >= WIDE_COLUMNS;
  const statusRows = columns >= FULL_STATUS_COLUMNS && drawn >= 14 ? 3 : 2;
  const free = Math.max(0, drawn - FRAME_ROWS - statusRows);
  const wanted = isWide && drawn >= 30 ? 15 : isDetail ? 9 : free < 14 ? 3 : 4;
  // The table keeps at least four rows, the panel at least its heading and one row.
  const panelLeast = Math.min(2, free);
  const panelMost = Math.max(panelLeast, free - 4);
  let panelRows = Math.min(wanted, panelMost);
  // Rows the table cannot use go to the panel, which can; by the number of nodes, so that it does not move.
  const spare = free - panelRows - nodeCount - 1;
  if (spare > 0) panelRows += Math.max(0, Math.min(spare, (isWide ? 20 : 12) - panelRows));
  return {
    columns,
    rows: drawn,
    isTooSmall: columns < MIN_COLUMNS || rows < MIN_ROWS,
    isWide,
    statusRows,
    tableRows: Math.max(1, free - panelRows),
    panelRows,
  };
}
