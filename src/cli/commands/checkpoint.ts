import type { CommandContext, EngineOptions } from "../command.ts";
import { requireEngine } from "../engine.ts";
import { EXIT, type ExitCode } from "../exit-code.ts";

/** Has a run folder written now and prints where it is. */
export async function checkpoint(runId: string, options: EngineOptions, context: CommandContext): Promise<ExitCode> {
  const client = await requireEngine(options, context.clock);
  const { path, sealedBin } = await client.checkpoint(runId);
  context.say(`flowtime: ${runId} as of bin ${sealedBin}`);
  await context.out(`${path}\n`);
  return EXIT.ok;
}
