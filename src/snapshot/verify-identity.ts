import { guarded, guardedOptional, type Report } from "./findings.ts";
import { inputHashOf } from "./input-hash.ts";
import { MANIFEST_FILE, METADATA_FILE, MODEL_FILE, PROVENANCE_FILE, RUN_FILE, SPEC_FILE } from "./layout.ts";
import { DEFAULT_SEED, scenarioHash } from "./manifest.ts";
import { metadataFile } from "./metadata.ts";
import { manifestProvenance, readProvenance } from "./provenance.ts";
import { isObject, optionalText, readBytes, readJsonObject, type StoredRun } from "./reader.ts";
import { decodeText, sha256 } from "./text-file.ts";

/**
 * What a run folder says it is a run of: hashes of model, scenario and inputs, and everything that metadata.json and the
 * manifest take from the model and the provenance, recomputed. The number of files whose hash was compared.
 */
export async function verifyIdentity(directory: string, stored: StoredRun, report: Report): Promise<number> {
  const model = await guarded(MODEL_FILE, report, () => readBytes(directory, MODEL_FILE));
  const spec = await guarded(SPEC_FILE, report, () => readBytes(directory, SPEC_FILE));
  const metadata = await readJsonObject(directory, METADATA_FILE);
  const provenance = await guardedOptional(PROVENANCE_FILE, report, async () =>
    decodeText(await readBytes(directory, PROVENANCE_FILE)),
  );
  if (model !== null) {
    const actual = sha256(model);
    const noted = [
      [RUN_FILE, stored.run.modelHash],
      [MANIFEST_FILE, stored.manifest.modelHash],
      [METADATA_FILE, optionalText(metadata, "modelHash")],
    ] as const;
    for (const [name, hash] of noted) {
      if (hash !== actual) report(MODEL_FILE, `hash is ${actual}, ${name} says ${hash ?? "nothing"}`);
    }
    compareMetadata(metadata, decodeText(model), actual, provenance, report);
  }
  if (spec !== null) {
    const { seed, scenarioHash: noted } = stored.manifest;
    const text = decodeText(spec);
    // The manifest does not tell a run without a seed from one that asked for the default.
    const candidates = seed === DEFAULT_SEED ? [null, seed] : [seed];
    if (!candidates.some((candidate) => scenarioHash(text, candidate) === noted)) {
      report(SPEC_FILE, `does not have the scenarioHash ${noted} of ${MANIFEST_FILE}`);
    }
    if (model !== null && Buffer.compare(model, spec) !== 0) report(MODEL_FILE, `differs from ${SPEC_FILE}`);
  }
  await compareProvenance(directory, stored, provenance, report);
  compareRunId(stored, report);
  return Number(model !== null) + Number(spec !== null);
}

type JsonObject = Readonly<Record<string, unknown>>;

/** modelHash is compared by itself, and the time of arrival is nobody's to recompute. */
function compareMetadata(
  metadata: JsonObject,
  specText: string,
  modelHash: string,
  provenance: string | null,
  report: Report,
): void {
  const receivedAtUtc = optionalText(metadata, "receivedAtUtc") ?? "";
  const file = metadataFile({ specText, provenance: readProvenance(provenance), modelHash, receivedAtUtc });
  const expected = JSON.parse(decodeText(file.bytes)) as JsonObject;
  for (const [name, value] of Object.entries(expected)) {
    if (name === "modelHash" || metadata[name] === undefined) continue;
    const [wanted, found] = [JSON.stringify(value), JSON.stringify(metadata[name])];
    if (wanted !== found) {
      report(METADATA_FILE, `'${name}' is ${shortened(found)}, model and provenance give ${shortened(wanted)}`);
    }
  }
}

async function compareProvenance(
  directory: string,
  { run }: StoredRun,
  provenance: string | null,
  report: Report,
): Promise<void> {
  const { provenance: noted } = await readJsonObject(directory, MANIFEST_FILE);
  if (provenance === null) {
    if (isObject(noted) && noted.hasProvenance === true) {
      report(PROVENANCE_FILE, `is missing, ${MANIFEST_FILE} says there is one`);
    }
    return;
  }
  const expected = manifestProvenance(provenance, run.inputHash) as JsonObject;
  if (!isObject(noted)) report(MANIFEST_FILE, `does not mention ${PROVENANCE_FILE}`);
  for (const [name, value] of Object.entries(isObject(noted) ? expected : {})) {
    const found = (noted as JsonObject)[name];
    if (found !== value) {
      report(
        MANIFEST_FILE,
        `'provenance.${name}' is ${JSON.stringify(found)}, ${PROVENANCE_FILE} gives ${JSON.stringify(value)}`,
      );
    }
  }
  const actual = inputHashOf(provenance);
  if (run.inputHash !== null && actual !== null && actual !== run.inputHash) {
    report(PROVENANCE_FILE, `has the inputHash ${actual}, ${RUN_FILE} says ${run.inputHash}`);
  }
}

/** Deterministic ids end in the hash they stand for (artifacts.md §2.1). */
function compareRunId({ run }: StoredRun, report: Report): void {
  const byScenario = /^run_deterministic_([0-9a-f]{8})$/.exec(run.runId)?.[1];
  const byInputs = /^run_.*_([0-9a-f]{64})$/.exec(run.runId)?.[1];
  if (byScenario !== undefined && !run.scenarioHash.startsWith(`sha256:${byScenario}`)) {
    report(RUN_FILE, `runId '${run.runId}' does not belong to the scenarioHash ${run.scenarioHash}`);
  }
  if (byInputs !== undefined && run.inputHash !== `sha256:${byInputs}`) {
    report(RUN_FILE, `runId '${run.runId}' does not belong to the inputHash ${run.inputHash ?? "null"}`);
  }
}

/** Characters of a value that a finding shows. */
const MAX_SHOWN = 120;

function shortened(text: string): string {
  return text.length <= MAX_SHOWN ? text : `${text.slice(0, MAX_SHOWN)}…`;
}
