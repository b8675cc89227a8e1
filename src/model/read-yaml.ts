import {
  type Alias,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  type Node,
  parseAllDocuments,
  type YAMLMap,
} from "yaml";
import type { Findings, Placed } from "./findings.ts";
import { type CondensedText, condenseNumberLists } from "./number-lists.ts";
import { type Entry, type SourceNode, scalar } from "./source-tree.ts";

/** Longest model text taken, in characters: the size that FlowTime's own HTTP API takes. */
export const MAX_MODEL_CHARS = 30_000_000;

/**
 * Most YAML parts (lines, brackets, quotes, commas; long numeric lists count as one) of a model. The parser needs some
 * 10 µs and 1 kB for each, and the thread is busy for as long.
 */
export const MAX_YAML_PARTS = 500_000;

/** Deepest nesting taken. FlowTime's JSON reader stops at the same depth. */
export const MAX_DEPTH = 64;

/** Most nodes that aliases may add to a document. Far beyond honest use, and a bomb is found before it is expanded. */
export const MAX_ALIASED_NODES = 1_000_000;

/**
 * The first document of the text, or null when there is none to go on with; every syntax error is reported.
 * Duplicate keys, unknown aliases, expansions and depths beyond the limits above are errors of the `yaml` tier.
 * @param refuseNonFinite report every plain scalar that reads as NaN or an infinity, whatever its place
 */
export function readYaml(findings: Findings, options: { readonly refuseNonFinite: boolean }): SourceNode | null {
  const { text } = findings;
  const problem = sizeProblem(text);
  if (problem !== null) {
    report(findings, "too_large", problem, { start: 0, end: 0 });
    return null;
  }
  const condensed = condenseNumberLists(text);
  const parts = countParts(condensed.text);
  if (parts > MAX_YAML_PARTS) {
    report(findings, "too_large", `The model has more than ${MAX_YAML_PARTS} YAML parts.`, { start: 0, end: 0 });
    return null;
  }
  if (condensed.lists.size > 0) {
    const documents = parse(condensed.text);
    const first = documents[0];
    if (documents.every((document) => document.errors.length === 0) && first !== undefined) {
      const reader = new TreeReader(findings, condensed, options.refuseNonFinite);
      if (takesEveryList(first, condensed)) return finish(findings, documents, reader);
    }
    // A "list" was part of a comment, a string or an error: read the text as it is.
    if (countParts(text) > MAX_YAML_PARTS) {
      report(findings, "too_large", `The model has more than ${MAX_YAML_PARTS} YAML parts.`, { start: 0, end: 0 });
      return null;
    }
  }
  return finish(findings, parse(text), new TreeReader(findings, { text, lists: new Map() }, options.refuseNonFinite));
}

function sizeProblem(text: string): string | null {
  if (text.length <= MAX_MODEL_CHARS) return null;
  return `The model has ${text.length} characters; at most ${MAX_MODEL_CHARS} are taken.`;
}

function countParts(text: string): number {
  let parts = 0;
  for (let at = 0; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case 0x0a: // line end
      case 0x22: // "
      case 0x26: // &
      case 0x27: // '
      case 0x2a: // *
      case 0x21: // !
      case 0x2c: // ,
      case 0x5b: // [
      case 0x5d: // ]
      case 0x7b: // {
      case 0x7d: // }
        parts++;
        break;
      case 0x2d: // "- ", "? ", ": "
      case 0x3f:
      case 0x3a:
        if (text.charCodeAt(at + 1) === 0x20) parts++;
    }
  }
  return parts;
}

function parse(text: string): readonly Document.Parsed[] {
  const documents = parseAllDocuments(text, {
    // Scalars stay text: FlowTime's typing is not YAML's. Duplicate keys are found here, in linear time.
    schema: "failsafe",
    merge: false,
    uniqueKeys: false,
    prettyErrors: false,
    logLevel: "silent",
  });
  return Array.isArray(documents) ? documents : [];
}

