import { trimDotnet } from "../lib/dotnet-number.ts";
import { timestampedRunId } from "../protocol/ids.ts";
import { requireSafeName } from "./layout.ts";

/** How a run folder gets its id (artifacts.md §2.1 and §2.2). */
export type RunIdChoice =
  /** `random` holds at least four bytes of chance. */
  | { readonly kind: "timestamped"; readonly nowMs: number; readonly random: Uint8Array }
  /** By template and inputs when both are known, else by scenario. */
  | { readonly kind: "deterministic"; readonly templateId?: string | null }
  /** The folder's name only: run.json keeps the id of `own`, as FlowTime has it. */
  | { readonly kind: "explicit"; readonly id: string; readonly own: Exclude<RunIdChoice, { kind: "explicit" }> };

export interface RunIds {
  /** What run.json says. */
  readonly runId: string;
  readonly folderName: string;
}

/** Throws `SnapshotError` `id_unsafe` for an explicit or template id that is no folder name. */
export function chooseRunIds(choice: RunIdChoice, scenarioHash: string, inputHash: string | null): RunIds {
  if (choice.kind === "explicit") {
    requireSafeName(choice.id, `Run id '${choice.id}'`);
    return { runId: ownRunId(choice.own, scenarioHash, inputHash), folderName: choice.id };
  }
  const runId = ownRunId(choice, scenarioHash, inputHash);
  requireSafeName(runId, `Run id '${runId}'`);
  return { runId, folderName: runId };
}

function ownRunId(
  choice: Exclude<RunIdChoice, { kind: "explicit" }>,
  scenarioHash: string,
  inputHash: string | null,
): string {
  if (choice.kind === "timestamped") return timestampedRunId(choice.nowMs, choice.random);
  const templateId = choice.templateId ?? "";
  const isKnown = trimDotnet(templateId) !== "" && trimDotnet(inputHash ?? "") !== "";
  if (!isKnown) return `run_deterministic_${hexOf(scenarioHash).slice(0, 8)}`;
  return `run_${sanitisedTemplateId(templateId)}_${hexOf(inputHash ?? "")}`;
}

function hexOf(hash: string): string {
  return hash.replace(/^sha256:/i, "");
}

function sanitisedTemplateId(templateId: string): string {
  let id = templateId.toLowerCase().replace(/[\s\u0085\0/]/g, "-");
  id = id.replace(/^-+|-+$/g, "");
  while (id.includes("--")) id = id.replaceAll("--", "-");
  return trimDotnet(id) === "" ? "template" : id;
}
