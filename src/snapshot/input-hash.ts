import { compactJson, type JsonValue } from "./dotnet-json.ts";
import { parseJson } from "./json-text.ts";
import { sha256 } from "./text-file.ts";

/**
 * The inputHash of an orchestrated run, recomputed from its provenance text (artifacts.md §7.3); null for a provenance that
 * does not hold everything the hash is made of, as that of plain and live runs.
 */
export function inputHashOf(provenance: string): string | null {
  const root = parseJson(provenance);
  if (!(root instanceof Map)) return null;
  const members = root as ReadonlyMap<string, JsonValue>;
  const [templateId, templateVersion, mode] = ["templateId", "templateVersion", "mode"].map((name) =>
    members.get(name),
  );
  const [parameters, bindings, rng] = ["parameters", "telemetryBindings", "rng"].map((name) => members.get(name));
  if (typeof templateId !== "string" || typeof templateVersion !== "string" || typeof mode !== "string") return null;
  if (!(parameters instanceof Map) || !(bindings instanceof Map) || !(rng instanceof Map)) return null;
  return sha256(
    compactJson({
      templateId,
      templateVersion,
      mode: mode.toLowerCase(),
      parameters: sorted(parameters as JsonValue),
      telemetryBindings: sorted(bindings as JsonValue),
      rng: { kind: rng.get("kind") as JsonValue, seed: rng.get("seed") as JsonValue },
    }),
  );
}

/** Objects sorted by key at every level, numbers as doubles: a whole number that is no double prints rounded. */
function sorted(value: JsonValue): JsonValue {
  if (typeof value === "bigint") return Number(value);
  if (Array.isArray(value)) return value.map(sorted);
  if (!(value instanceof Map)) return value;
  const entries = [...(value as ReadonlyMap<string, JsonValue>)].sort(([a], [b]) => (a < b ? -1 : 1));
  return new Map(entries.map(([name, item]) => [name, sorted(item)]));
}
