import { KEYMAP } from "../keymap.ts";
import { cutLine, type Line, lineWidth, pad, span } from "../text.ts";
import type { Scene } from "./paint.ts";

const LABEL_CELLS = 9;

/** The key map and the meaning of letters and signs, in as many columns as fit. */
export function helpLines({ areas, glyphs }: Scene): readonly Line[] {
  const keys: Line[] = KEYMAP.map(({ label, help }) => [
    span(`  ${pad(label, LABEL_CELLS, "")}`, "strong"),
    span(help),
  ]);
  const legend: readonly (readonly [string, string])[] = [
    ["E W i", "worst active warning of the node: error, warning, info"],
    ["?", "telemetry of the node did not come"],
    ["n/a", `no number: telemetry is missing (trend: ${glyphs.missing})`],
    [glyphs.undefined, "no number: the formula has none here, as a ratio to 0"],
    ["0.0", "a number: nothing came, and that is known"],
  ];
  const signs: Line[] = legend.map(([sign, text]) => [span(`  ${pad(sign, LABEL_CELLS, "")}`, "strong"), span(text)]);
  const title: Line = [span(" keys", "accent"), span("   values are of one bin; any key closes this", "dim")];
  const room = areas.rows;
  const twoColumns = areas.columns >= 100;
  const lines: Line[] = [title];
  if (twoColumns) {
    const half = Math.floor(areas.columns / 2);
    const right: readonly Line[] = [[span("  signs", "accent")], ...signs];
    for (let at = 0; at < Math.max(keys.length, right.length); at++) {
      const left = cutLine(keys[at] ?? [], half - 1, glyphs.ellipsis);
      const used = lineWidth(left);
      lines.push([...left, span(" ".repeat(Math.max(1, half - used))), ...(right[at] ?? [])]);
    }
  } else if (keys.length + signs.length + 2 <= room) {
    lines.push(...keys, [], ...signs);
  } else {
    lines.push(...keys);
  }
  return lines.slice(0, room).map((line) => cutLine(line, areas.columns, glyphs.ellipsis));
}
