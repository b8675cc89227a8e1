import { readFileSync } from "node:fs";
import path from "node:path";
import { parseModel } from "../../src/model/parse.ts";
import { readCaptureFolder } from "../../src/snapshot/bundle-folder.ts";
import { linkTelemetry } from "../../src/snapshot/bundle-references.ts";
import { type BundledRun, type BundleInput, bundleRun } from "../../src/snapshot/bundle-run.ts";
import { type CapturedValues, capturedValues } from "../../src/snapshot/bundle-series.ts";
import { differingBytes } from "./differing.ts";
import { readFolder } from "./golden.ts";

/** Bundles a capture in memory, as `flowtime telemetry bundle` does. */
export async function bundleOf(
  capture: string,
  text: string,
  facts: Pick<BundleInput, "provenance" | "inputHash" | "runId" | "now">,
): Promise<BundledRun & { readonly captured: CapturedValues }> {
  const { manifest, values, paths, files } = await readCaptureFolder(capture);
  const modelText = linkTelemetry(text, paths);
  const { model, diagnostics } = parseModel(modelText, { profile: "live" });
  if (model === null) throw new Error(diagnostics.map(({ message }) => message).join("; "));
  const captured = capturedValues(model, manifest.files, (file) => values.get(file.path)!);
  return { captured, ...bundleRun({ modelText, model, manifest, captured, files, ...facts }) };
}

/**
 * The first difference between the run that FlowTime bundled and ours of the same capture and model, file by file to the
 * byte, its clock, provenance and `inputHash` (which holds absolute paths) taken from the golden.
 */
export async function bundleDifference(caseFolder: string, run: string): Promise<string | null> {
  const golden = readFolder(run);
  const textOf = (name: string) =>
    golden
      .get(name)!
      .toString("utf8")
      .replace(/^\uFEFF/, "");
  const [metadata, runFile, manifest] = ["model/metadata.json", "run.json", "manifest.json"].map((name) =>
    JSON.parse(textOf(name)),
  );
  const clock = [metadata.receivedAtUtc, runFile.createdUtc, manifest.createdUtc];
  const { folder } = await bundleOf(
    path.join(caseFolder, "capture"),
    readFileSync(path.join(caseFolder, "model.yaml"), "utf8"),
    {
      provenance: textOf("model/provenance.json"),
      inputHash: runFile.inputHash,
      runId: { kind: "deterministic", templateId: metadata.templateId },
      now: () => clock.shift() ?? "",
    },
  );
  if (folder.folderName !== path.basename(run)) return `run id ${folder.folderName}, FlowTime ${path.basename(run)}`;
  const ours = new Map(folder.files.map(({ path: name, bytes }) => [name, bytes]));
  for (const name of new Set([...golden.keys(), ...ours.keys()])) {
    const difference = differingBytes(golden.get(name), ours.get(name));
    if (difference !== null) return `bundled run/${name}: ${difference}`;
  }
  return null;
}

/** How far class values may differ: captures hold published ones, which FlowTime has already scaled once. */
const CLASS_TOLERANCE = 1e-9;

/**
 * The first series of a simulation that its own capture, bundled with the same model, does not bring back; those of edges
 * aside, which a bundled run never has, and classes that were not captured (where a gated queue is captured, its outflow's
 * classes are no longer cut by it: ledger D8). FlowTime itself leaves the rest of a feedback group out whose first member was
 * captured; only where it could not have bundled the capture at all nothing may be missing.
 */
export async function bundledSeriesDifference(capture: string, run: string, modelText: string): Promise<string | null> {
  const { folder, captured } = await bundleOf(capture, modelText, {
    provenance: null,
    inputHash: null,
    runId: { kind: "deterministic" },
    now: () => "",
  });
  const ours = new Map(folder.files.map(({ path: name, bytes }) => [name, Buffer.from(bytes)]));
  const listed = JSON.parse(readFileSync(path.join(capture, "manifest.json"), "utf8")).files as { path: string }[];
  const isBundledThere = new Set(listed.map((file) => file.path)).size === listed.length;
  for (const [name, wanted] of readFolder(run)) {
    if (!/^series\/(?!edge_).*\.csv$/.test(name)) continue;
    const isTotal = name.endsWith("@DEFAULT.csv");
    if (!isTotal && !captured.classes.has(path.basename(name).split("@")[0]!)) continue;
    const got = ours.get(name);
    if (got === undefined && isBundledThere) continue;
    if (got !== undefined && !isTotal && isClose(wanted, got)) continue;
    const difference = differingBytes(wanted, got);
    if (difference !== null) return `bundled capture/${name}: ${difference}`;
  }
  return null;
}

function isClose(expected: Buffer, actual: Buffer): boolean {
  const [wanted, got] = [expected, actual].map((bytes) => {
    const rows = bytes.toString("utf8").trim().split("\n").slice(1);
    return rows.map((row) => Number(row.split(",")[1]));
  });
  return (
    wanted!.length === got!.length && wanted!.every((value, bin) => Math.abs(value - got![bin]!) <= CLASS_TOLERANCE)
  );
}
