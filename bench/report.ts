import { availableParallelism, cpus } from "node:os";

/** Median and spread of samples, in the unit of the samples. */
export function summary(samples: readonly number[]): {
  readonly median: number;
  readonly low: number;
  readonly high: number;
} {
  const sorted = [...samples].sort((a, b) => a - b);
  return { median: sorted[Math.floor(sorted.length / 2)]!, low: sorted[0]!, high: sorted.at(-1)! };
}

/** Milliseconds that an action takes. */
export function timed(action: () => void): number {
  const start = process.hrtime.bigint();
  action();
  return Number(process.hrtime.bigint() - start) / 1e6;
}

export function printMachine(): void {
  console.log(
    `${new Date().toISOString().slice(0, 10)}  node ${process.version}  ${cpus()[0]?.model ?? "unknown processor"}, ${availableParallelism()} cores`,
  );
}

/** A plain table, columns right-aligned but for the first. */
export function printTable(rows: readonly (readonly string[])[]): void {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  for (const row of rows) {
    console.log(
      row
        .map((cell, column) => (column === 0 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!)))
        .join("  "),
    );
  }
}
