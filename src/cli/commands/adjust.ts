import { type CommandContext, type EngineOptions, wholeNumber } from "../command.ts";
import { requireEngine } from "../engine.ts";
import { CliError, EXIT, type ExitCode } from "../exit-code.ts";

export interface AdjustOptions extends EngineOptions {
  readonly set: readonly string[];
  readonly fromBin?: string;
  readonly json?: boolean;
}

/** Changes values of a live run's model from a bin on. */
export async function adjust(runId: string, options: AdjustOptions, context: CommandContext): Promise<ExitCode> {
  const set = parseSettings(options.set);
  const fromBin = options.fromBin === undefined ? {} : { fromBin: wholeNumber("--from-bin", options.fromBin, 0) };
  const client = await requireEngine(options, context.clock);
  const taken = await client.adjust(runId, { ...fromBin, set });
  if (options.json === true) await context.out(`${JSON.stringify(taken)}\n`);
  else {
    for (const [name, value] of Object.entries(taken.set)) {
      await context.out(`${name} = ${value} from bin ${taken.fromBin}\n`);
    }
  }
  return EXIT.ok;
}

function parseSettings(texts: readonly string[]): Readonly<Record<string, number>> {
  const set = new Map<string, number>();
  for (const text of texts) {
    const at = text.lastIndexOf("=");
    const value = text.slice(at + 1).trim();
    if (at < 1 || value === "" || !Number.isFinite(Number(value))) {
      throw new CliError("usage", `--set takes NAME=NUMBER, such as capacity=140, not '${text}'.`);
    }
    const name = text.slice(0, at).trim();
    if (set.has(name)) throw new CliError("usage", `--set names '${name}' twice.`);
    set.set(name, Number(value));
  }
  return Object.fromEntries(set);
}
