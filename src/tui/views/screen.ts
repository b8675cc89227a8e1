import { MIN_COLUMNS, MIN_ROWS } from "../columns.ts";
import type { Glyphs } from "../glyphs.ts";
import { KEYMAP } from "../keymap.ts";
import type { Picture } from "../picture.ts";
import { areasOf, type ScreenSize } from "../screen-size.ts";
import { type ScreenState, shownView } from "../screen-state.ts";
import { cut, cutLine, type Line, lineWidth, span } from "../text.ts";
import { helpLines } from "./help.ts";
import type { Scene } from "./paint.ts";
import { panelLines } from "./panels.ts";
import { statusLines } from "./status.ts";
import { tableLines } from "./table.ts";

/**
 * The whole screen as lines, each at most `size.columns` cells: `size.rows - 1` of them, or a single one when the
 * terminal is too small.
 */
export function renderScreen(picture: Picture, screen: ScreenState, size: ScreenSize, glyphs: Glyphs): readonly Line[] {
  const view = shownView(screen, picture.view);
  const nodeCount = Math.max(view.nodeInfos.length, view.nodes.length);
  const areas = areasOf(size, nodeCount, screen.isDetail);
  if (areas.isTooSmall) {
    const text = `need ${MIN_COLUMNS}x${MIN_ROWS}, have ${size.columns}x${size.rows}; q to quit`;
    return [[span(cut(text, size.columns, ""))]];
  }
  const scene: Scene = { picture, view, screen, areas, glyphs };
  if (screen.isHelp) return helpLines(scene);
  const rule: Line = [span(glyphs.rule.repeat(areas.columns), "dim")];
  return [...statusLines(scene), rule, ...tableLines(scene), rule, ...panelLines(scene), keyLine(scene)];
}

function keyLine({ screen, areas, glyphs }: Scene): Line {
  const width = areas.columns;
  if (screen.typing !== null) {
    const line = [
      span(" filter: ", "accent"),
      span(`${screen.typing}_`, "strong"),
      span("   Enter keep  Esc clear", "dim"),
    ];
    return cutLine(line, width, glyphs.ellipsis);
  }
  if (screen.notice !== null) {
    return cutLine([span(` ${screen.notice.text}`, screen.notice.tone)], width, glyphs.ellipsis);
  }
  const filter = screen.filter === "" ? [] : [span(` [${screen.filter}]`, "warn")];
  const hints: Line[] = KEYMAP.flatMap(({ label, hint }) =>
    hint === undefined ? [] : [[span(` ${label}`, "strong"), span(` ${hint} `, "dim")]],
  );
  // How to get help and how to leave are said on every width.
  const always = hints.splice(-2).flat();
  const line = [...filter];
  for (const hint of hints) if (lineWidth([...line, ...hint, ...always]) <= width) line.push(...hint);
  line.push(...always);
  return cutLine(line, width, glyphs.ellipsis);
}
