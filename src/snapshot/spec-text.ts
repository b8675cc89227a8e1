import { trimDotnet } from "../lib/dotnet-number.ts";
import { isFileReference } from "../model/descriptor.ts";
import { seriesReference } from "./layout.ts";
import { SnapshotError } from "./snapshot-error.ts";
import { reemitYaml } from "./yaml-reemit.ts";
import {
  entryOf,
  hasDuplicateKey,
  member,
  parseYamlStream,
  scalarText,
  type YamlMapping,
  type YamlNode,
} from "./yaml-tree.ts";

/** The text of spec.yaml and model/model.yaml (artifacts.md §4.1). */
export interface SpecText {
  readonly text: string;
  /** Series that topology semantics name, in the order met, each once. */
  readonly referencedSeries: readonly string[];
}

const NODE_ROLES = [
  "arrivals",
  "served",
  "errors",
  "externalDemand",
  "queueDepth",
  "capacity",
  "attempts",
  "failures",
  "retryEcho",
] as const;
const CONSTRAINT_ROLES = ["arrivals", "served", "errors", "latencyMinutes"] as const;
const REQUIRED_ROLES: ReadonlySet<string> = new Set(["arrivals", "served"]);

/**
 * Points the semantics of a model at the series files of its run. Text without topology, or text that is no YAML, stays
 * as it is; so does text in which nothing changes, comments and all.
 * Throws `SnapshotError` when semantics are missing, name a foreign URI, or name a series that was not evaluated.
 */
export function normaliseSpec(text: string, evaluated: ReadonlySet<string>): SpecText {
  const untouched: SpecText = { text, referencedSeries: [] };
  if (trimDotnet(text) === "") return untouched;
  const stream = parseYamlStream(text);
  if (stream === null || stream.documents.some((document) => hasDuplicateKey(document))) return untouched;
  const topology = member(stream.documents[0], "topology");
  if (topology?.type !== "mapping") return untouched;

  const rewrite: Rewrite = { evaluated, referenced: new Set(), hasChanged: false };
  for (const { item, id } of itemsWithId(member(topology, "nodes"))) {
    rewriteSemantics(rewrite, item, id, "Topology node", NODE_ROLES);
  }
  for (const { item, id } of itemsWithId(member(topology, "constraints"))) {
    rewriteSemantics(rewrite, item, id, "Topology constraint", CONSTRAINT_ROLES);
  }
  return { text: rewrite.hasChanged ? reemitYaml(stream) : text, referencedSeries: [...rewrite.referenced] };
}

interface Rewrite {
  readonly evaluated: ReadonlySet<string>;
  readonly referenced: Set<string>;
  hasChanged: boolean;
}

function* itemsWithId(list: YamlNode | null): Generator<{ item: YamlMapping; id: string }> {
  if (list?.type !== "sequence") return;
  for (const item of list.items) {
    const id = scalarText(member(item, "id"));
    if (item.type === "mapping" && id !== null && trimDotnet(id) !== "") yield { item, id };
  }
}

function rewriteSemantics(
  rewrite: Rewrite,
  item: YamlMapping,
  id: string,
  kind: "Topology node" | "Topology constraint",
  roles: readonly string[],
): void {
  const semantics = member(item, "semantics");
  if (semantics?.type !== "mapping") {
    throw new SnapshotError("semantics_missing", `${kind} '${id}' must include semantics.`, { facts: { id } });
  }
  for (const role of roles) rewriteRole(rewrite, semantics, id, role);
}

function rewriteRole(rewrite: Rewrite, semantics: YamlMapping, id: string, role: string): void {
  const isRequired = REQUIRED_ROLES.has(role);
  const entry = entryOf(semantics, role);
  const written = scalarText(entry?.value);
  const reference = trimDotnet(written ?? "");
  if (entry === null || entry.value.type !== "scalar" || reference === "") {
    if (isRequired) {
      throw new SnapshotError("semantics_field_missing", `Topology node '${id}' must specify semantics.${role}`, {
        facts: { id, role },
      });
    }
    if (entry !== null) {
      semantics.entries.splice(semantics.entries.indexOf(entry), 1);
      rewrite.hasChanged = true;
    }
    return;
  }
  const replacement = resolveReference(rewrite, reference, id, role);
  if (replacement === written) return;
  entry.value.text = replacement;
  rewrite.hasChanged = true;
}

function resolveReference(rewrite: Rewrite, reference: string, id: string, role: string): string {
  if (isFileReference(reference)) return reference;
  if (reference.includes("://")) {
    throw new SnapshotError(
      "semantics_uri_unsupported",
      `Topology node '${id}' semantics.${role} must use file: URIs (value '${reference}').`,
      { facts: { id, role, value: reference } },
    );
  }
  if (!rewrite.evaluated.has(reference)) {
    throw new SnapshotError(
      "series_unknown",
      `Topology node '${id}' semantics references unknown series '${reference}'.`,
      { facts: { id, role, value: reference } },
    );
  }
  rewrite.referenced.add(reference);
  return seriesReference(reference);
}
