import { member, parseYamlStream, scalarText, type YamlNode } from "./yaml-tree.ts";

/** A description longer than this gives only its first sentence. */
const MAX_DESCRIPTION = 80;
/** A comment that is not longer says too little to be a title. */
const MIN_COMMENT = 10;
/** Node ids in a title made of them. */
const MAX_NODES = 3;

/** The title and the tags that the registry reads off a run's model text (artifacts.md §13.3). */
export function titleOf(specText: string, runId: string): { readonly title: string; readonly tags: readonly string[] } {
  const root = parseYamlStream(specText)?.documents[0] ?? null;
  const metadata = member(root, "metadata");
  const tags = member(metadata, "tags");
  return {
    title:
      filled(metadata, "title") ??
      shortDescription(metadata) ??
      filled(root, "title") ??
      shortDescription(root) ??
      openingComment(specText) ??
      nodesTitle(root) ??
      `Run ${runId.slice(runId.lastIndexOf("_") + 1)}`,
    tags: tags?.type === "sequence" ? tags.items.flatMap((tag) => scalarText(tag) ?? []) : [],
  };
}

function filled(node: YamlNode | null, key: string): string | null {
  const text = scalarText(member(node, key))?.trim() ?? "";
  return text === "" ? null : text;
}

function shortDescription(node: YamlNode | null): string | null {
  const text = filled(node, "description");
  if (text === null || text.length <= MAX_DESCRIPTION) return text;
  return text.split(".", 1)[0]!.trim();
}

/** The first comment above the model that says something about it. */
function openingComment(specText: string): string | null {
  for (const line of specText.split("\n")) {
    const text = line.trim();
    if (text !== "" && !text.startsWith("#")) return null;
    const comment = text.startsWith("# ") ? text.slice(2).trim() : "";
    const isAbout = !/^(Generated|This is|File:)/.test(comment) && !comment.includes("generated model");
    if (comment.length > MIN_COMMENT && isAbout) return comment;
  }
  return null;
}

function nodesTitle(root: YamlNode | null): string | null {
  const nodes = member(root, "nodes");
  const ids = nodes?.type === "sequence" ? nodes.items.flatMap((node) => scalarText(member(node, "id")) ?? []) : [];
  return ids.length === 0 ? null : `Model with ${ids.slice(0, MAX_NODES).join(", ")}`;
}
