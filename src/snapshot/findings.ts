import { SnapshotError } from "./snapshot-error.ts";

/** One thing that is wrong with a run folder. */
export interface Finding {
  /** Path inside the run folder. */
  readonly path: string;
  readonly problem: string;
}

export type Report = (path: string, problem: string) => void;

/** Null, and a report, when the file cannot be read. */
export async function guarded<Value>(path: string, report: Report, read: () => Promise<Value>): Promise<Value | null> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof SnapshotError)) throw error;
    report(path, error.message);
    return null;
  }
}

/** As `guarded`, for a file that need not be there. */
export async function guardedOptional<Value>(
  path: string,
  report: Report,
  read: () => Promise<Value>,
): Promise<Value | null> {
  return guarded(path, report, () =>
    read().catch((error: unknown) => {
      if (isMissingFile(error)) return null;
      throw error;
    }),
  );
}

/** Whether reading a run folder failed because the file is not there. */
export function isMissingFile(error: unknown): boolean {
  const cause = error instanceof SnapshotError ? error.cause : null;
  return cause instanceof Error && "code" in cause && cause.code === "ENOENT";
}
