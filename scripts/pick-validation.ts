// node --import tsx scripts/pick-validation.ts: writes fixtures/validation anew from ../shared/reference.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { casesOf, isOwnSentence, type ValidationCase } from "../test/support/validation-golden.ts";

/**
 * Picks the compact set of validation cases: each that shows a sentence or a warning code of FlowTime's own that none
 * before it has shown.
 */

const projectRoot = path.resolve(import.meta.dirname, "..");
const source = path.join(projectRoot, "../shared/reference/golden/validate/cases.ndjson");
const target = path.join(projectRoot, "fixtures/validation");

const seen = new Set<string>();
const picked = casesOf(readFileSync(source, "utf8")).filter((golden) => {
  const shown = marksOf(golden).filter((mark) => !seen.has(mark));
  for (const mark of shown) seen.add(mark);
  return shown.length > 0;
});
mkdirSync(target, { recursive: true });
writeFileSync(path.join(target, "cases.ndjson"), `${picked.map((golden) => JSON.stringify(golden)).join("\n")}\n`);
console.log(`${picked.length} cases in fixtures/validation`);

function marksOf({ schema, compile, analyse }: ValidationCase): readonly string[] {
  return [schema, compile, analyse].flatMap((answer, tier) => {
    if (answer.status === 400) return [answer.error];
    const sentences = answer.errors.map(({ message }) => message).filter(isOwnSentence);
    const warnings = answer.warnings.map(({ code }) => code);
    // Names, numbers and pointers tell no two sentences apart.
    const skeletons = sentences.map((sentence) => sentence.replace(/'[^']*'|\/\S+|\d+/g, "…"));
    return [...skeletons.map((sentence) => `${tier} ${sentence}`), ...warnings, `${tier} ${answer.isValid}`];
  });
}
