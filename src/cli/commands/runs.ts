import type { RunListItem } from "../../protocol/run.ts";
import type { CommandContext, EngineOptions } from "../command.ts";
import { engineClient } from "../engine.ts";
import { EXIT, type ExitCode } from "../exit-code.ts";

export interface RunsOptions extends EngineOptions {
  readonly json?: boolean;
}

/** Live and stored runs: from the engine when one runs, else the folders of the data folder. */
export async function runs(options: RunsOptions, context: CommandContext): Promise<ExitCode> {
  const client = await engineClient(options, context.clock);
  const items = client === null ? await storedRuns(options.data) : await client.listRuns();
  if (options.json === true) {
    await context.out(`${JSON.stringify(items)}\n`);
    return EXIT.ok;
  }
  if (client === null) context.say(`flowtime: no engine serves ${options.data}; these are the stored runs`);
  if (items.length === 0) context.say("flowtime: no runs yet");
  else await context.out(table(items));
  return EXIT.ok;
}

async function storedRuns(dataDir: string): Promise<readonly RunListItem[]> {
  const { storedRunItems } = await import("../../server/stored-runs.ts");
  return storedRunItems(dataDir);
}

function table(items: readonly RunListItem[]): string {
  const rows = items.map((item) => [
    item.runId,
    item.kind,
    item.mode,
    item.state,
    `${item.sealedBin + 1}/${item.bins}`,
    String(item.warningCount),
    item.createdUtc?.slice(0, 19).concat("Z") ?? "-",
    item.path ?? "-",
  ]);
  const all = [["RUN", "KIND", "MODE", "STATE", "BINS", "WARNINGS", "CREATED", "FOLDER"], ...rows];
  const widths = all[0]!.map((_, column) => Math.max(...all.map((row) => row[column]!.length)));
  const last = widths.length - 1;
  const lines = all.map((row) =>
    row.map((text, column) => (column === last ? text : text.padEnd(widths[column]!))).join("  "),
  );
  return `${lines.join("\n")}\n`;
}
