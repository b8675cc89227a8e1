import type { Placed } from "./findings.ts";

/** A YAML document as FlowTime's schema check sees it: typed scalars, aliases resolved, every part with its place. */
export type SourceNode = ScalarNode | ListNode | NumbersNode | MappingNode;

export interface ScalarNode extends Placed {
  readonly kind: "scalar";
  readonly text: string;
  /** Only plain scalars are typed; quoted and block scalars are always text. */
  readonly isPlain: boolean;
  readonly type: "boolean" | "integer" | "number" | "text";
  /** The value of an `integer` or `number`, NaN otherwise. */
  readonly value: number;
}

export interface ListNode extends Placed {
  readonly kind: "list";
  readonly items: readonly SourceNode[];
}

/** A long list of plain numbers, read without a node for each. */
export interface NumbersNode extends Placed {
  readonly kind: "numbers";
  readonly values: readonly number[];
  readonly areIntegers: boolean;
}

export interface MappingNode extends Placed {
  readonly kind: "mapping";
  readonly entries: ReadonlyMap<string, Entry>;
}

export interface Entry {
  readonly key: Placed;
  readonly value: SourceNode;
}

const INTEGER = /^[+-]?\d+$/;
const NUMBER = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$/;
const NUMBER_WORD = /^([+-]?)(nan|infinity)$/i;
const BOOLEAN = /^(?:true|false)$/i;
const NULL_WORDS = new Set(["", "~", "null", "Null", "NULL"]);

const INT32_MIN = -(2 ** 31);
const INT32_MAX = 2 ** 31 - 1;

/** Types a scalar by FlowTime's rules (engine.md §2): YAML's own types (`.nan`, `0x1F`, `yes`) play no part. */
export function scalar(text: string, isPlain: boolean, place: Placed): ScalarNode {
  const { type, value } = isPlain ? typed(text) : { type: "text" as const, value: Number.NaN };
  return { kind: "scalar", text, isPlain, type, value, start: place.start, end: place.end };
}

function typed(text: string): Pick<ScalarNode, "type" | "value"> {
  if (NUMBER.test(text)) {
    const value = Number(text);
    const isInteger = INTEGER.test(text) && value >= INT32_MIN && value <= INT32_MAX;
    return { type: isInteger ? "integer" : "number", value };
  }
  if (BOOLEAN.test(text)) return { type: "boolean", value: Number.NaN };
  const word = NUMBER_WORD.exec(text);
  if (word === null) return { type: "text", value: Number.NaN };
  const value = word[2]!.toLowerCase() === "nan" ? Number.NaN : word[1] === "-" ? -Infinity : Infinity;
  return { type: "number", value };
}

/** What FlowTime's loader takes for "not given", though its schema check sees text. */
export function isNullWord(node: ScalarNode): boolean {
  return node.isPlain && NULL_WORDS.has(node.text);
}

/** Whether FlowTime's loader reads this scalar as the same 32-bit integer that its schema check saw. */
export function isWrittenAsInteger(node: ScalarNode): boolean {
  return node.type === "integer" && !/^[+-]?0\d/.test(node.text);
}

/** A node in a few words, for messages: "the number 5", "a list". */
export function describe(node: SourceNode): string {
  switch (node.kind) {
    case "list":
    case "numbers":
      return "a list";
    case "mapping":
      return "a mapping";
    case "scalar": {
      const text = node.text.length > 60 ? `${node.text.slice(0, 60)}…` : node.text;
      if (isNullWord(node)) return text === "" ? "nothing" : `'${text}' (nothing)`;
      if (node.type === "text") return `the text '${text}'`;
      return node.type === "boolean" ? `the truth value ${text}` : `the number ${text}`;
    }
  }
}
