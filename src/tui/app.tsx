import { Box, type Key, Text, useInput, useWindowSize } from "ink";
import { memo, useEffect, useSyncExternalStore } from "react";
import type { Glyphs } from "./glyphs.ts";
import type { TuiModel } from "./model.ts";
import type { Line, Tone } from "./text.ts";
import { renderScreen } from "./views/screen.ts";

export interface AppProps {
  readonly model: TuiModel;
  readonly glyphs: Glyphs;
  readonly hasColor: boolean;
  /** False without a keyboard: then keys are not read at all. */
  readonly hasKeys: boolean;
}

/** The screen: one text per row, already cut to width, so that layout has nothing left to decide. */
export function App({ model, glyphs, hasColor, hasKeys }: AppProps) {
  const { picture, screen, size } = useSyncExternalStore(model.subscribe, model.frame);
  const { columns, rows } = useWindowSize();
  useEffect(() => model.resize({ columns, rows }), [model, columns, rows]);
  useInput((input, key) => forward(model, input, key), { isActive: hasKeys });
  const lines = renderScreen(picture, screen, size, glyphs);
  return (
    <Box flexDirection="column">
      {lines.map((line, row) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a row of the screen is its position
        <Row key={row} line={line} hasColor={hasColor} />
      ))}
    </Box>
  );
}

const Row = memo(
  function Row({ line, hasColor }: { readonly line: Line; readonly hasColor: boolean }) {
    const parts = merged(line);
    if (parts.length === 0) return <Text> </Text>;
    return (
      <Text wrap="truncate">
        {parts.map(({ text, tone }, at) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: a span of a row is its position
          <Text key={at} {...styleOf(tone, hasColor)}>
            {text}
          </Text>
        ))}
      </Text>
    );
  },
  (before, after) => before.hasColor === after.hasColor && sameLine(before.line, after.line),
);

function sameLine(a: Line, b: Line): boolean {
  return a.length === b.length && a.every(({ text, tone }, at) => text === b[at]!.text && tone === b[at]!.tone);
}

/** Neighbours of one tone as one span: fewer nodes to lay out, fewer escapes to write. */
function merged(line: Line): Line {
  const parts: { text: string; tone: Tone }[] = [];
  for (const { text, tone } of line) {
    if (text === "") continue;
    const last = parts.at(-1);
    if (last !== undefined && last.tone === tone) last.text += text;
    else parts.push({ text, tone });
  }
  return parts;
}

const COLORS = { good: "green", warn: "yellow", bad: "red", accent: "cyan" } as const;

function styleOf(tone: Tone, hasColor: boolean) {
  if (tone === "strong") return { bold: true };
  if (tone === "plain") return {};
  // NO_COLOR asks for no colours; bold stays, as it carries what dim and red would.
  if (!hasColor) return tone === "bad" ? { bold: true } : {};
  return tone === "dim" ? { dimColor: true } : { color: COLORS[tone] };
}

function forward(model: TuiModel, input: string, key: Key): void {
  const name = keyName(input, key);
  if (name !== null) {
    model.key(name);
    return;
  }
  // Pasted text, and keys pressed faster than they are read, arrive as one.
  for (const character of input) {
    const named = CONTROL_KEYS[character] ?? character;
    if (named >= " ") model.key(named);
  }
}

const CONTROL_KEYS: Readonly<Record<string, string>> = {
  "\r": "return",
  "\n": "return",
  "\t": "tab",
  "\u0003": "ctrl-c",
  "\u007f": "backspace",
};

/** Name of a key as `keymap.ts` knows it, null for text of several characters. */
export function keyName(input: string, key: Key): string | null {
  if (key.upArrow) return "up";
  if (key.downArrow) return "down";
  if (key.leftArrow) return "left";
  if (key.rightArrow) return "right";
  if (key.pageUp) return "pageup";
  if (key.pageDown) return "pagedown";
  if (key.home) return "home";
  if (key.end) return "end";
  if (key.return) return "return";
  if (key.escape) return "escape";
  if (key.tab) return "tab";
  if (key.backspace || key.delete) return "backspace";
  if (key.ctrl) return `ctrl-${input}`;
  if (key.meta) return `meta-${input}`;
  return [...input].length === 1 ? input : null;
}
