import type { JsonValue } from "./dotnet-json.ts";

/**
 * Reads JSON so that it can be written again: objects become Maps in the order of the text (a key given twice keeps its
 * first place and its last value), whole numbers that fit 64 bits become bigints, all others doubles. `JSON.parse` loses
 * all three. Undefined when the text is not JSON.
 */
export function parseJson(text: string): JsonValue | undefined {
  try {
    // The platform's parser judges the grammar, so that the reader below may assume it.
    JSON.parse(text);
    return new JsonReader(text).document();
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof RangeError) return undefined;
    throw error;
  }
}

/** Deepest nesting, as in .NET's reader. */
const MAX_DEPTH = 64;
const INT64_MIN = -(2n ** 63n);
const INT64_MAX = 2n ** 63n - 1n;

const STRING = /"(?:[^"\\]|\\.)*"/y;
const NUMBER = /-?\d+(\.\d+)?([eE][+-]?\d+)?/y;

class JsonReader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  document(): JsonValue {
    return this.#value(1);
  }

  #value(depth: number): JsonValue {
    if (depth > MAX_DEPTH) throw new RangeError("too deep");
    this.#skipSpace();
    switch (this.#text[this.#at]) {
      case "{":
        return this.#object(depth);
      case "[":
        return this.#array(depth);
      case '"':
        return this.#string();
      case "t":
        this.#at += 4;
        return true;
      case "f":
        this.#at += 5;
        return false;
      case "n":
        this.#at += 4;
        return null;
      default:
        return this.#number();
    }
  }

  #object(depth: number): JsonValue {
    const members = new Map<string, JsonValue>();
    while (this.#hasNext("}")) {
      const name = this.#string();
      this.#skipSpace();
      this.#at += 1;
      members.set(name, this.#value(depth + 1));
    }
    return members;
  }

  #array(depth: number): JsonValue {
    const items: JsonValue[] = [];
    while (this.#hasNext("]")) items.push(this.#value(depth + 1));
    return items;
  }

  /** Steps over the opening bracket or comma to the next item; false, and past `close`, at the end. */
  #hasNext(close: string): boolean {
    this.#skipSpace();
    const isEnd = this.#text[this.#at] === close;
    this.#at += 1;
    if (isEnd) return false;
    this.#skipSpace();
    if (this.#text[this.#at] !== close) return true;
    this.#at += 1;
    return false;
  }

  #string(): string {
    return JSON.parse(this.#take(STRING)) as string;
  }

  #number(): JsonValue {
    const literal = this.#take(NUMBER);
    if (!/^-?\d+$/.test(literal)) return Number(literal);
    const whole = BigInt(literal);
    return whole >= INT64_MIN && whole <= INT64_MAX ? whole : Number(literal);
  }

  #take(pattern: RegExp): string {
    pattern.lastIndex = this.#at;
    const token = pattern.exec(this.#text)?.[0] ?? "";
    this.#at += token.length;
    return token;
  }

  #skipSpace(): void {
    while (/[ \t\n\r]/.test(this.#text[this.#at] ?? "")) this.#at += 1;
  }
}
