import { LogError, type LogErrorFacts } from "../log-error.ts";

const SQLITE_BUSY = 5;
const SQLITE_READONLY = 8;
const SQLITE_CORRUPT = 11;
const SQLITE_FULL = 13;
const SQLITE_NOTADB = 26;

const WHAT_TO_DO_WITH_DAMAGE =
  "nothing was changed: keep a copy of the folder, check the disk, and restore the log from a copy or start a new run";

/** The typed error for whatever SQLite or the file system threw. `what` says what was being done: "append to …". */
export function toLogError(error: unknown, what: string, facts: LogErrorFacts): LogError {
  if (error instanceof LogError) return error;
  const file = facts.file ?? "";
  switch (reasonOf(error)) {
    case "locked":
      return new LogError(
        "log_locked",
        `cannot ${what}: ${file} is open in another process; stop that engine, or use its address`,
        facts,
        error,
      );
    case "readOnly":
      return new LogError(
        "log_read_only",
        `cannot ${what}: ${file} cannot be written; give this user write permission on the file and its folder`,
        facts,
        error,
      );
    case "full":
      return new LogError(
        "log_full",
        `cannot ${what}: no room left for ${file} (disk full, or the log's own limit); free space and send the batch again`,
        facts,
        error,
      );
    case "damaged":
      return damaged(`cannot ${what}: ${messageOf(error)}`, facts, error);
    case "notADatabase":
      return new LogError(
        "log_wrong_format",
        `cannot ${what}: ${file} is not an SQLite database; ${WHAT_TO_DO_WITH_DAMAGE}`,
        facts,
        error,
      );
    case "io":
      return new LogError(
        "log_io",
        `cannot ${what}: the system failed on ${file} (${messageOf(error)}); check the disk, then open the log again`,
        facts,
        error,
      );
  }
}

export function damaged(what: string, facts: LogErrorFacts, cause?: unknown): LogError {
  return new LogError("log_damaged", `${facts.file ?? "the log"}: ${what}; ${WHAT_TO_DO_WITH_DAMAGE}`, facts, cause);
}

function reasonOf(error: unknown): "locked" | "readOnly" | "full" | "damaged" | "notADatabase" | "io" {
  const { errcode, code } = error as { errcode?: number; code?: string };
  // The low byte is the class, the rest says which operation it was.
  switch (errcode === undefined ? undefined : errcode & 0xff) {
    case SQLITE_BUSY:
      return "locked";
    case SQLITE_READONLY:
      return "readOnly";
    case SQLITE_CORRUPT:
      return "damaged";
    case SQLITE_FULL:
      return "full";
    case SQLITE_NOTADB:
      return "notADatabase";
  }
  switch (code) {
    case "EACCES":
    case "EPERM":
    case "EROFS":
      return "readOnly";
    case "ENOSPC":
    case "EDQUOT":
      return "full";
    // An integer column beyond the safe integers: never written by us.
    case "ERR_OUT_OF_RANGE":
      return "damaged";
    default:
      return "io";
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
