import { trimDotnet } from "../lib/dotnet-number.ts";
import type { ModelClass } from "../model/model.ts";
import { indentedJson, type JsonValue } from "./dotnet-json.ts";
import { classList } from "./index-file.ts";
import { MANIFEST_FILE } from "./layout.ts";
import type { SeriesEntry } from "./series-file.ts";
import { markedFile, type SnapshotFile, sha256 } from "./text-file.ts";

/** Seed that FlowTime notes when the request had none. */
export const DEFAULT_SEED = 123;

export interface ManifestInput {
  readonly scenarioHash: string;
  readonly modelHash: string;
  /** Null when the request had none. */
  readonly seed: number | null;
  readonly series: readonly SeriesEntry[];
  readonly createdUtc: string;
  /** `manifestProvenance(…)`; undefined leaves the member out. */
  readonly provenance: JsonValue | undefined;
  readonly classes: readonly ModelClass[];
}

/** manifest.json (artifacts.md §5.3). */
export function manifestFile(input: ManifestInput): SnapshotFile {
  const manifest: JsonValue = {
    schemaVersion: 1,
    scenarioHash: input.scenarioHash,
    rng: { kind: "pcg32", seed: input.seed ?? DEFAULT_SEED },
    seriesHashes: new Map(input.series.map(({ name, hash }) => [name.id, hash])),
    eventCount: 0,
    createdUtc: input.createdUtc,
    modelHash: input.modelHash,
    provenance: input.provenance,
    classes: classList(input.classes),
  };
  return markedFile(MANIFEST_FILE, indentedJson(manifest));
}

/**
 * Identity of a scenario (artifacts.md §7.1): the normalised spec, trimmed, and the seed as asked for. A run without a
 * seed hashes `null`, although its manifest then names the default. The last line stands for a bias nobody sets.
 */
export function scenarioHash(specText: string, requestedSeed: number | null): string {
  return sha256(`${trimDotnet(specText)}\n${requestedSeed ?? "null"}\nnull`);
}
