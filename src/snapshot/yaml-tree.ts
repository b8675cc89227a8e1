import {
  type Document,
  isAlias,
  isCollection,
  isMap,
  isScalar,
  isSeq,
  type Node,
  type ParsedNode,
  parseAllDocuments,
  type Scalar,
  type YAMLError,
} from "yaml";

/**
 * A YAML document as FlowTime's library sees it when it re-emits one (artifacts.md, Appendix A): every scalar is text with
 * its author's style, mapping order and anchors are kept, nothing is typed, comments are gone. An alias is the very node
 * it names, so a change through one place shows in the other, as it does there.
 */
export type YamlNode = YamlScalar | YamlSequence | YamlMapping;

export type ScalarStyle = "plain" | "single" | "double" | "literal" | "folded";

interface NodeProperties {
  readonly anchor: string | null;
  /** Expanded (`tag:yaml.org,2002:str`) or local (`!t`); null without an explicit tag. */
  readonly tag: string | null;
}
export interface YamlScalar extends NodeProperties {
  readonly type: "scalar";
  text: string;
  readonly style: ScalarStyle;
}
export interface YamlSequence extends NodeProperties {
  readonly type: "sequence";
  readonly isFlow: boolean;
  readonly items: YamlNode[];
}
export interface YamlMapping extends NodeProperties {
  readonly type: "mapping";
  readonly isFlow: boolean;
  readonly entries: YamlEntry[];
}
export interface YamlEntry {
  readonly key: YamlNode;
  value: YamlNode;
}

/** `documents` holds one root each; null when the text is not YAML in the eyes of FlowTime's library. */
export interface YamlStream {
  readonly documents: readonly YamlNode[];
}

/** Deepest nesting that is read. Far beyond any model; keeps hostile text from exhausting the stack. */
const MAX_DEPTH = 200;

class NotYaml extends Error {}

/** Null for text that FlowTime's library refuses. Duplicate keys are accepted here; see `hasDuplicateKey`. */
export function parseYamlStream(text: string): YamlStream | null {
  try {
    const parsed = parseAllDocuments(text, { schema: "failsafe", uniqueKeys: false, logLevel: "silent" });
    if ("empty" in parsed) {
      // Nothing but comments or directives.
      return parsed.warnings.length + parsed.errors.length === 0 ? { documents: [] } : null;
    }
    return { documents: parsed.map((document) => rootOf(document, text)) };
  } catch (error) {
    // The parser overflows the stack on absurd nesting; such text is refused like any other that is no document.
    if (error instanceof NotYaml || error instanceof RangeError) return null;
    throw error;
  }
}

/** The value of a key in a mapping (exact text, first match); null when absent or when `node` is no mapping. */
export function member(node: YamlNode | null | undefined, key: string): YamlNode | null {
  return entryOf(node, key)?.value ?? null;
}

export function entryOf(node: YamlNode | null | undefined, key: string): YamlEntry | null {
  if (node?.type !== "mapping") return null;
  return node.entries.find((entry) => entry.key.type === "scalar" && entry.key.text === key) ?? null;
}

/** Text of a scalar, null for everything else. */
export function scalarText(node: YamlNode | null | undefined): string | null {
  return node?.type === "scalar" ? node.text : null;
}

/** Whether any mapping of the tree names a scalar key twice. */
export function hasDuplicateKey(root: YamlNode, seen = new Set<YamlNode>()): boolean {
  if (root.type === "scalar" || seen.has(root)) return false;
  seen.add(root);
  if (root.type === "sequence") return root.items.some((item) => hasDuplicateKey(item, seen));
  const keys = new Set<string>();
  for (const { key, value } of root.entries) {
    if (key.type === "scalar") {
      const name = `${key.tag ?? ""} ${key.text}`;
      if (keys.has(name)) return true;
      keys.add(name);
    }
    if (hasDuplicateKey(key, seen) || hasDuplicateKey(value, seen)) return true;
  }
  return false;
}

function rootOf(document: Document.Parsed<ParsedNode, boolean>, text: string): YamlNode {
  // FlowTime's library refuses unknown directives, which the parser only warns of.
  if (document.warnings.some((warning) => warning.code === "BAD_DIRECTIVE")) throw new NotYaml();
  if (document.errors.some((error) => !isAcceptedThere(error, document, text))) throw new NotYaml();
  return new TreeBuilder(text).build(document.contents, false, 0);
}

/** A colon right before a closing bracket: text to FlowTime's library, where YAML has a key without a value. */
function isColonText(text: string, offset: number): boolean {
  return text[offset] === ":" && /[\]}]/.test(text[offset + 1] ?? "");
}

/** The key of a pair of which FlowTime's library sees but one plain text, `key:`; null for any other pair. */
function keyWithColon(key: unknown, text: string): Scalar | null {
  if (!isScalar(key) || key.type !== "PLAIN" || key.range == null) return null;
  return isColonText(text, key.range[1]) ? key : null;
}

/**
 * Where a key could start in a flow collection (after its opening bracket or a comma), FlowTime's library reads plain text
 * that starts with an indicator or a reserved character, although YAML forbids it.
 */
