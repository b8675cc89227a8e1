import type { JsonValue } from "./dotnet-json.ts";
import { parseJson } from "./json-text.ts";

/** What metadata.json takes from the provenance text (artifacts.md §4.2). */
export interface ProvenanceFacts {
  readonly templateId?: string | null;
  readonly templateTitle?: string | null;
  readonly templateVersion?: string | null;
  readonly mode?: string | null;
  readonly source?: string | null;
  readonly generator?: string | null;
  readonly modelId?: string | null;
  readonly generatedAtUtc?: string | null;
  readonly parameters?: ReadonlyMap<string, JsonValue>;
}

const TEXT_MEMBERS = [
  "templateId",
  "templateTitle",
  "templateVersion",
  "mode",
  "source",
  "generator",
  "modelId",
] as const;

/**
 * Reads in FlowTime's order and stops without a word at the first member of a type it does not expect, keeping what came
 * before. Text that is no JSON object has no facts.
 */
export function readProvenance(text: string | null): ProvenanceFacts {
  const root = text === null ? undefined : parseJson(text);
  const facts: { -readonly [Key in keyof ProvenanceFacts]: ProvenanceFacts[Key] } = {};
  if (!(root instanceof Map)) return facts;
  for (const name of TEXT_MEMBERS) {
    if (!root.has(name)) continue;
    const value = textOrNull(root.get(name));
    if (value === undefined) return facts;
    facts[name] = value;
  }
  const stampName = root.has("generatedAt") ? "generatedAt" : "generatedAtUtc";
  if (root.has(stampName)) {
    const value = textOrNull(root.get(stampName));
    if (value === undefined) return facts;
    facts.generatedAtUtc = value;
  }
  const parameters = root.get("parameters");
  if (parameters instanceof Map) facts.parameters = parameters as ReadonlyMap<string, JsonValue>;
  return facts;
}

/** What an orchestrator decided about a run, as far as the provenance text it hands over says so; null where not. */
export interface OrchestratedInputs {
  readonly templateId: string | null;
  readonly inputHash: string | null;
  readonly seed: number | null;
}

export function orchestratedInputs(text: string): OrchestratedInputs {
  const root = parseJson(text);
  const read = (from: JsonValue | undefined, name: string) =>
    from instanceof Map ? (from as ReadonlyMap<string, JsonValue>).get(name) : undefined;
  const seed = read(read(root, "rng"), "seed");
  return {
    templateId: textOrNull(read(root, "templateId")) ?? null,
    inputHash: textOrNull(read(root, "inputHash")) ?? null,
    seed: typeof seed === "bigint" ? Number(seed) : null,
  };
}

/** The `provenance` member of manifest.json (artifacts.md §5.3); undefined without provenance text. */
export function manifestProvenance(text: string | null, inputHash: string | null): JsonValue | undefined {
  if (text === null) return undefined;
  const root = parseJson(text);
  const read = (name: string) =>
    root instanceof Map ? textOrNull((root as Map<string, JsonValue>).get(name) ?? null) : null;
  const modelId = read("modelId");
  const templateId = read("templateId");
  const ownHash = read("inputHash");
  const isReadable = modelId !== undefined && templateId !== undefined && ownHash !== undefined;
  const hash = inputHash ?? (isReadable ? ownHash : null);
  return {
    hasProvenance: true,
    modelId: isReadable ? modelId : null,
    templateId: isReadable ? templateId : null,
    inputHash: hash ?? undefined,
  };
}

/** Undefined for a value that is neither text nor null. */
function textOrNull(value: JsonValue | undefined): string | null | undefined {
  return value === null || typeof value === "string" ? value : undefined;
}