function finish(findings: Findings, documents: readonly Document.Parsed[], reader: TreeReader): SourceNode | null {
  for (const document of documents) reportProblems(findings, document);
  const first = documents[0];
  if (first === undefined || (first.contents === null && documents.length === 1)) {
    report(findings, "empty_document", "Model YAML cannot be null or empty.", { start: 0, end: 0 });
    return null;
  }
  const second = documents[1];
  if (second !== undefined) {
    findings.report({
      tier: "compile",
      code: "second_document",
      message: "A model is one YAML document; a second one begins here.",
      pointer: "",
      at: { start: second.range[0], end: second.range[0] },
      hint: "Remove the line '---' or keep the other document in a file of its own.",
    });
  }
  return first.errors.length > 0 ? null : reader.read(first.contents);
}

const HINTS: Readonly<Record<string, string>> = {
  TAB_AS_INDENT: "Indent with spaces.",
  BAD_INDENT: "Lines of one block start in the same column.",
  BLOCK_AS_IMPLICIT_KEY: "Put quotes around a value that contains ': '.",
  MISSING_CHAR: "Look for a quote, bracket or colon that is missing before this place.",
};

function reportProblems(findings: Findings, document: Document.Parsed): void {
  let isTooDeep = false;
  for (const error of document.errors) {
    const [start, end] = error.pos;
    if (error.message.includes("call stack")) isTooDeep = true;
    else if (!isTooDeep) {
      report(findings, "yaml_syntax", `Invalid YAML syntax: ${error.message}`, { start, end }, HINTS[error.code]);
      continue;
    }
    // What follows an abandoned part is noise.
    report(findings, "too_deep", `YAML is nested deeper than ${MAX_DEPTH} levels.`, { start, end });
    return;
  }
}

function report(findings: Findings, code: string, message: string, at: Placed, hint?: string): void {
  findings.report({ tier: "yaml", code, message, pointer: "", at, hint: hint ?? null });
}

/** Whether each list that was taken out is a whole flow sequence of the document. */
function takesEveryList(document: Document.Parsed, condensed: CondensedText): boolean {
  let taken = 0;
  const pending: unknown[] = [document.contents];
  while (pending.length > 0) {
    const node = pending.pop();
    if (isSeq(node)) {
      const list = condensed.lists.get(node.range?.[0] ?? -1);
      if (list === undefined) pending.push(...node.items);
      else if (list.end === node.range?.[1]) taken++;
    } else if (isMap(node)) {
      // A list that is a key is no field's value: leave it to the plain reading.
      for (const pair of node.items) pending.push(pair.value);
    }
  }
  return taken === condensed.lists.size;
}

/** Turns the parser's nodes into source nodes. */
class TreeReader {
  private readonly findings: Findings;
  private readonly condensed: CondensedText;
  private readonly refuseNonFinite: boolean;
  /** Finished nodes by anchor, with the number of nodes they stand for. */
  private readonly anchors = new Map<string, { node: SourceNode; size: number }>();
  private aliasedNodes = 0;
  private isTooDeep = false;
  private hasFailed = false;

  constructor(findings: Findings, condensed: CondensedText, refuseNonFinite: boolean) {
    this.findings = findings;
    this.condensed = condensed;
    this.refuseNonFinite = refuseNonFinite;
  }

  read(contents: Node | null): SourceNode | null {
    const { node } = this.convert(contents, { start: 0, end: 0 }, 1, "");
    return this.hasFailed ? null : node;
  }

  /** @param parent the place to name for a node that has no text of its own */
  private convert(node: unknown, parent: Placed, depth: number, pointer: string): { node: SourceNode; size: number } {
    if (isAlias(node)) return this.resolve(node, parent, pointer);
    const converted = this.convertOwn(node, parent, depth, pointer);
    if ((isMap(node) || isSeq(node) || isScalar(node)) && node.anchor) this.anchors.set(node.anchor, converted);
    return converted;
  }

