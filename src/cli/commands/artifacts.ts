import path from "node:path";
import { FlowError } from "../../lib/errors.ts";
import type { Artifact } from "../../snapshot/registry.ts";
import { type CommandContext, type CommonOptions, counted, pathKind, wholeNumber } from "../command.ts";
import { CliError, EXIT, type ExitCode } from "../exit-code.ts";

interface DataOptions extends CommonOptions {
  /** FlowTime's name of `--data`. */
  readonly dataDir?: string;
}

export interface ListOptions extends DataOptions {
  readonly templateId?: string;
  readonly modelId?: string;
  readonly limit: string;
  readonly skip: string;
  readonly json?: boolean;
}

export interface ImportCommandOptions extends DataOptions {
  readonly runId?: string;
  readonly overwrite?: boolean;
  readonly json?: boolean;
}

/** FlowTime's own bound. */
const MAX_LIMIT = 1_000;
/** FlowTime's columns. */
const ID_COLUMNS = 40;
const TYPE_COLUMNS = 8;
const CREATED_COLUMNS = 20;
const MAX_TITLE = 30;
const RULE = "-".repeat(100);

/** Lists the run folders of a data folder in FlowTime's words, and renews the index that FlowTime's own registry reads. */
export async function listArtifacts(options: ListOptions, context: CommandContext): Promise<ExitCode> {
  const limit = wholeNumber("--limit", options.limit, 1, MAX_LIMIT);
  const skip = wholeNumber("--skip", options.skip, 0);
  const root = options.dataDir ?? options.data;
  if ((await pathKind(root)) !== "folder") {
    context.say(`flowtime: There is no data folder ${root}; name one with --data-dir, or FLOWTIME_DATA_DIR.`);
    return EXIT.no;
  }
  const { scanArtifacts, artifactJson } = await import("../../snapshot/registry.ts");
  const all = await scanArtifacts(root);
  await renewIndex(root, all, context);
  const { templateId, modelId } = options;
  const found = all.filter(
    (artifact) =>
      (templateId === undefined || artifact.templateId === templateId) &&
      (modelId === undefined || artifact.modelId === modelId),
  );
  const shown = found.slice(skip, skip + limit);
  if (options.json === true) {
    const { indentedJson } = await import("../../snapshot/dotnet-json.ts");
    const answer = { artifacts: shown.map(artifactJson), total: BigInt(found.length), count: BigInt(shown.length) };
    await context.out(`${indentedJson(answer)}\n`);
    return EXIT.ok;
  }
  await context.out(shown.length === 0 ? "No artifacts found.\n" : table(shown, found.length));
  return EXIT.ok;
}

/** A list must also work where nothing may be written. */
async function renewIndex(root: string, all: readonly Artifact[], context: CommandContext): Promise<void> {
  const [{ REGISTRY_FILE, registryText }, { replaceFile }] = await Promise.all([
    import("../../snapshot/registry.ts"),
    import("../../snapshot/replace-file.ts"),
  ]);
  const file = path.join(root, REGISTRY_FILE);
  await replaceFile(file, [registryText(all, context.clock.now())]).catch((error: NodeJS.ErrnoException) => {
    if (error.code === undefined) throw error;
    context.say(`flowtime: ${file} was not renewed (${error.code})`);
  });
}

function table(artifacts: readonly Artifact[], total: number): string {
  const row = (id: string, type: string, created: string, title: string) =>
    `${id.padEnd(ID_COLUMNS)} ${type.padEnd(TYPE_COLUMNS)} ${created.padEnd(CREATED_COLUMNS)} ${title}`;
  const rows = artifacts.map(({ id, type, createdMs, title }) =>
    row(id, type, new Date(createdMs).toISOString().slice(0, 19).replace("T", " "), shortened(title)),
  );
  const sum = `Total: ${total} artifacts (showing ${artifacts.length})`;
  return `${[row("ID", "Type", "Created", "Title"), RULE, ...rows, "", sum].join("\n")}\n`;
}

function shortened(title: string): string {
  return title.length <= MAX_TITLE ? title : `${title.slice(0, MAX_TITLE - 3)}...`;
}

/** Brings a run folder or a zip archive of one into the data folder, all of it or nothing; prints the path. */
export async function importArtifact(
  source: string,
  options: ImportCommandOptions,
  context: CommandContext,
): Promise<ExitCode> {
  const root = options.dataDir ?? options.data;
  const kind = await pathKind(source);
  if (kind === null) throw new CliError("file_not_found", `There is no folder or archive ${source}.`);
  const [{ importRun }, { IMPORT_LIMITS }] = await Promise.all([
    import("../../snapshot/import.ts"),
    import("../../snapshot/import-source.ts"),
  ]);
  await using opened =
    kind === "folder"
      ? await (await import("../../snapshot/import-folder.ts")).openFolder(source, IMPORT_LIMITS)
      : await (await import("../../snapshot/import-archive.ts")).openArchive(source, IMPORT_LIMITS);
  const imported = await importRun(opened, path.basename(path.resolve(source)).replace(/\.zip$/i, ""), {
    root,
    stagingRoot: path.join(root, "live", ".staging"),
    ...(options.runId === undefined ? {} : { runId: options.runId }),
    overwrite: options.overwrite === true,
  }).catch((error: unknown) => {
    if (error instanceof FlowError && error.code === "run_folder_exists") {
      context.say(
        `flowtime: replace it with --overwrite, once you have looked at it: flowtime verify ${error.facts.path}`,
      );
    }
    throw error;
  });
  const { runId, directory, files, bytes } = imported;
  context.say(
    `flowtime: ${runId} imported: ${counted(files, "file")}, ${bytes.toLocaleString("en-US")} bytes, verified`,
  );
  await context.out(
    options.json === true ? `${JSON.stringify({ runId, path: directory, files, bytes })}\n` : `${directory}\n`,
  );
  return EXIT.ok;
}
