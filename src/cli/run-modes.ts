import { RUN_MODES, type RunModes } from "../protocol/run.ts";
import { CliError } from "./exit-code.ts";

/**
 * The limits that `--enforce` names, separated by commas.
 * @throws CliError `usage` for a name that is none
 */
export function modesOf(list: string): RunModes {
  const names = list.split(",").map((name) => name.trim());
  const unknown = names.find((name) => !RUN_MODES.some((mode) => mode === name));
  if (unknown !== undefined) {
    throw new CliError("usage", `--enforce takes ${RUN_MODES.join(", ")}, separated by commas; '${unknown}' is none.`);
  }
  return Object.fromEntries(names.map((name) => [name, true]));
}
