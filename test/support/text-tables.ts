import { readFileSync } from "node:fs";
import path from "node:path";
import { describe } from "vitest";
import { describeWithReference } from "./reference.ts";

const fixtures = path.resolve(import.meta.dirname, "../../fixtures");

/**
 * Tests over a table of what FlowTime's runtime writes: the part of it in fixtures, and all of it where the reference is.
 * @param define gets the lines of the file, and how many there must be at least
 */
export function describeTextTable(
  name: string,
  file: "doubles.tsv" | "json-strings.tsv" | "yaml-reemit.ndjson",
  counts: { readonly part: number; readonly whole: number },
  define: (lines: readonly string[], count: number) => void,
): void {
  const lines = (root: string): string[] =>
    readFileSync(path.join(root, "text", file), "utf8")
      .trimEnd()
      .split("\n");
  describe(`${name}, a part`, () => define(lines(fixtures), counts.part));
  describeWithReference(name, (root) => define(lines(root), counts.whole));
}
