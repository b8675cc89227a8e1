import { shortestText } from "../lib/dotnet-number.ts";
import { FlowError } from "../lib/errors.ts";

/**
 * JSON as FlowTime writes it (artifacts.md §3.2). A `number` is a double, a `bigint` a 64-bit integer. A Map is an object
 * whose keys come from data: it keeps their order, where a plain object would move keys that look like integers to the
 * front. Plain objects serve for fixed names; a member that is `undefined` is left out.
 */
export type JsonValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | readonly JsonValue[]
  | ReadonlyMap<string, JsonValue>
  | { readonly [name: string]: JsonValue | undefined };

export class JsonWriteError extends FlowError<"json_number_not_finite"> {}

/** Two spaces a level, LF, one array element a line; no newline at the end. Throws `JsonWriteError` for NaN and infinities. */
export function indentedJson(value: JsonValue): string {
  return write(value, "\n");
}

/** Without any white space: the form inside hash inputs. Throws `JsonWriteError` for NaN and infinities. */
export function compactJson(value: JsonValue): string {
  return write(value, null);
}

const ESCAPES: Readonly<Record<string, string>> = {
  "\\": "\\\\",
  "\b": "\\b",
  "\t": "\\t",
  "\n": "\\n",
  "\f": "\\f",
  "\r": "\\r",
};

/** The default, HTML-safe encoder of .NET: everything outside printable ASCII and `"&'+<>` plus backtick is escaped. */
export function jsonString(text: string): string {
  const escaped = text.toWellFormed().replace(/[^ -~]|["&'+<>`\\]/g, (unit) => {
    return ESCAPES[unit] ?? `\\u${unit.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}`;
  });
  return `"${escaped}"`;
}

/** @param newline line break plus the indentation so far; null for the compact form */
function write(value: JsonValue, newline: string | null): string {
  if (value === null) return "null";
  switch (typeof value) {
    case "boolean":
    case "bigint":
      return String(value);
    case "string":
      return jsonString(value);
    case "number":
      return numberText(value);
    default:
      return writeCollection(value, newline);
  }
}

function numberText(value: number): string {
  if (!Number.isFinite(value)) {
    throw new JsonWriteError("json_number_not_finite", `JSON cannot hold ${value}; the file was not written.`, {
      facts: { value: String(value) },
    });
  }
  return shortestText(value);
}

function writeCollection(value: Exclude<JsonValue, null | boolean | number | bigint | string>, newline: string | null) {
  const inner = newline === null ? null : `${newline}  `;
  if (Array.isArray(value)) {
    return enclose(
      "[",
      value.map((item: JsonValue) => write(item, inner)),
      "]",
      newline,
    );
  }
  const entries =
    value instanceof Map ? [...value] : Object.entries(value as { [name: string]: JsonValue | undefined });
  const separator = newline === null ? ":" : ": ";
  const members: string[] = [];
  for (const [name, member] of entries) {
    if (member !== undefined) members.push(`${jsonString(name)}${separator}${write(member, inner)}`);
  }
  return enclose("{", members, "}", newline);
}

function enclose(open: string, items: readonly string[], close: string, newline: string | null): string {
  if (items.length === 0) return open + close;
  if (newline === null) return open + items.join(",") + close;
  return `${open}${newline}  ${items.join(`,${newline}  `)}${newline}${close}`;
}
