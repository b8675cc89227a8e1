/** Characters that only look good, with a plain form of each for terminals that cannot show them. */
export interface Glyphs {
  readonly live: string;
  readonly waiting: string;
  readonly done: string;
  readonly failed: string;
  readonly paused: string;
  readonly descending: string;
  readonly ascending: string;
  readonly rule: string;
  readonly divider: string;
  readonly dot: string;
  readonly ellipsis: string;
  /** No number because the formula has none here. */
  readonly undefined: string;
  /** No number because telemetry did not come: one cell of a trend. */
  readonly missing: string;
  readonly arrow: string;
  /** Eight heights of a trend, lowest first. */
  readonly levels: readonly string[];
  /** Line charts: level, from below to above and back, and the corners between. */
  readonly chart: {
    readonly flat: string;
    readonly vertical: string;
    readonly upFrom: string;
    readonly upTo: string;
    readonly downFrom: string;
    readonly downTo: string;
    readonly axis: string;
    readonly zero: string;
  };
}

export const UNICODE_GLYPHS: Glyphs = {
  live: "●",
  waiting: "○",
  done: "■",
  failed: "×",
  paused: "||",
  descending: "▼",
  ascending: "▲",
  rule: "─",
  divider: "│",
  dot: "·",
  ellipsis: "…",
  undefined: "–",
  missing: "·",
  arrow: "→",
  levels: ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"],
  chart: {
    flat: "─",
    vertical: "│",
    upFrom: "╯",
    upTo: "╭",
    downFrom: "╮",
    downTo: "╰",
    axis: "┤",
    zero: "┼",
  },
};

export const ASCII_GLYPHS: Glyphs = {
  live: "*",
  waiting: "o",
  done: "#",
  failed: "x",
  paused: "||",
  descending: "v",
  ascending: "^",
  rule: "-",
  divider: "|",
  dot: "-",
  ellipsis: "~",
  undefined: "-",
  missing: "?",
  arrow: "->",
  levels: ["_", ".", ":", "=", "+", "*", "%", "#"],
  chart: { flat: "-", vertical: "|", upFrom: "'", upTo: ".", downFrom: ".", downTo: "'", axis: "|", zero: "+" },
};

/** Plain forms when asked for, and where the locale does not say UTF-8 and nothing else tells of a modern terminal. */
export function chooseGlyphs(ascii: boolean, env: Readonly<Record<string, string | undefined>>): Glyphs {
  if (ascii) return ASCII_GLYPHS;
  const locale = env.LC_ALL || env.LC_CTYPE || env.LANG || "";
  if (locale !== "") return /utf-?8/i.test(locale) ? UNICODE_GLYPHS : ASCII_GLYPHS;
  const isModern = ["WT_SESSION", "TERM_PROGRAM", "COLORTERM"].some((name) => (env[name] ?? "") !== "");
  return isModern ? UNICODE_GLYPHS : ASCII_GLYPHS;
}
