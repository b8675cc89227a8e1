import path from "node:path";
import type { ExportTimes, RunExport } from "../../snapshot/export-rows.ts";
import { AGGREGATES_FOLDER } from "../../snapshot/layout.ts";
import { type CommandContext, type CommonOptions, counted, fileError } from "../command.ts";
import { CliError, EXIT, type ExitCode } from "../exit-code.ts";
import { runDirectory } from "../run-directory.ts";

export const EXPORT_FORMATS = ["csv", "ndjson", "parquet"] as const;
export type ExportFormat = (typeof EXPORT_FORMATS)[number];

export interface ExportOptions extends CommonOptions {
  readonly format: ExportFormat;
  readonly output?: string;
  readonly times: ExportTimes;
}

/** Writes the series of a run folder as one table; prints the path of the file. */
export async function exportRun(name: string, options: ExportOptions, context: CommandContext): Promise<ExitCode> {
  const directory = await runDirectory(name, options);
  const toStdout = options.output === "-";
  if (toStdout && options.format === "parquet" && context.stdout.isTTY) {
    throw new CliError("usage", "Parquet is binary; name a file with --output, or pipe stdout into one.");
  }
  const { openExport } = await import("../../snapshot/export-rows.ts");
  let skipped = 0;
  const run = await openExport(directory, {
    times: options.times,
    nowMs: context.clock.now(),
    onSkipped: (reason) => {
      skipped++;
      context.say(`flowtime: ${reason}`);
    },
  });
  const chunks = await chunksOf(run, options.format);
  if (toStdout) {
    for await (const chunk of chunks)
      await (typeof chunk === "string" ? context.out(chunk) : writeBytes(chunk, context));
  } else {
    const file = options.output ?? path.join(directory, AGGREGATES_FOLDER, `export.${options.format}`);
    const { replaceFile } = await import("../../snapshot/replace-file.ts");
    await replaceFile(file, chunks).catch((error: unknown) => {
      throw isSystemError(error) ? fileError(file, error, "written") : error;
    });
    await context.out(`${path.resolve(file)}\n`);
  }
  if (skipped > 0)
    context.say(`flowtime: ${counted(skipped, "unreadable series file")} left out; the rest is exported`);
  return skipped > 0 ? EXIT.no : EXIT.ok;
}

async function chunksOf(run: RunExport, format: ExportFormat): Promise<AsyncIterable<string> | readonly Uint8Array[]> {
  if (format === "parquet") {
    const { parquetExport } = await import("../../snapshot/export-parquet.ts");
    return [await parquetExport(run)];
  }
  const { csvExport, ndjsonExport } = await import("../../snapshot/export-text.ts");
  return format === "csv" ? csvExport(run) : ndjsonExport(run);
}

function isSystemError(error: unknown): boolean {
  return error instanceof Error && "syscall" in error;
}

function writeBytes(bytes: Uint8Array, { stdout }: CommandContext): Promise<void> {
  return new Promise((resolve) => stdout.write(bytes, () => resolve()));
}
