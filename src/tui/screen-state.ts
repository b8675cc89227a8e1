import type { RunView } from "../client/run-view.ts";
import { type ColumnId, sortableColumns } from "./columns.ts";
import { type Command, commandOf } from "./keymap.ts";
import {
  defaultSort,
  hasTopology,
  nodeEntries,
  orderNodes,
  parseFilter,
  type Sort,
  warningsNewestFirst,
} from "./node-table.ts";
import type { Tone } from "./text.ts";

/** The sorting stands still for this long after the cursor moved, so that the row under it stays under it. */
export const ORDER_HOLD_MS = 3_000;
/** How long a notice stays. */
export const NOTICE_MS = 6_000;
/** A filter longer than any id is a paste that went wrong. */
const MAX_FILTER_LENGTH = 200;

export interface Notice {
  readonly text: string;
  readonly tone: Tone;
  readonly untilMs: number;
}

/** What the person at the screen has chosen; pure data, changed by `press` and `refresh` only. */
export interface ScreenState {
  /** Null = the first row, whichever node that is; a chosen node is followed when the order changes. */
  readonly selectedId: string | null;
  /** First visible row. */
  readonly top: number;
  /** Ids of the rows in the order shown. */
  readonly order: readonly string[];
  readonly orderHeldUntilMs: number;
  /** Null = the default of the kind of model. */
  readonly sort: Sort | null;
  readonly filter: string;
  /** Text being typed, null when no filter is being typed. */
  readonly typing: string | null;
  readonly panel: "table" | "warnings";
  readonly warningKey: string | null;
  readonly isDetail: boolean;
  readonly isHelp: boolean;
  /** The picture that is held still, null while live. */
  readonly frozen: RunView | null;
  readonly notice: Notice | null;
}

export interface ScreenContext {
  readonly live: RunView;
  readonly nowMs: number;
  /** Rows the table has room for. */
  readonly tableRows: number;
}

/** What a key asks of the world outside the screen. */
export type Effect = "quit" | "checkpoint" | "redraw";

export interface Pressed {
  readonly state: ScreenState;
  readonly effect: Effect | null;
}

export function initialScreen(): ScreenState {
  return {
    selectedId: null,
    top: 0,
    order: [],
    orderHeldUntilMs: 0,
    sort: null,
    filter: "",
    typing: null,
    panel: "table",
    warningKey: null,
    isDetail: false,
    isHelp: false,
    frozen: null,
    notice: null,
  };
}

export function shownView(state: ScreenState, live: RunView): RunView {
  return state.frozen ?? live;
}

export function sortOf(state: ScreenState, view: RunView): Sort {
  return state.sort ?? defaultSort(hasTopology(view));
}

/** The row the cursor is on, -1 in an empty table. */
export function selectedIndex(state: ScreenState): number {
  if (state.order.length === 0) return -1;
  return Math.max(0, state.selectedId === null ? 0 : state.order.indexOf(state.selectedId));
}

export function selectedNode(state: ScreenState): string | null {
  return state.order[selectedIndex(state)] ?? null;
}

/** Brings the rows up to date with the picture, unless they are held still. */
export function refresh(state: ScreenState, context: ScreenContext): ScreenState {
  const notice = state.notice !== null && state.notice.untilMs <= context.nowMs ? null : state.notice;
  const isHeld = state.frozen !== null || context.nowMs < state.orderHeldUntilMs;
  const next = { ...state, notice };
  return scroll(isHeld && state.order.length > 0 ? next : reorder(next, context), context);
}

export function withNotice(state: ScreenState, text: string, tone: Tone, nowMs: number): ScreenState {
  return { ...state, notice: { text, tone, untilMs: nowMs + NOTICE_MS } };
}

/** @param key as `keyName` gives it: a printable character, or a name such as `up`, `return`, `ctrl-l` */
export function press(state: ScreenState, key: string, context: ScreenContext): Pressed {
  if (key === "ctrl-c") return { state, effect: "quit" };
  if (key === "ctrl-l") return { state, effect: "redraw" };
  if (state.typing !== null) return done(type(state, state.typing, key, context));
  const command = commandOf(key);
  if (command === null) return done(state);
  if (state.isHelp) {
    // Help lies over everything: any key that is known closes it.
    return done({ ...state, isHelp: false });
  }
  return run({ ...state, notice: null }, command, key, context);
}

function done(state: ScreenState): Pressed {
  return { state, effect: null };
}

