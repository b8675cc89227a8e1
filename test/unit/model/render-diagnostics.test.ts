import { describe, expect, test } from "vitest";
import { type Diagnostic, sortDiagnostics } from "../../../src/model/diagnostics.ts";
import { parseModel } from "../../../src/model/parse.ts";
import { renderDiagnostic } from "../../../src/model/render-diagnostics.ts";

/** A finding about the first place of `part` in the text, or about the document. */
function findingAt(text: string, part: string | null, more: Partial<Diagnostic> = {}): Diagnostic {
  const startOffset = part === null ? -1 : text.indexOf(part);
  const before = text.slice(0, Math.max(0, startOffset));
  return {
    severity: "error",
    tier: "schema",
    code: "bad_thing",
    message: "Bad.",
    pointer: "",
    span:
      part === null
        ? null
        : {
            line: before.split("\n").length,
            column: startOffset - before.lastIndexOf("\n"),
            startOffset,
            endOffset: startOffset + part.length,
          },
    ...more,
  };
}

describe("renderDiagnostic", () => {
  test("shows place, line, underline and hint", () => {
    const text = "grid:\n  binz: 4\n";
    const finding = findingAt(text, "binz", { hint: "Did you mean 'bins'?" });
    expect(renderDiagnostic(finding, text, { fileName: "model.yaml" })).toBe(
      ["model.yaml:2:3: error[bad_thing]: Bad.", " 2 |   binz: 4", "   |   ^^^^", "hint: Did you mean 'bins'?"].join(
        "\n",
      ),
    );
  });

  test("of a finding without a place, only the words", () => {
    expect(renderDiagnostic(findingAt("", null, { severity: "warning" }), "a")).toBe(
      "<model>: warning[bad_thing]: Bad.",
    );
  });

  test("of a place over several lines, the first one", () => {
    const text = "a:\n  - 1\n  - 2\n";
    expect(renderDiagnostic(findingAt(text, "- 1\n  - 2"), text)).toBe(
      "<model>:2:3: error[bad_thing]: Bad.\n 2 |   - 1\n   |   ^^^",
    );
  });

  test.each([
    ["at the end of the text", "a: b", { line: 1, column: 5, startOffset: 4, endOffset: 4 }, " 1 | a: b\n   |     ^"],
    ["at a line end", "a:\nb:\n", { line: 1, column: 3, startOffset: 2, endOffset: 2 }, " 1 | a:\n   |   ^"],
    ["in an empty text", "", { line: 1, column: 1, startOffset: 0, endOffset: 0 }, " 1 | \n   | ^"],
  ])("an empty place %s gets one mark", (_name, text, span, expected) => {
    expect(renderDiagnostic(findingAt(text, null, { span }), text)).toBe(
      `<model>:${span.line}:${span.column}: error[bad_thing]: Bad.\n${expected}`,
    );
  });

  test("tabs take their columns, wide characters two, combining marks none", () => {
    const [, source, underline] = renderDiagnostic(findingAt("\tx\t日本é: bad", "bad"), "\tx\t日本é: bad").split("\n");
    expect(source).toBe(" 1 |     x   日本é: bad");
    //                             tab  x tab 4 columns  é : blank
    expect(underline).toBe(`   | ${" ".repeat(4 + 4 + 4 + 1 + 2)}^^^`);
    const text = "cafe\u0301: bad";
    expect(renderDiagnostic(findingAt(text, "bad"), text).split("\n")[2]).toBe("   |       ^^^");
  });

  test("a line of ten thousand characters is cut around the place", () => {
    const text = `values: [${"1000, ".repeat(2000)}bad, ${"2000, ".repeat(2000)}3]`;
    const [, source = "", underline = ""] = renderDiagnostic(findingAt(text, "bad"), text).split("\n");
    expect(source.length).toBeLessThan(115);
    expect(source).toMatch(/^ 1 \| ….*…$/);
    expect(source.slice(underline.indexOf("^"), underline.lastIndexOf("^") + 1)).toBe("bad");
  });

  test("a mark longer than the line shown ends with it", () => {
    const text = `values: [${"1, ".repeat(4000)}1]`;
    const [, source = "", underline = ""] = renderDiagnostic(findingAt(text, text.slice(8)), text).split("\n");
    expect(source.startsWith(" 1 | values: [1, 1")).toBe(true);
    expect(underline.length).toBeLessThanOrEqual(source.length);
  });

  test("control characters are shown, not sent to the terminal", () => {
    const text = 'a: "\u001B[2J\u202Eevil\u0007"';
    const rendered = renderDiagnostic(findingAt(text, "evil", { message: `\u001B[31mred\n`, hint: "\u0000" }), text);
    expect(rendered).not.toMatch(/[\u0000-\u0009\u000B-\u001F\u202E]/);
    expect(rendered).toContain("␛[2J");
    expect(rendered.split("\n")).toHaveLength(4);
  });

  test("colours only when asked", () => {
    const text = "a: b";
    expect(renderDiagnostic(findingAt(text, "b"), text, { color: true })).toContain(
      "\u001B[31merror[bad_thing]\u001B[0m",
    );
    expect(renderDiagnostic(findingAt(text, "b"), text)).not.toContain("\u001B");
  });

  test("a text with CRLF and a byte-order mark is shown as it was read", () => {
    const text = "\uFEFFschemaVersion: 1\r\nbogus: 1\r\n";
    const finding = parseModel(text).diagnostics.find((candidate) => candidate.code === "unknown_field")!;
    expect(renderDiagnostic(finding, text).split("\n").slice(1, 3)).toEqual([" 2 | bogus: 1", "   | ^^^^^"]);
  });
});

test("sortDiagnostics puts findings in reading order, errors first", () => {
  const text = "a b c";
  const [document, a, b] = [null, "a", "b"].map((part) => findingAt(text, part));
  const warning = findingAt(text, "a", { severity: "warning" });
  expect(sortDiagnostics([b!, warning, a!, document!])).toEqual([document, a, warning, b]);
});
