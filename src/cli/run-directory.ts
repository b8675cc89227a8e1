import path from "node:path";
import { type CommonOptions, pathKind } from "./command.ts";
import { CliError } from "./exit-code.ts";

/**
 * The run folder that a user names: a path, else the name of a folder in the data folder.
 * @throws CliError `run_folder_missing`
 */
export async function runDirectory(name: string, options: CommonOptions): Promise<string> {
  const candidates = /[/\\]/.test(name) || name === ".." ? [name] : [name, path.join(options.data, name)];
  for (const candidate of candidates) if ((await pathKind(candidate)) === "folder") return candidate;
  const isFile = (await pathKind(name)) === "file";
  throw new CliError(
    "run_folder_missing",
    isFile
      ? `${name} is a file; a run is a folder with run.json in it.`
      : `There is no run folder ${candidates.join(", nor ")}.\n  list what is stored: flowtime artifacts list --data ${options.data}`,
    { facts: { name } },
  );
}