function run(state: ScreenState, command: Command, key: string, context: ScreenContext): Pressed {
  const page = Math.max(1, context.tableRows - 1);
  switch (command) {
    case "quit":
    case "interrupt":
      return { state, effect: "quit" };
    case "back":
      return back(state, context);
    case "help":
      return done({ ...state, isHelp: true });
    case "up":
      return done(move(state, -1, context));
    case "down":
      return done(move(state, 1, context));
    case "page-up":
      return done(move(state, -page, context));
    case "page-down":
      return done(move(state, page, context));
    case "first":
      return done(move(state, Number.NEGATIVE_INFINITY, context));
    case "last":
      return done(move(state, Number.POSITIVE_INFINITY, context));
    case "pause":
      return done(refresh({ ...state, frozen: state.frozen === null ? context.live : null }, context));
    case "filter":
      return done({ ...state, typing: state.filter });
    case "sort-left":
      return done(sortBy(state, context, (columns, at) => columns[(at + columns.length - 1) % columns.length]));
    case "sort-right":
      return done(sortBy(state, context, (columns, at) => columns[(at + 1) % columns.length]));
    case "sort-number":
      return done(sortBy(state, context, (columns) => columns[Number(key) - 1]));
    case "sort-reverse": {
      const sort = sortOf(state, context.live);
      return done(scroll(reorder({ ...state, sort: { ...sort, isDescending: !sort.isDescending } }, context), context));
    }
    case "detail":
      return done({ ...state, isDetail: !state.isDetail });
    case "next-warning":
      return done(stepWarning(state, 1, context));
    case "previous-warning":
      return done(stepWarning(state, -1, context));
    case "next-panel":
      return done({ ...state, panel: state.panel === "table" ? "warnings" : "table" });
    case "checkpoint":
      return { state, effect: "checkpoint" };
    case "redraw":
      return { state, effect: "redraw" };
  }
}

/** Closes the topmost thing that is open; with nothing open it quits. */
function back(state: ScreenState, context: ScreenContext): Pressed {
  if (state.isDetail) return done({ ...state, isDetail: false });
  if (state.panel === "warnings") return done({ ...state, panel: "table" });
  if (state.filter !== "") return done(scroll(reorder({ ...state, filter: "" }, context), context));
  if (state.frozen !== null) return done(refresh({ ...state, frozen: null }, context));
  return { state, effect: "quit" };
}

function type(state: ScreenState, text: string, key: string, context: ScreenContext): ScreenState {
  const filtered = (filter: string, typing: string | null) =>
    scroll(reorder({ ...state, filter, typing }, context), context);
  if (key === "return") return { ...state, typing: null };
  if (key === "escape") return filtered("", null);
  if (key === "backspace") {
    const shorter = [...text].slice(0, -1).join("");
    return text === "" ? { ...state, typing: null } : filtered(shorter, shorter);
  }
  if (isNamedKey(key)) return state;
  const longer = (text + key).slice(0, MAX_FILTER_LENGTH);
  return filtered(longer, longer);
}

function isNamedKey(key: string): boolean {
  return /^(up|down|left|right|pageup|pagedown|home|end|tab|return|escape|backspace|delete|f\d+|ctrl-.*|meta-.*)$/.test(
    key,
  );
}

function move(state: ScreenState, by: number, context: ScreenContext): ScreenState {
  if (state.panel === "warnings") return stepWarning(state, by, context);
  const last = state.order.length - 1;
  if (last < 0) return state;
  const index = Math.min(last, Math.max(0, selectedIndex(state) + by));
  const orderHeldUntilMs = context.nowMs + ORDER_HOLD_MS;
  return scroll({ ...state, selectedId: state.order[index] ?? null, orderHeldUntilMs }, context);
}

/** To another warning, and with it to its node. */
function stepWarning(state: ScreenState, by: number, context: ScreenContext): ScreenState {
  const warnings = warningsNewestFirst(shownView(state, context.live));
  if (warnings.length === 0) return withNotice(state, "no active warnings", "dim", context.nowMs);
  const at = warnings.findIndex(({ key }) => key === state.warningKey);
  const last = warnings.length - 1;
  const from = at === -1 ? (by > 0 ? -1 : warnings.length) : at;
  const to = Number.isFinite(by) ? Math.min(last, Math.max(0, from + by)) : by > 0 ? last : 0;
  const { key, nodeId } = warnings[to]!;
  const selectedId = nodeId !== null && state.order.includes(nodeId) ? nodeId : state.selectedId;
  const orderHeldUntilMs = context.nowMs + ORDER_HOLD_MS;
  return scroll({ ...state, warningKey: key, selectedId, orderHeldUntilMs }, context);
}

type PickColumn = (columns: readonly ColumnId[], at: number) => ColumnId | undefined;

function sortBy(state: ScreenState, context: ScreenContext, pick: PickColumn): ScreenState {
  const view = shownView(state, context.live);
  const columns = sortableColumns(hasTopology(view));
  const before = sortOf(state, view);
  const column = pick(columns, columns.indexOf(before.column));
  if (column === undefined) return state;
  // The same number twice turns the order around; names read from A to Z, numbers from the greatest.
  const isDescending = column === before.column ? !before.isDescending : column !== "node" && column !== "kind";
  return scroll(reorder({ ...state, sort: { column, isDescending } }, context), context);
}

function reorder(state: ScreenState, { live }: ScreenContext): ScreenState {
  const view = shownView(state, live);
  const order = orderNodes(nodeEntries(view), sortOf(state, view), parseFilter(state.filter));
  const selectedId = state.selectedId !== null && !order.includes(state.selectedId) ? null : state.selectedId;
  return { ...state, order, selectedId };
}

/** Moves the window of visible rows as little as needed to show the cursor. */
function scroll(state: ScreenState, { tableRows }: ScreenContext): ScreenState {
  const index = selectedIndex(state);
  const rows = Math.max(1, tableRows);
  const lowest = Math.max(0, state.order.length - rows);
  let top = Math.min(state.top, lowest);
  if (index < top) top = Math.max(0, index);
  if (index >= top + rows) top = index - rows + 1;
  return top === state.top ? state : { ...state, top };
}
