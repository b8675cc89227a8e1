import type { ScalarStyle, YamlScalar } from "./yaml-tree.ts";

/** Where a scalar is about to stand. */
export interface ScalarPlace {
  readonly isInFlow: boolean;
  /** A key written as `key: value`, not as `? key`. */
  readonly isSimpleKey: boolean;
}

export interface ScalarTraits {
  readonly isMultiline: boolean;
  readonly hasSingleQuote: boolean;
  readonly isFlowPlainAllowed: boolean;
  readonly isBlockPlainAllowed: boolean;
  readonly isSingleQuotedAllowed: boolean;
  readonly isBlockStyleAllowed: boolean;
}

/** Line breaks of YAML 1.1, which FlowTime's library follows. */
export function isBreak(unit: string | undefined): boolean {
  return unit === "\n" || unit === "\r" || unit === "\u0085" || unit === "\u2028" || unit === "\u2029";
}

/** Tab, LF, CR, printable ASCII, U+0085, and the rest of the BMP without surrogates: what needs no escape. */
export function isPrintable(unit: string): boolean {
  return /[\t\n\r\u0020-\u007e\u0085\u00a0-\ud7ff\ue000-\ufffd]/.test(unit);
}

/** The style the scalar is written in: the author's, unless the text or the place forbids it (artifacts.md, Appendix A). */
export function chooseStyle(scalar: YamlScalar, traits: ScalarTraits, place: ScalarPlace): ScalarStyle {
  let style = scalar.style;
  if (place.isSimpleKey && traits.isMultiline) style = "double";
  if (style === "plain") style = plainOrQuoted(scalar, traits, place);
  if (style === "single" && !traits.isSingleQuotedAllowed) style = "double";
  const isBlockStyle = style === "literal" || style === "folded";
  if (isBlockStyle && (!traits.isBlockStyleAllowed || place.isInFlow || place.isSimpleKey)) style = "double";
  return style;
}

function plainOrQuoted(scalar: YamlScalar, traits: ScalarTraits, place: ScalarPlace): ScalarStyle {
  if (scalar.text === "") {
    if (scalar.tag !== null) return "single";
    return place.isInFlow || place.isSimpleKey ? "double" : "plain";
  }
  const isAllowed = place.isInFlow ? traits.isFlowPlainAllowed : traits.isBlockPlainAllowed;
  if (isAllowed) return "plain";
  return traits.isSingleQuotedAllowed && !traits.hasSingleQuote ? "single" : "double";
}

export function analyseScalar(text: string): ScalarTraits {
  const indicators = findIndicators(text);
  const isMultiline = /[\n\r\u0085\u2028\u2029]/.test(text);
  const hasUnprintable = [...text].some((character) => !isPrintable(character) || character.length > 1);
  const hasSpaceAtBreak = / [\n\r\u0085\u2028\u2029]|[\n\r\u0085\u2028\u2029] /.test(text);
  const hasBarePlainEdge = text === "" || /^[ \n\r\u0085\u2028\u2029']|[ \n\r\u0085\u2028\u2029]$/.test(text);
  const isPlainForbidden = hasBarePlainEdge || isMultiline || hasUnprintable;
  const hasLineOfSpaces = /(^|[\n\r\u0085\u2028\u2029]) +([\n\r\u0085\u2028\u2029]|$)/.test(text);
  return {
    isMultiline,
    hasSingleQuote: text.includes("'"),
    isFlowPlainAllowed: !isPlainForbidden && !indicators.isFlow && !indicators.isBlock,
    isBlockPlainAllowed: !isPlainForbidden && !indicators.isBlock,
    isSingleQuotedAllowed: !hasSpaceAtBreak && !hasUnprintable,
    isBlockStyleAllowed: text !== "" && !text.endsWith(" ") && !hasLineOfSpaces,
  };
}

/** Which contexts a leading or inner character with meaning in YAML rules plain style out of. */
function findIndicators(text: string): { isFlow: boolean; isBlock: boolean } {
  const isBlock =
    /^(---|\.\.\.)/.test(text) ||
    /^[#,[\]{}&*!|>"%@`']/.test(text) ||
    /^-([\s\u0085]|$)/.test(text) ||
    /^\?([\s\u0085]|$)/.test(text) ||
    /:([\s\u0085]|$)/.test(text) ||
    /[\s\u0085]#/.test(text);
  return { isBlock, isFlow: isBlock || /^[?:]/.test(text) || /[,?[\]{}:]/.test(text.slice(1)) };
}

const NAMED_ESCAPES: Readonly<Record<string, string>> = {
  "\0": "\\0",
  "\u0007": "\\a",
  "\b": "\\b",
  "\t": "\\t",
  "\n": "\\n",
  "\v": "\\v",
  "\f": "\\f",
  "\r": "\\r",
  "\u001b": "\\e",
  '"': '\\"',
  "\\": "\\\\",
  "\u0085": "\\N",
  "\u00a0": "\\_",
  "\u2028": "\\L",
  "\u2029": "\\P",
};

/** Text between the quotes of a double-quoted scalar. Tab is printable and stays. */
export function doubleQuotedBody(text: string): string {
  let body = "";
  for (const character of text) {
    const isSafe = isPrintable(character) && character.length === 1 && !isBreak(character);
    body += isSafe && character !== '"' && character !== "\\" ? character : escapeOf(character);
  }
  return body;
}

function escapeOf(character: string): string {
  const named = NAMED_ESCAPES[character];
  if (named !== undefined) return named;
  const hex = (character.codePointAt(0) ?? 0).toString(16).toUpperCase();
  if (hex.length <= 2) return `\\x${hex.padStart(2, "0")}`;
  return hex.length <= 4 ? `\\u${hex.padStart(4, "0")}` : `\\U${hex.padStart(8, "0")}`;
}