  private convertOwn(
    node: unknown,
    parent: Placed,
    depth: number,
    pointer: string,
  ): { node: SourceNode; size: number } {
    const place = placeOf(node) ?? parent;
    if (isMap(node) || isSeq(node)) {
      if (depth > MAX_DEPTH) return this.tooDeep(place);
      if (isMap(node)) return this.convertMapping(node, place, depth, pointer);
      const numbers = this.condensed.lists.get(place.start);
      if (numbers !== undefined) {
        const { values, areIntegers } = numbers;
        return { node: { kind: "numbers", values, areIntegers, ...place }, size: 1 + values.length };
      }
      let size = 1;
      const items = node.items.map((item, index) => {
        const converted = this.convert(item, place, depth + 1, `${pointer}/${index}`);
        size += converted.size;
        return converted.node;
      });
      return { node: { kind: "list", items, ...place }, size };
    }
    return { node: this.convertScalar(node, place, parent, pointer), size: 1 };
  }

  private convertScalar(node: unknown, place: Placed, parent: Placed, pointer: string): SourceNode {
    if (!isScalar(node)) return scalar("", true, parent);
    const text = typeof node.value === "string" ? node.value : (node.source ?? "");
    const isPlain = node.type === undefined || node.type === "PLAIN";
    const read = scalar(text, isPlain, place.end > place.start ? place : parent);
    if (this.refuseNonFinite && read.type === "number" && !Number.isFinite(read.value)) {
      this.findings.report({
        code: "not_finite",
        message: `${text} reads as a number that is not finite.`,
        pointer,
        at: read,
        hint: "If it is meant as text, put quotes around it.",
      });
    }
    return read;
  }

  private convertMapping(
    node: YAMLMap,
    place: Placed,
    depth: number,
    pointer: string,
  ): { node: SourceNode; size: number } {
    const entries = new Map<string, Entry>();
    let size = 1;
    for (const pair of node.items) {
      const key = this.convert(pair.key, place, depth + 1, pointer);
      if (key.node.kind !== "scalar") {
        this.fail("key_not_text", "A key must be a plain name.", key.node, pointer);
        continue;
      }
      const name = key.node.text;
      const value = this.convert(pair.value, key.node, depth + 1, `${pointer}/${escapePointer(name)}`);
      size += key.size + value.size;
      const earlier = entries.get(name);
      if (earlier !== undefined) {
        const { line } = this.findings.span(earlier.key);
        this.fail(
          "duplicate_key",
          `Invalid YAML syntax: Duplicate key ${name}`,
          key.node,
          pointer,
          `First on line ${line}.`,
        );
        continue;
      }
      entries.set(name, { key: { start: key.node.start, end: key.node.end }, value: value.node });
    }
    return { node: { kind: "mapping", entries, ...place }, size };
  }

  private resolve(alias: Alias, parent: Placed, pointer: string): { node: SourceNode; size: number } {
    const place = placeOf(alias) ?? parent;
    const target = this.anchors.get(alias.source);
    if (target === undefined) {
      const hint = "An anchor stands before its aliases and does not contain them.";
      this.fail("unknown_alias", `The anchor '${alias.source}' does not exist.`, place, pointer, hint);
      return { node: scalar("", true, place), size: 1 };
    }
    const before = this.aliasedNodes;
    this.aliasedNodes += target.size;
    if (this.aliasedNodes <= MAX_ALIASED_NODES) return target;
    if (before <= MAX_ALIASED_NODES) {
      const message = `Aliases expand to more than ${MAX_ALIASED_NODES} nodes.`;
      this.fail("alias_expansion", message, place, pointer, "Write the values out.");
    }
    return { node: scalar("", true, place), size: 1 };
  }

  private tooDeep(place: Placed): { node: SourceNode; size: number } {
    if (!this.isTooDeep) this.fail("too_deep", `YAML is nested deeper than ${MAX_DEPTH} levels.`, place, "");
    this.isTooDeep = true;
    return { node: scalar("", true, place), size: 1 };
  }

  private fail(code: string, message: string, at: Placed, pointer: string, hint?: string): void {
    this.hasFailed = true;
    this.findings.report({ tier: "yaml", code, message, pointer, at, hint: hint ?? null });
  }
}

function placeOf(node: unknown): Placed | null {
  if (!isAlias(node) && !isScalar(node) && !isMap(node) && !isSeq(node)) return null;
  return node.range ? { start: node.range[0], end: node.range[1] } : null;
}

/** One step of a JSON pointer (RFC 6901). */
function escapePointer(name: string): string {
  return name.replaceAll("~", "~0").replaceAll("/", "~1");
}
