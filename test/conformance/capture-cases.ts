import { existsSync, readdirSync } from "node:fs";
import path from "node:path";
import { captureSourceOf } from "../../src/runtime/capture-source.ts";
import { evaluateModel } from "../../src/runtime/run-model.ts";
import { type CaptureSource, captureRun } from "../../src/snapshot/capture.ts";
import { captureSourceOfFolder } from "../../src/snapshot/capture-folder.ts";
import { differingBytes } from "./differing.ts";
import { readFolder } from "./golden.ts";

/** Names of the cases of a kind that hold a capture. */
export function captureNames(root: string, kind: "capture" | "telemetry"): readonly string[] {
  const folder = path.join(root, kind);
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => existsSync(path.join(folder, name, "capture", "manifest.json")))
    .sort();
}

/**
 * The first difference between FlowTime's capture and two of ours: of the run folder that FlowTime captured, to the byte,
 * its clock taken from the golden; and of the same model evaluated by the live engine, which has no run folder, so that
 * its own identity (`provenance`, and the seed in the hashes) is left out.
 */
export async function captureDifference(capture: string, run: string, modelText: string): Promise<string | null> {
  const golden = readFolder(capture);
  const clock = [
    jsonOf(golden, "manifest.json").provenance.capturedAtUtc,
    jsonOf(golden, "autocapture.json").generatedAtUtc,
  ];
  const stored = await filesOf(await captureSourceOfFolder(run), () => clock.shift() ?? "");
  for (const name of new Set([...golden.keys(), ...stored.keys()])) {
    const difference = differingBytes(golden.get(name), stored.get(name));
    if (difference !== null) return `capture/${name}: ${difference}`;
  }
  const evaluated = evaluateModel(modelText, "simulation");
  if (!evaluated.ok) return `capture of the live run: ${evaluated.diagnostics[0]?.message}`;
  const live = await filesOf(captureSourceOf(evaluated.image), () => "");
  for (const name of new Set([...golden.keys(), ...live.keys()])) {
    const [wanted, got] = [golden.get(name), live.get(name)].map((bytes) => withoutIdentity(name, bytes));
    const difference = differingBytes(wanted, got);
    if (difference !== null) return `capture of the live run/${name}: ${difference}`;
  }
  return null;
}

async function filesOf(source: CaptureSource, now: () => string): Promise<ReadonlyMap<string, Buffer>> {
  const files = new Map<string, Buffer>();
  for await (const file of captureRun(source, { now })) files.set(file.path, Buffer.from(file.bytes));
  return files;
}

function withoutIdentity(name: string, bytes: Buffer | undefined): Buffer | undefined {
  if (bytes === undefined || name.endsWith(".csv")) return bytes;
  const { provenance: _, templateId, ...content } = JSON.parse(bytes.toString("utf8"));
  return Buffer.from(JSON.stringify(name === "manifest.json" ? content : { templateId }, null, 1));
}

function jsonOf(files: ReadonlyMap<string, Buffer>, name: string) {
  return JSON.parse(files.get(name)!.toString("utf8"));
}
