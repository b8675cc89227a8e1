// node --import tsx scripts/pick-text.ts: writes fixtures/text anew, a part of ../shared/reference/text: what the .NET runtime
// and FlowTime's YAML library make of numbers, strings and documents.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";

const projectRoot = path.resolve(import.meta.dirname, "..");
const reference = path.resolve(projectRoot, "../shared/reference/text");
const target = path.join(projectRoot, "fixtures/text");
/** The first lines hold the special cases; of the rest, which is random or a walk over Unicode, every so many. */
const PARTS = [
  { file: "doubles.tsv", first: 120, every: 30 },
  { file: "json-strings.tsv", first: 260, every: 90 },
  { file: "yaml-reemit.ndjson", first: 60, every: 25 },
] as const;

mkdirSync(target, { recursive: true });
for (const { file, first, every } of PARTS) {
  const lines = readFileSync(path.join(reference, file), "utf8").trimEnd().split("\n");
  const picked = lines.filter((_, index) => index < first || index % every === 0);
  writeFileSync(path.join(target, file), `${picked.join("\n")}\n`);
  console.log(`${file}: ${picked.length} of ${lines.length} lines`);
}
