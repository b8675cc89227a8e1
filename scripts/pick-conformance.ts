// node --import tsx scripts/pick-conformance.ts: writes fixtures/conformance anew from ../shared/reference. Run it when
// more of FlowTime is built, so that a clone without the reference proves that too.
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { comparedRequests } from "../test/conformance/api-answers.ts";
import { goldenRun, modelThatRan } from "../test/conformance/golden.ts";
import { type CaseKind, runConformance } from "../test/conformance/runner.ts";

/** Cases with a model; enough to hold every construct and every warning more than once, small enough for the repository. */
const CASES = 30;
/** Bundles besides, each with the simulation run that it was captured from. */
const BUNDLES = 3;
/** Captures besides, alone and with the run made of them, each with the simulation run that was captured. */
const CAPTURES = { capture: 5, telemetry: 4 } as const;
/** This project's own models; the others are FlowTime's and stay where they are. */
const OWN = /^rnd[_-]/;

const projectRoot = path.resolve(import.meta.dirname, "..");
const reference = path.resolve(projectRoot, "../shared/reference");
const golden = path.join(reference, "golden");
const target = path.join(projectRoot, "fixtures/conformance");

interface IndexLine {
  readonly kind: string;
  readonly case: string;
  readonly features: readonly string[];
  readonly warnings: readonly string[];
  /** Edge series of the run. */
  readonly edges: number;
}

interface Candidate {
  readonly kind: CaseKind;
  readonly name: string;
  readonly bytes: number;
  /** What choosing the case proves. */
  readonly proves: readonly string[];
}

const index = new Map(
  (JSON.parse(readFileSync(path.join(golden, "index.json"), "utf8")) as IndexLine[]).map((line) => [
    `${line.kind}/${line.case}`,
    line,
  ]),
);
const results = await runConformance(golden);
const candidates = results
  .filter(({ name, outcome }) => outcome === "passed" && OWN.test(name))
  .map(({ kind, name }): Candidate => {
    const folder = kind === "bundles" ? path.join(reference, kind, name) : path.join(golden, kind, name);
    const isModel = kind === "direct" || kind === "prefix" || kind === "simulation";
    const { features, warnings, edges } = index.get(`${isModel ? kind : "simulation"}/${name}`)!;
    const codes = isModel ? warnings.map((code) => `warning ${code}`) : [];
    const layer = kind === "prefix" ? "direct" : kind;
    const inLayer = [...features, ...(edges > 0 ? ["edge series"] : [])].map((feature) => `${layer} ${feature}`);
    return { kind, name, bytes: bytesOf(folder), proves: [`kind ${kind}`, ...inLayer, ...codes] };
  })
  .sort((a, b) => a.bytes - b.bytes || (a.name < b.name ? -1 : 1));

const ofKind = (...kinds: readonly CaseKind[]) => candidates.filter(({ kind }) => kinds.includes(kind));
const models = ofKind("direct", "prefix", "simulation");
const chosen = [
  ...choose(models, CASES),
  ...choose(ofKind("bundles"), BUNDLES),
  ...choose(ofKind("capture"), CAPTURES.capture),
  ...choose(ofKind("telemetry"), CAPTURES.telemetry),
];

for (const kind of ["direct", "prefix", "simulation", "bundles", "capture", "telemetry"]) {
  rmSync(path.join(target, kind), { recursive: true, force: true });
}
for (const { kind, name } of chosen) {
  if (kind === "bundles") copyBundle(name);
  if (kind === "capture" || kind === "telemetry") copyCapture(kind, name);
  copyCase(kind === "direct" || kind === "prefix" ? kind : "simulation", name);
}

const proven = new Set(chosen.flatMap(({ proves }) => proves));
const missing = [...new Set(models.flatMap(({ proves }) => proves))].filter((item) => !proven.has(item));
console.log(`${chosen.length} cases, ${bytesOf(target)} bytes, ${proven.size} features and warnings`);
if (missing.length > 0) throw new Error(`not covered: ${missing.join(", ")}`);

/**
 * The case that proves most of what is not proven yet, the smallest of those; when nothing is left to prove, the same
 * again, so that everything is proven twice, three times, and so on.
 */
function choose(from: readonly Candidate[], limit: number): Candidate[] {
  const picked: Candidate[] = [];
  let open = new Set<string>();
  while (picked.length < limit && picked.length < from.length) {
    const rest = from.filter((candidate) => !picked.includes(candidate));
    const gain = ({ proves }: Candidate): number => proves.filter((item) => open.has(item)).length;
    const best = rest.reduce((a, b) => (gain(b) > gain(a) ? b : a));
    if (gain(best) === 0) {
      open = new Set(rest.flatMap(({ proves }) => proves));
      continue;
    }
    picked.push(best);
    for (const item of best.proves) open.delete(item);
  }
  return picked;
}

function copyCase(kind: "direct" | "prefix" | "simulation", name: string): void {
  const from = path.join(golden, kind, name);
  const run = goldenRun(from);
  const to = path.join(target, kind, name);
  cpSync(path.join(from, "run"), path.join(to, "run"), { recursive: true });
  const output = path.join(from, "stdout.txt");
  if (existsSync(output)) cpSync(output, path.join(to, "stdout.txt"));
  if (kind === "simulation") copyAnswers(path.join(from, "api"), path.join(to, "api"));
  writeFileSync(path.join(to, "model.yaml"), modelThatRan(readFileSync(path.join(from, "model.yaml"), "utf8"), run));
}

/** The API's answers about the run are another test's. */
function copyCapture(kind: "capture" | "telemetry", name: string): void {
  for (const part of ["capture", "model.yaml", "run"]) {
    const from = path.join(golden, kind, name, part);
    if (existsSync(from)) cpSync(from, path.join(target, kind, name, part), { recursive: true });
  }
}

/** What FlowTime answered about the run, as far as it is compared, with the list of requests cut to that. */
function copyAnswers(from: string, to: string): void {
  const requests = comparedRequests(from);
  mkdirSync(to, { recursive: true });
  for (const { name } of requests) cpSync(path.join(from, name), path.join(to, name));
  writeFileSync(path.join(to, "requests.json"), `${JSON.stringify(requests, null, 1)}\n`);
}

function copyBundle(name: string): void {
  const to = path.join(target, "bundles", name);
  cpSync(path.join(reference, "bundles", name), to, { recursive: true });
  const model = path.join(to, "model.yaml");
  writeFileSync(model, modelThatRan(readFileSync(model, "utf8"), goldenRun(path.join(golden, "simulation", name))));
}

function bytesOf(folder: string): number {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + statSync(path.join(entry.parentPath, entry.name)).size, 0);
}
