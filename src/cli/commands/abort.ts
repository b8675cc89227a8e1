import type { CommandContext, EngineOptions } from "../command.ts";
import { counted } from "../command.ts";
import { requireEngine } from "../engine.ts";
import { EXIT, type ExitCode } from "../exit-code.ts";

/** Ends a run where it stands and prints its last run folder. */
export async function abort(runId: string, options: EngineOptions, context: CommandContext): Promise<ExitCode> {
  const client = await requireEngine(options, context.clock);
  const { sealedBin, snapshot } = await client.abort(runId);
  context.say(`flowtime: ${runId} aborted after ${counted(sealedBin + 1, "sealed bin")}`);
  if (snapshot !== null) await context.out(`${snapshot.path}\n`);
  return EXIT.ok;
}