function isAcceptedThere(error: YAMLError, document: Document.Parsed<ParsedNode, boolean>, text: string): boolean {
  const [start, end] = error.pos;
  if (error.code === "BLOCK_IN_FLOW") return isColonText(text, end - 1);
  if (error.code !== "BAD_SCALAR_START" || !/[%>|@`]/.test(text[start] ?? "")) return false;
  return /[[{,]$/.test(text.slice(0, start).trimEnd()) && isInsideFlow(document.contents, start);
}

function isInsideFlow(node: Node | null | undefined, offset: number): boolean {
  if (!isCollection(node) || node.range == null) return false;
  if (offset < node.range[0] || offset >= node.range[1]) return false;
  if (node.flow === true) return true;
  return node.items.some((item) => {
    if (isScalar(item) || isCollection(item)) return isInsideFlow(item, offset);
    const pair = item as { key?: Node | null; value?: Node | null };
    return isInsideFlow(pair.key, offset) || isInsideFlow(pair.value, offset);
  });
}

class TreeBuilder {
  readonly #text: string;
  readonly #anchored = new Map<string, YamlNode>();

  constructor(text: string) {
    this.#text = text;
  }

  build(node: Node | null | undefined, isInFlow: boolean, depth: number): YamlNode {
    if (depth > MAX_DEPTH) throw new NotYaml();
    if (node == null) return { type: "scalar", text: "", style: "plain", anchor: null, tag: null };
    if (isAlias(node)) {
      const target = this.#anchored.get(node.source);
      if (target === undefined) throw new NotYaml();
      return target;
    }
    if (isInFlow && node.tag !== undefined) this.#refuseTagWithPunctuation(node);
    const only =
      isMap(node) && node.items.length === 1 && isInFlow ? keyWithColon(node.items[0]?.key, this.#text) : null;
    if (only !== null && !this.#isBracketed(node)) {
      return {
        type: "scalar",
        text: `${only.value}:`,
        style: "plain",
        anchor: only.anchor ?? null,
        tag: only.tag ?? null,
      };
    }
    const properties = { anchor: (node as { anchor?: string }).anchor ?? null, tag: node.tag ?? null };
    if (isScalar(node)) {
      const style = SCALAR_STYLES[node.type ?? "PLAIN"] ?? "plain";
      const value = this.#textOf(node, style);
      const isCut = isInFlow && style === "plain" && value.startsWith(":") && this.#isAfterQuotedItem(node);
      return this.#remember({ type: "scalar", text: isCut ? value.slice(1) : value, style, ...properties });
    }
    if (isSeq(node)) {
      const sequence: YamlSequence = { type: "sequence", isFlow: node.flow === true, items: [], ...properties };
      this.#remember(sequence);
      for (const item of node.items) {
        if (isMap(item) && item.flow !== true && hasMissingFirstKey(item)) throw new NotYaml();
        sequence.items.push(this.build(item as Node | null, isInFlow || sequence.isFlow, depth + 1));
      }
      return sequence;
    }
    if (isMap(node)) {
      const mapping: YamlMapping = { type: "mapping", isFlow: node.flow === true, entries: [], ...properties };
      this.#remember(mapping);
      const isFlow = isInFlow || mapping.isFlow;
      for (const pair of node.items) {
        const withColon = isFlow ? keyWithColon(pair.key, this.#text) : null;
        const key = this.build(pair.key as Node | null, isFlow, depth + 1);
        if (withColon !== null && key.type === "scalar") key.text += ":";
        mapping.entries.push({ key, value: this.build(pair.value as Node | null, isFlow, depth + 1) });
      }
      return mapping;
    }
    throw new NotYaml();
  }

  #remember<Kind extends YamlNode>(node: Kind): Kind {
    if (node.anchor !== null) this.#anchored.set(node.anchor, node);
    return node;
  }

  /** The parser ends a block scalar in a line break even where the text ends without one. */
  #textOf(node: Scalar, style: ScalarStyle): string {
    const value = String(node.value ?? "");
    if (style !== "literal" && style !== "folded") return value;
    const isCutOff = (node.range?.[1] ?? 0) >= this.#text.length && !/[\n\r]$/.test(this.#text);
    return isCutOff && value.endsWith("\n") ? value.slice(0, -1) : value;
  }

  /** Whether a mapping has braces of its own, unlike the single pair of a sequence. */
  #isBracketed(node: Node): boolean {
    return this.#text[node.range?.[0] ?? 0] === "{";
  }

  /** There FlowTime's library loses the colon that a plain text starts with. */
  #isAfterQuotedItem(node: Node): boolean {
    return /["']\s*,\s*$/.test(this.#text.slice(0, node.range?.[0] ?? 0));
  }

  /** FlowTime's library counts `,` `]` `}` as part of a tag and then trips over them. */
  #refuseTagWithPunctuation(node: Node): void {
    const start = node.range?.[0] ?? 0;
    const before = this.#text.slice(Math.max(0, start - 1), start);
    if (/^[,\]}]/.test(this.#text.slice(start)) && before !== " ") throw new NotYaml();
  }
}

/** `- : x` makes FlowTime's library fail, although YAML allows it. */
function hasMissingFirstKey(map: { items: readonly { key: unknown }[] }): boolean {
  const key = map.items[0]?.key;
  return key === null || (isScalar(key) && key.source === "" && key.type === "PLAIN");
}

const SCALAR_STYLES: Readonly<Record<string, ScalarStyle>> = {
  PLAIN: "plain",
  QUOTE_SINGLE: "single",
  QUOTE_DOUBLE: "double",
  BLOCK_LITERAL: "literal",
  BLOCK_FOLDED: "folded",
};
