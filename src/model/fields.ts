import { type Findings, MAX_FINDINGS, type Placed } from "./findings.ts";
import { numberPlaces } from "./number-lists.ts";
import {
  describe,
  isNullWord,
  isWrittenAsInteger,
  type MappingNode,
  type ScalarNode,
  type SourceNode,
  scalar,
} from "./source-tree.ts";

/** Text of a field, twice: as the schema check sees it, and as the loader takes it (null for a plain `null`, `~` or nothing). */
export interface TextField {
  readonly text: string;
  readonly loaded: string | null;
  readonly at: Placed;
}

export interface NumberRange {
  readonly min?: number;
  readonly max?: number;
  /** The number must be greater than this. */
  readonly above?: number;
}

export interface NumbersField {
  readonly values: readonly number[];
  /** Items as written; more than `values` has when some of them are no numbers. */
  readonly count: number;
  readonly at: Placed;
}

/**
 * Reads the fields of one mapping and reports what does not fit. A reader returns null for a field that is absent or
 * wrong; wrong ones have been reported by then.
 */
export class Fields {
  readonly findings: Findings;
  readonly mapping: MappingNode;
  /** JSON pointer of the mapping. */
  readonly pointer: string;
  /** The mapping in words, with its article: "a topology node". */
  readonly what: string;

  private constructor(findings: Findings, mapping: MappingNode, pointer: string, what: string) {
    this.findings = findings;
    this.mapping = mapping;
    this.pointer = pointer;
    this.what = what;
  }

  static of(findings: Findings, node: SourceNode, pointer: string, what: string): Fields | null {
    if (node.kind === "mapping") return new Fields(findings, node, pointer, what);
    reportType(findings, node, pointer, `${capitalised(what)} must be a mapping`);
    return null;
  }

  /** Where to point when the mapping as a whole is meant: its id, else its first key. */
  get head(): Placed {
    const id = this.mapping.entries.get("id")?.value;
    if (id?.kind === "scalar") return id;
    for (const entry of this.mapping.entries.values()) return entry.key;
    return { start: this.mapping.start, end: Math.min(this.mapping.end, this.mapping.start + 1) };
  }

  has(name: string): boolean {
    return this.mapping.entries.has(name);
  }

  node(name: string): SourceNode | null {
    return this.mapping.entries.get(name)?.value ?? null;
  }

  /** Reports every key that is not one of `names`. */
  allow(names: readonly string[]): void {
    for (const [name, { key }] of this.mapping.entries) {
      if (names.includes(name)) continue;
      const near = this.findings.didYouMean(name, names);
      this.findings.report({
        code: "unknown_field",
        message: `Field '${name}' is not part of ${this.what}.`,
        pointer: this.at(name),
        at: key,
        hint: near ?? `Fields here: ${names.join(", ")}.`,
      });
    }
  }

  require(...names: readonly string[]): void {
    for (const name of names) {
      if (this.has(name)) continue;
      this.findings.report({
        code: "missing_field",
        message: `${capitalised(this.what)} must have the field '${name}'.`,
        pointer: this.pointer,
        at: this.head,
      });
    }
  }

  text(name: string): TextField | null {
    const node = this.node(name);
    if (node === null) return null;
    return textOf(this.findings, node, this.at(name), `Field '${name}'`);
  }

  /** Text of at least one character. */
  nonEmptyText(name: string): TextField | null {
    const field = this.text(name);
    if (field === null || field.text !== "") return field;
    this.findings.report({
      code: "empty_text",
      message: `Field '${name}' must not be empty.`,
      pointer: this.at(name),
      at: field.at,
    });
    return null;
  }

  /** Text that is one of `options`, letter for letter. */
  choice<Option extends string>(name: string, options: readonly Option[]): Option | null {
    const field = this.text(name);
    if (field === null) return null;
    const option = options.find((candidate) => candidate === field.text);
    if (option !== undefined) return option;
    this.findings.report({
      code: "unknown_value",
      message: `Field '${name}' must be one of ${options.join(", ")}; '${field.text}' is none of them.`,
      pointer: this.at(name),
      at: field.at,
      hint: this.findings.didYouMean(field.text, options),
    });
    return null;
  }

  number(name: string, range: NumberRange = {}): number | null {
    const node = this.node(name);
    if (node === null) return null;
    if (node.kind !== "scalar" || !isNumber(node)) {
      reportType(this.findings, node, this.at(name), `Field '${name}' must be a number`);
      return null;
    }
    return this.isInRange(node, name, node.value, range) ? node.value : null;
  }

  /** A 32-bit whole number. */
  integer(name: string, range: NumberRange = {}): number | null {
    const node = this.node(name);
    if (node === null) return null;
    const pointer = this.at(name);
    if (node.kind !== "scalar" || !isNumber(node) || !Number.isInteger(node.value)) {
      reportType(this.findings, node, pointer, `Field '${name}' must be a whole number`);
      return null;
    }
    if (!this.isInRange(node, name, node.value, range)) return null;
    if (!isWrittenAsInteger(node)) {
      this.findings.report({
        tier: "compile",
        code: "integer_notation",
        message: `Field '${name}' must be written as a plain whole number; '${node.text}' is not.`,
        pointer,
        at: node,
        hint: "Digits only, no leading zero, within 32 bits.",
      });
    }
    return node.value;
  }

  /** The items of a list. */
  list(name: string, minItems = 0): readonly SourceNode[] | null {
    const node = this.node(name);
    if (node === null) return null;
    const pointer = this.at(name);
    if (node.kind === "numbers") {
      const { text } = this.findings;
      const places = numberPlaces(text, node.start, [...node.values.keys()]);
      return places.map((place) => scalar(text.slice(place.start, place.end), true, place));
    }
    if (node.kind !== "list") {
      reportType(this.findings, node, pointer, `Field '${name}' must be a list`);
      return null;
    }
    if (node.items.length < minItems) this.reportShortList(name, node);
    return node.items;
  }

