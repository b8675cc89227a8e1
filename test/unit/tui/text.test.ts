import stringWidth from "string-width";
import { describe, expect, test } from "vitest";
import { cut, cutLine, lineText, lineWidth, pad, printable, span, spread, widthOf } from "../../../src/tui/text.ts";

test("the fast way of measuring agrees with the slow one", () => {
  for (let code = 0x20; code < 0x3000; code++) {
    if (code >= 0x7f && code < 0xa0) continue;
    const character = String.fromCharCode(code);
    expect(widthOf(character), code.toString(16)).toBe(stringWidth(character));
  }
});

describe("fitting", () => {
  test.each([
    ["short", 8, "short"],
    ["exactly8", 8, "exactly8"],
    ["one too many", 8, "one too…"],
    ["注文受付", 5, "注文…"],
    ["注文受付", 6, "注文…"],
    ["注文受付", 8, "注文受付"],
    ["👩‍👩‍👧‍👦 x", 3, "👩‍👩‍👧‍👦…"],
    ["e\u0301e\u0301e\u0301", 2, "e\u0301…"],
    ["x", 0, ""],
    ["xyz", 1, "…"],
  ])("%s in %d cells", (text, width, expected) => {
    expect(cut(text, width, "…")).toBe(expected);
    expect(widthOf(pad(text, width, "…"))).toBe(width);
    expect(widthOf(pad(text, width, "…", "right"))).toBe(width);
  });

  test("nothing that moves the cursor or changes colours comes through", () => {
    expect(printable("a\u001b[31mb\r\nc\u009bd\u2028")).toBe("a [31mb  c d ");
    expect(span("a\u0007b").text).toBe("a b");
  });

  test("lines are cut where they end", () => {
    const line = [span("abc"), span("defg", "bad"), span("hij")];
    expect(lineText(cutLine(line, 5, "…"))).toBe("abcd…");
    expect(lineText(cutLine(line, 3, "…"))).toBe("abc");
    expect(lineWidth(cutLine(line, 99, "…"))).toBe(10);
  });

  test("the left side gives way to the right one", () => {
    expect(lineText(spread([span("left side")], [span("right")], 12, "…"))).toBe("left … right");
    expect(lineText(spread([span("l")], [span("right")], 12, "…"))).toBe("l      right");
    expect(lineText(spread([span("l")], [span("right")], 4, "…"))).toBe("rig…");
  });
});
