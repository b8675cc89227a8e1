import { readdir, stat } from "node:fs/promises";
import path from "node:path";
import { indentedJson, type JsonValue } from "./dotnet-json.ts";
import { parseJson } from "./json-text.ts";
import { MANIFEST_FILE, METADATA_FILE, RUN_FILE, SPEC_FILE } from "./layout.ts";
import { isObject, optionalText, readJsonObject, readText } from "./reader.ts";
import { titleOf } from "./registry-title.ts";
import { SnapshotError } from "./snapshot-error.ts";

export const REGISTRY_FILE = "registry-index.json";

/** One run of the artifact registry (artifacts.md §13.3). */
export interface Artifact {
  /** Name of the folder. */
  readonly id: string;
  readonly type: "run";
  readonly title: string;
  /** Milliseconds since the Unix epoch: of the id where it has a time, else of run.json. */
  readonly createdMs: number;
  readonly tags: readonly string[];
  readonly metadata: ReadonlyMap<string, JsonValue>;
  readonly templateId: string | null;
  readonly modelId: string | null;
  /** Names of the files that lie in the folder itself. */
  readonly files: readonly string[];
  readonly totalSize: number;
  readonly lastModifiedMs: number;
}

/** FlowTime's registry knows runs by their id's time only; all others it passes over. */
const TIMESTAMPED = /^run_(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z_[^_]*$/;
const READ_CONCURRENCY = 16;

/**
 * Every direct subfolder that holds a manifest that can be read, newest first, ties by id. FlowTime lists only those whose
 * ids are times; `isInRegistry` says which these are.
 * @throws the system's error when the root is missing or cannot be read
 */
export async function scanArtifacts(root: string): Promise<readonly Artifact[]> {
  const entries = await readdir(root, { withFileTypes: true });
  const pending = entries.filter((entry) => entry.isDirectory() || entry.isSymbolicLink()).map(({ name }) => name);
  const artifacts: Artifact[] = [];
  const work = async () => {
    for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
      const artifact = await readArtifact(root, name);
      if (artifact !== null) artifacts.push(artifact);
    }
  };
  await Promise.all(Array.from({ length: READ_CONCURRENCY }, work));
  return artifacts.sort((a, b) => b.createdMs - a.createdMs || (a.id < b.id ? -1 : 1));
}

export function isInRegistry({ id }: Artifact): boolean {
  return TIMESTAMPED.test(id);
}

/** The text of registry-index.json, of the artifacts that FlowTime's registry knows. */
export function registryText(artifacts: readonly Artifact[], nowMs: number): string {
  const known = artifacts.filter(isInRegistry);
  return indentedJson({
    schemaVersion: 1,
    lastUpdated: utcText(nowMs),
    artifacts: known.map(artifactJson),
    artifactCount: known.length,
  });
}

/** An artifact as FlowTime's API and index file show it. */
export function artifactJson(artifact: Artifact): { readonly [name: string]: JsonValue } {
  return {
    id: artifact.id,
    type: artifact.type,
    title: artifact.title,
    created: new Date(artifact.createdMs)
      .toISOString()
      .replace(/(\.\d*?)0*Z$/, "$1")
      .replace(/\.$/, "")
      .concat("+00:00"),
    tags: artifact.tags,
    metadata: artifact.metadata,
    files: artifact.files,
    totalSize: BigInt(artifact.totalSize),
    lastModified: utcText(artifact.lastModifiedMs),
  };
}

/** `Z`, trailing zeros of the fraction dropped. */
function utcText(ms: number): string {
  return new Date(ms).toISOString().replace(/\.?0*Z$/, "Z");
}