  numbers(name: string, options: NumberRange & { readonly minItems?: number } = {}): NumbersField | null {
    const node = this.node(name);
    if (node === null) return null;
    const pointer = this.at(name);
    if (node.kind === "numbers") {
      const outside = [...node.values.keys()].filter((index) => !isWithin(node.values[index]!, options));
      const places = numberPlaces(this.findings.text, node.start, outside.slice(0, MAX_FINDINGS));
      outside.forEach((index, position) => {
        const place = places[position] ?? node;
        this.reportRange(place, `Item ${index} of '${name}'`, node.values[index]!, options, `${pointer}/${index}`);
      });
      return { values: node.values, count: node.values.length, at: node };
    }
    if (node.kind !== "list") {
      reportType(this.findings, node, pointer, `Field '${name}' must be a list of numbers`);
      return null;
    }
    if (node.items.length < (options.minItems ?? 0)) this.reportShortList(name, node);
    const values: number[] = [];
    node.items.forEach((item, index) => {
      const subject = `Item ${index} of '${name}'`;
      if (item.kind !== "scalar" || !isNumber(item)) {
        reportType(this.findings, item, `${pointer}/${index}`, `${subject} must be a number`);
        return;
      }
      if (!isWithin(item.value, options)) this.reportRange(item, subject, item.value, options, `${pointer}/${index}`);
      values.push(item.value);
    });
    return { values, count: node.items.length, at: node };
  }

  texts(name: string): readonly string[] | null {
    const items = this.list(name);
    if (items === null) return null;
    return items.flatMap((item, index) => {
      const field = textOf(this.findings, item, `${this.at(name)}/${index}`, `Item ${index} of '${name}'`);
      return field === null ? [] : [field.loaded ?? ""];
    });
  }

  /** A mapping of names to texts. The result has no prototype, so that every name is just a name. */
  textMap(name: string): Readonly<Record<string, string>> {
    const texts: Record<string, string> = Object.create(null);
    const inner = this.inner(name, `the mapping '${name}'`);
    if (inner === null) return texts;
    for (const key of inner.mapping.entries.keys()) {
      const field = inner.text(key);
      if (field !== null) texts[key] = field.loaded ?? "";
    }
    return texts;
  }

  /** The fields of a nested mapping. */
  inner(name: string, what: string): Fields | null {
    const node = this.node(name);
    return node === null ? null : Fields.of(this.findings, node, this.at(name), what);
  }

  /** Each item of a list as fields; an item that is no mapping is reported and left out. */
  each(name: string, what: string, minItems = 0): readonly { readonly index: number; readonly fields: Fields }[] {
    const items = this.list(name, minItems) ?? [];
    return items.flatMap((item, index) => {
      const fields = Fields.of(this.findings, item, `${this.at(name)}/${index}`, what);
      return fields === null ? [] : [{ index, fields }];
    });
  }

  /** JSON pointer of a field. */
  at(name: string): string {
    return `${this.pointer}/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`;
  }

  private reportShortList(name: string, at: Placed): void {
    this.findings.report({
      code: "empty_list",
      message: `Field '${name}' must have at least one item.`,
      pointer: this.at(name),
      at,
    });
  }

  private isInRange(at: Placed, name: string, value: number, range: NumberRange): boolean {
    if (!Number.isFinite(value)) {
      reportType(this.findings, this.node(name)!, this.at(name), `Field '${name}' must be a finite number`);
      return false;
    }
    if (!isWithin(value, range)) this.reportRange(at, `Field '${name}'`, value, range, this.at(name));
    return true;
  }

  private reportRange(at: Placed, subject: string, value: number, range: NumberRange, pointer: string): void {
    const { min, max, above } = range;
    const wanted =
      above !== undefined
        ? `greater than ${above}`
        : min !== undefined && max !== undefined
          ? `between ${min} and ${max}`
          : min !== undefined
            ? `at least ${min}`
            : `at most ${max}`;
    this.findings.report({
      code: "out_of_range",
      message: `${subject} is ${value}; it must be ${wanted}.`,
      pointer,
      at,
    });
  }
}

function isNumber(node: ScalarNode): boolean {
  return node.type === "integer" || (node.type === "number" && Number.isFinite(node.value));
}

function isWithin(value: number, { min = -Infinity, max = Infinity, above = -Infinity }: NumberRange): boolean {
  return value >= min && value <= max && value > above;
}

function textOf(findings: Findings, node: SourceNode, pointer: string, subject: string): TextField | null {
  if (node.kind === "scalar" && node.type === "text") {
    return { text: node.text, loaded: isNullWord(node) ? null : node.text, at: node };
  }
  reportType(findings, node, pointer, `${subject} must be text`);
  return null;
}

function reportType(findings: Findings, node: SourceNode, pointer: string, wanted: string): void {
  findings.report({
    code: "wrong_type",
    message: `${wanted}, found ${describe(node)}.`,
    pointer,
    at: node,
    hint: typeHint(node, wanted),
  });
}

function typeHint(node: SourceNode, wanted: string): string | null {
  if (node.kind !== "scalar") return null;
  if (wanted.endsWith("text")) return node.type === "text" ? null : "Put quotes around it to make it text.";
  if (!/number$/.test(wanted)) return null;
  if (!node.isPlain && node.text.trim() !== "" && Number.isFinite(Number(node.text))) return "Remove the quotes.";
  if (/^[+-]?\.?(nan|inf|infinity)$/i.test(node.text) || isNullWord(node)) {
    return "A model cannot state a missing value; let telemetry feed the series instead.";
  }
  return null;
}

function capitalised(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
