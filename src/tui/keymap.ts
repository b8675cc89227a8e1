/** Every key of the screen, once: the handler, the help and the key line are read from this table. */

export type Command =
  | "quit"
  | "back"
  | "interrupt"
  | "help"
  | "up"
  | "down"
  | "page-up"
  | "page-down"
  | "first"
  | "last"
  | "pause"
  | "filter"
  | "sort-left"
  | "sort-right"
  | "sort-reverse"
  | "sort-number"
  | "detail"
  | "next-warning"
  | "previous-warning"
  | "next-panel"
  | "checkpoint"
  | "redraw";

export interface KeyBinding {
  readonly command: Command;
  /** Key names as `keyName` gives them; printable keys stand for themselves. */
  readonly keys: readonly string[];
  /** How the help names the keys. */
  readonly label: string;
  readonly help: string;
  /** Text in the key line, absent = not shown there. Order of the table is the order of the line. */
  readonly hint?: string;
}

export const KEYMAP: readonly KeyBinding[] = [
  { command: "pause", keys: [" "], label: "Space", help: "hold the picture still; collecting goes on", hint: "pause" },
  { command: "filter", keys: ["/"], label: "/", help: "filter: regex, kind:queue, is:warning, is:gap", hint: "filter" },
  { command: "sort-left", keys: ["<"], label: "<", help: "sort by the column to the left" },
  { command: "sort-right", keys: [">"], label: ">", help: "sort by the column to the right" },
  { command: "sort-reverse", keys: ["r"], label: "r", help: "reverse the sorting" },
  {
    command: "sort-number",
    keys: ["1", "2", "3", "4", "5", "6", "7", "8", "9"],
    label: "1-9",
    help: "sort by column number",
    hint: "sort",
  },
  { command: "detail", keys: ["return", "e"], label: "Enter", help: "all metrics of the node", hint: "detail" },
  { command: "next-warning", keys: ["w"], label: "w", help: "next warning, and its node", hint: "warn" },
  { command: "previous-warning", keys: ["W"], label: "W", help: "previous warning" },
  { command: "checkpoint", keys: ["c"], label: "c", help: "write a snapshot now", hint: "ckpt" },
  { command: "up", keys: ["up", "k"], label: "Up k", help: "one node up" },
  { command: "down", keys: ["down", "j"], label: "Down j", help: "one node down" },
  { command: "page-up", keys: ["pageup"], label: "PgUp", help: "one page up" },
  { command: "page-down", keys: ["pagedown"], label: "PgDn", help: "one page down" },
  { command: "first", keys: ["g", "home"], label: "g Home", help: "first node" },
  { command: "last", keys: ["G", "end"], label: "G End", help: "last node" },
  { command: "next-panel", keys: ["tab"], label: "Tab", help: "to the warnings and back" },
  { command: "redraw", keys: ["ctrl-l"], label: "Ctrl-L", help: "draw the screen anew" },
  { command: "help", keys: ["?"], label: "?", help: "this help", hint: "help" },
  { command: "quit", keys: ["q"], label: "q", help: "quit", hint: "quit" },
  { command: "back", keys: ["escape"], label: "Esc", help: "close what is open; then quit" },
  { command: "interrupt", keys: ["ctrl-c"], label: "Ctrl-C", help: "quit at once" },
];

const BY_KEY: ReadonlyMap<string, Command> = new Map(
  KEYMAP.flatMap(({ command, keys }) => keys.map((key) => [key, command] as const)),
);

export function commandOf(key: string): Command | null {
  return BY_KEY.get(key) ?? null;
}
