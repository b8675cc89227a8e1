import { trimDotnet } from "../lib/dotnet-number.ts";
import { isFileReference } from "../model/descriptor.ts";
import type { JsonValue } from "./dotnet-json.ts";
import { indentedJson } from "./dotnet-json.ts";
import { METADATA_FILE } from "./layout.ts";
import type { ProvenanceFacts } from "./provenance.ts";
import { markedFile, type SnapshotFile } from "./text-file.ts";
import { hasDuplicateKey, member, parseYamlStream, scalarText, type YamlNode } from "./yaml-tree.ts";

export interface MetadataInput {
  /** The normalised spec text. */
  readonly specText: string;
  readonly provenance: ProvenanceFacts;
  readonly modelHash: string;
  readonly receivedAtUtc: string;
}

/** model/metadata.json (artifacts.md §4.2). */
export function metadataFile(input: MetadataInput): SnapshotFile {
  const { provenance } = input;
  const root = documentRoot(input.specText);
  const block = memberIgnoringCase(root, "metadata");
  const templateId = firstFilled(textIgnoringCase(block, "id"), provenance.templateId) ?? "adhoc-model";
  const sources = collectSources(root);
  const metadata: JsonValue = {
    schemaVersion: schemaVersionOf(root),
    templateId,
    templateTitle: firstFilled(textIgnoringCase(block, "title"), provenance.templateTitle) ?? templateId,
    templateNarrative: firstFilled(textIgnoringCase(block, "narrative")),
    templateVersion: firstFilled(textIgnoringCase(block, "version"), provenance.templateVersion) ?? "0.0.0",
    mode: modeOf(root, provenance),
    modelHash: input.modelHash,
    source: provenance.source ?? null,
    generator: provenance.generator ?? null,
    modelId: provenance.modelId ?? null,
    generatedAtUtc: provenance.generatedAtUtc ?? null,
    receivedAtUtc: input.receivedAtUtc,
    parameters: provenance.parameters ?? {},
    hasTelemetrySources: sources.telemetry.length > 0,
    telemetrySources: sources.telemetry,
    nodeSources: sources.byNode,
  };
  return markedFile(METADATA_FILE, indentedJson(metadata));
}

function documentRoot(text: string): YamlNode | null {
  const stream = parseYamlStream(text);
  const root = stream?.documents[0];
  return root === undefined || hasDuplicateKey(root) ? null : root;
}

function schemaVersionOf(root: YamlNode | null): bigint {
  const text = textIgnoringCase(root, "schemaVersion") ?? "";
  return /^[+-]?\d{1,9}$/.test(text) ? BigInt(Number(text)) : 1n;
}

/** A blank mode in the provenance counts, and means simulation; the model's own block is asked only without a root mode. */
function modeOf(root: YamlNode | null, provenance: ProvenanceFacts): string {
  const mode =
    provenance.mode ??
    textIgnoringCase(root, "mode") ??
    textIgnoringCase(memberIgnoringCase(root, "provenance"), "mode") ??
    "";
  return trimDotnet(mode) === "" ? "simulation" : mode.toLowerCase();
}

function firstFilled(...candidates: readonly (string | null | undefined)[]): string | null {
  return candidates.find((candidate) => candidate != null && trimDotnet(candidate) !== "") ?? null;
}

function memberIgnoringCase(node: YamlNode | null, key: string): YamlNode | null {
  if (node?.type !== "mapping") return null;
  const folded = key.toLowerCase();
  return node.entries.find((entry) => scalarText(entry.key)?.toLowerCase() === folded)?.value ?? null;
}

/** Text of a member; null when it is absent, a collection, or one of YAML's words for null. */
function textIgnoringCase(node: YamlNode | null, key: string): string | null {
  const value = memberIgnoringCase(node, key);
  if (value?.type !== "scalar") return null;
  const isNull = value.style === "plain" && /^(|~|null|Null|NULL)$/.test(value.text);
  return isNull ? null : value.text;
}

const SOURCE_ROLES = [
  "arrivals",
  "served",
  "errors",
  "attempts",
  "failures",
  "exhaustedFailures",
  "retryEcho",
  "retryBudgetRemaining",
  "externalDemand",
  "queue",
  "queueDepth",
  "capacity",
  "processingTimeMsSum",
  "servedCount",
] as const;

interface Sources {
  readonly telemetry: readonly string[];
  readonly byNode: ReadonlyMap<string, string>;
}

/** `file:` references of the model: sources of nodes, then roles of topology nodes, each once ignoring case. */
function collectSources(root: YamlNode | null): Sources {
  const telemetry = new Map<string, string>();
  const byNode = new Map<string, { id: string; source: string }>();
  const add = (reference: string | null) => {
    const trimmed = trimDotnet(reference ?? "");
    const folded = trimmed.toUpperCase();
    if (isFileReference(trimmed) && !telemetry.has(folded)) telemetry.set(folded, trimmed);
  };
  for (const node of itemsOf(member(root, "nodes"))) {
    const source = scalarText(member(node, "source"));
    const id = scalarText(member(node, "id"));
    add(source);
    if (source !== null && id !== null && trimDotnet(source).toLowerCase().startsWith("file://")) {
      const folded = id.toUpperCase();
      byNode.set(folded, { id: byNode.get(folded)?.id ?? id, source: trimDotnet(source) });
    }
  }
  for (const node of itemsOf(member(member(root, "topology"), "nodes"))) {
    const semantics = member(node, "semantics");
    for (const role of SOURCE_ROLES) add(scalarText(member(semantics, role)));
  }
  return {
    telemetry: [...telemetry.values()],
    byNode: new Map([...byNode.values()].map(({ id, source }) => [id, source])),
  };
}

function itemsOf(node: YamlNode | null): readonly YamlNode[] {
  return node?.type === "sequence" ? node.items : [];
}
