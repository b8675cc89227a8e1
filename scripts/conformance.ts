// npm run conformance [-- --root DIR] [--verbose]: compares this engine with what FlowTime wrote.
import { existsSync } from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";
import { type CaseResult, runConformance } from "../test/conformance/runner.ts";

const projectRoot = path.resolve(import.meta.dirname, "..");
const reference = path.resolve(projectRoot, "../shared/reference/golden");
const { values } = parseArgs({
  options: { root: { type: "string" }, verbose: { type: "boolean", default: false } },
});
const root = path.resolve(
  values.root ?? (existsSync(reference) ? reference : path.join(projectRoot, "fixtures/conformance")),
);
if (!existsSync(root)) {
  console.error(`conformance: no such folder: ${root}`);
  process.exit(2);
}

console.error(`comparing with ${root}`);
const results = await runConformance(root, (result) => {
  if (result.outcome === "failed" || values.verbose) {
    console.log(
      `${result.outcome.padEnd(12)} ${result.kind}/${result.name}${result.detail === null ? "" : `  ${result.detail}`}`,
    );
  }
});
const count = (list: readonly CaseResult[], outcome: CaseResult["outcome"]): number =>
  list.filter((result) => result.outcome === outcome).length;
console.log("kind         cases  passed  failed  out of scope");
for (const kind of [...new Set(results.map((result) => result.kind))]) {
  const cases = results.filter((result) => result.kind === kind);
  const columns = [cases.length, count(cases, "passed"), count(cases, "failed"), count(cases, "out of scope")];
  console.log(
    `${kind.padEnd(11)} ${columns.map((number, index) => String(number).padStart([6, 8, 8, 14][index]!)).join("")}`,
  );
}
const answers = results.reduce((sum, result) => sum + result.answers, 0);
console.log(`API answers about simulations (state, state_window, metrics), among the cases above: ${answers}`);
const reasons = new Map<string, number>();
for (const { outcome, detail } of results) {
  if (outcome === "out of scope") reasons.set(detail!, (reasons.get(detail!) ?? 0) + 1);
}
for (const [reason, cases] of [...reasons].sort((a, b) => b[1] - a[1]))
  console.log(`out of scope: ${cases} with ${reason}`);
if (results.length === 0) console.error(`conformance: ${root} holds no case`);
if (results.length === 0 || results.some(({ outcome }) => outcome === "failed")) process.exitCode = 1;
