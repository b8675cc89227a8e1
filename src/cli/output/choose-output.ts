import { CliError } from "../exit-code.ts";

export const OUTPUTS = ["auto", "tui", "lines", "ndjson", "quiet"] as const;
export type OutputChoice = (typeof OUTPUTS)[number];
export type Output = Exclude<OutputChoice, "auto">;

export interface Surroundings {
  readonly stdoutIsTTY: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/**
 * How to show a stream. `auto`: the screen on a terminal, NDJSON in a pipe or file, plain lines on a terminal that can
 * show no screen (CI, `TERM=dumb`, a screen reader). A named output always wins.
 * @throws CliError `usage` when the screen is asked for where there is none
 */
export function chooseOutput(choice: OutputChoice, { stdoutIsTTY, env }: Surroundings): Output {
  if (choice === "tui" && !stdoutIsTTY) {
    throw new CliError(
      "usage",
      "--output tui needs a terminal on stdout.\n  in a pipe or file use --output ndjson or lines",
    );
  }
  if (choice !== "auto") return choice;
  if (!stdoutIsTTY) return "ndjson";
  const isPlain = isSet(env.CI) || env.TERM === "dumb" || isSet(env.ACCESSIBLE) || env.INK_SCREEN_READER === "true";
  return isPlain ? "lines" : "tui";
}

function isSet(value: string | undefined): boolean {
  return value !== undefined && value !== "" && value !== "0" && value !== "false";
}