async function readArtifact(root: string, id: string): Promise<Artifact | null> {
  const directory = path.join(root, id);
  try {
    const manifest = parseJson(await readText(directory, MANIFEST_FILE));
    if (!(manifest instanceof Map)) return null;
    const members = manifest as ReadonlyMap<string, JsonValue>;
    const { files, totalSize, lastModifiedMs } = await topLevelFiles(directory);
    const spec = await readText(directory, SPEC_FILE).catch(ignoreUnreadable);
    const { title, tags } = titleOf(spec ?? "", id);
    const names = (pattern: RegExp) => files.filter((name) => pattern.test(name));
    const [json, csv, yaml] = [
      names(/\.json$/i).filter((name) => name !== MANIFEST_FILE && name !== "index.json"),
      names(/\.csv$/i),
      names(/\.ya?ml$/i),
    ];
    const metadata = new Map<string, JsonValue>();
    const own = members.get("metadata");
    if (own instanceof Map) for (const [name, value] of own) metadata.set(name, memberText(value as JsonValue));
    for (const [name, value] of members) {
      if (name !== "tags" && name !== "metadata") metadata.set(name, name === "provenance" ? value : memberText(value));
    }
    const output = json[0] ?? csv[0];
    if (output !== undefined) metadata.set("outputFile", output).set("outputFormat", json.length > 0 ? "json" : "csv");
    if (yaml.length > 0) metadata.set("configFiles", yaml);
    metadata.set("directoryPath", path.resolve(directory));
    metadata.set("fileCount", BigInt(files.length)).set("totalSizeBytes", BigInt(totalSize));
    const manifestTags = members.get("tags");
    return {
      id,
      type: "run",
      title,
      createdMs: await createdMs(directory, id),
      tags: [
        ...new Set([
          "run",
          ...(Array.isArray(manifestTags) ? manifestTags.filter((tag) => typeof tag === "string") : []),
          ...(csv.length > 0 ? ["csv"] : []),
          ...(json.length > 0 ? ["json"] : []),
          ...(yaml.length > 0 ? ["configured"] : []),
          ...tags,
        ]),
      ],
      metadata,
      ...(await identityOf(directory, members.get("provenance"))),
      files,
      totalSize,
      lastModifiedMs,
    };
  } catch (error) {
    const isDamage = error instanceof SnapshotError || (error as NodeJS.ErrnoException).code !== undefined;
    if (isDamage) return null;
    throw error;
  }
}

/** Texts as they stand, everything else as its JSON, laid out as it stands in the manifest. */
function memberText(value: JsonValue): string {
  return typeof value === "string" ? value : indentedJson(value).replaceAll("\n", "\n  ");
}

async function topLevelFiles(directory: string) {
  const entries = await readdir(directory, { withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile())
    .map(({ name }) => name)
    .sort();
  const infos = await Promise.all(files.map((name) => stat(path.join(directory, name))));
  const totalSize = infos.reduce((sum, { size }) => sum + size, 0);
  return { files, totalSize, lastModifiedMs: Math.floor((await stat(directory)).mtimeMs) };
}

async function createdMs(directory: string, id: string): Promise<number> {
  const time = TIMESTAMPED.exec(id);
  if (time !== null) {
    const [year, month, day, hour, minute, second] = time.slice(1).map(Number) as [number, ...number[]];
    return Date.UTC(year, month! - 1, day, hour, minute, second);
  }
  const run = await readJsonObject(directory, RUN_FILE).catch(ignoreUnreadable);
  const written = Date.parse((run === null ? null : optionalText(run, "createdUtc")) ?? "");
  return Number.isNaN(written) ? 0 : written;
}

/** By the manifest's provenance, as FlowTime's filters have it; without one, what metadata.json says. */
async function identityOf(directory: string, provenance: JsonValue | undefined) {
  const noted = provenance instanceof Map ? provenance : new Map<string, JsonValue>();
  const metadata = await readJsonObject(directory, METADATA_FILE).catch(ignoreUnreadable);
  const of = (name: string): string | null => {
    const value = noted.get(name);
    return typeof value === "string" ? value : isObject(metadata) ? optionalText(metadata, name) : null;
  };
  return { templateId: of("templateId"), modelId: of("modelId") };
}

function ignoreUnreadable(error: unknown): null {
  if (error instanceof SnapshotError) return null;
  throw error;
}
