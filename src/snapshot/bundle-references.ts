import { pathToFileURL } from "node:url";

/**
 * A model text with every reference to a captured file replaced by `file://telemetry/<name>` (artifacts.md §10.2): its
 * absolute URI, then `file://` and its absolute path, ignoring case. Nothing is parsed, so parameters that the embedded
 * provenance repeats are replaced alike.
 * @param files absolute paths
 */
export function linkTelemetry(modelText: string, files: readonly string[]): string {
  let text = modelText;
  for (const file of new Set(files)) {
    const path = file.replaceAll("\\", "/");
    const replacement = `file://telemetry/${path.slice(path.lastIndexOf("/") + 1)}`;
    for (const reference of [pathToFileURL(file).href, `file://${path}`]) {
      const pattern = reference.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&");
      text = text.replace(new RegExp(pattern, "gi"), () => replacement);
    }
  }
  return text;
}
