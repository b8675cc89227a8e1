import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  rmSync,
} from "node:fs";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import { parseRunId, type RunId } from "../../protocol/ids.ts";
import type { BlockingLogStore } from "../blocking-log.ts";
import { LogError, type LogErrorFacts } from "../log-error.ts";
import {
  APPLICATION_ID,
  CREATE_SCHEMA,
  DEFAULT_MAX_LOG_BYTES,
  FORMAT_VERSION,
  metaCrc,
  OLDEST_FORMAT_VERSION,
  OPEN_PRAGMAS,
  PAGE_BYTES,
  UPGRADE_FROM_1,
} from "./schema.ts";
import { damaged, toLogError } from "./sqlite-error.ts";
import { SqliteLog } from "./sqlite-log.ts";
import { findWalDamage } from "./wal-check.ts";

const LOG_FILE = "log.sqlite";

export interface SqliteLogStoreOptions {
  /** Size at which a log answers `log_full`. Default `DEFAULT_MAX_LOG_BYTES`. */
  readonly maxLogBytes?: number;
}

/**
 * Logs as `<folder>/<runId>/log.sqlite`. The folder must be on a local file system (SQLite's locks are not reliable
 * on network ones), and nothing else in this process may open and close a log file: on POSIX that drops its lock.
 */
export class SqliteLogStore implements BlockingLogStore {
  readonly #folder: string;
  readonly #maxLogBytes: number;

  constructor(folder: string, options: SqliteLogStoreOptions = {}) {
    this.#folder = path.resolve(folder);
    this.#maxLogBytes = options.maxLogBytes ?? DEFAULT_MAX_LOG_BYTES;
  }

  create(runId: RunId, meta: string): SqliteLog {
    const facts = this.#facts(runId);
    if (existsSync(facts.file)) throw logExists(facts);
    const runFolder = path.dirname(facts.file);
    // Built aside and linked into place, so that a crash leaves a whole log or none, and of two creators one wins.
    const aside = `${facts.file}.${process.pid}.new`;
    try {
      mkdirSync(runFolder, { recursive: true });
      rmSync(aside, { force: true });
      writeEmptyLog(aside, runId, meta);
      linkSync(aside, facts.file);
      rmSync(aside);
      flush(runFolder);
      flush(this.#folder);
    } catch (error) {
      rmSync(aside, { force: true });
      if ((error as { code?: string }).code === "EEXIST") throw logExists(facts);
      throw toLogError(error, `create the log of run ${runId}`, facts);
    }
    return this.open(runId);
  }

  open(runId: RunId): SqliteLog {
    const facts = this.#facts(runId);
    if (!existsSync(facts.file)) {
      throw new LogError("log_not_found", `run ${runId} has no log: ${facts.file} does not exist`, facts);
    }
    const what = `open the log of run ${runId}`;
    let database: DatabaseSync | undefined;
    try {
      accessSync(facts.file, constants.R_OK | constants.W_OK);
      accessSync(path.dirname(facts.file), constants.R_OK | constants.W_OK);
      refuseDamagedWal(facts);
      database = new DatabaseSync(facts.file, { timeout: 0 });
      database.exec(OPEN_PRAGMAS);
      const meta = readMeta(database, facts);
      database.exec(`PRAGMA max_page_count = ${Math.ceil(this.#maxLogBytes / PAGE_BYTES)}`);
      return new SqliteLog(runId, meta, facts.file, database);
    } catch (error) {
      database?.close();
      throw toLogError(error, what, facts);
    }
  }

  exists(runId: RunId): boolean {
    return existsSync(this.#facts(runId).file);
  }

  list(): readonly RunId[] {
    if (!existsSync(this.#folder)) return [];
    return readdirSync(this.#folder)
      .map(parseRunId)
      .filter((runId) => runId !== null)
      .filter((runId) => this.exists(runId))
      .sort();
  }

  #facts(runId: RunId): LogErrorFacts & { readonly file: string } {
    return { runId, file: path.join(this.#folder, runId, LOG_FILE) };
  }
}

function logExists(facts: LogErrorFacts): LogError {
  return new LogError(
    "log_exists",
    `run ${facts.runId} already has a log (${facts.file}); open it, or choose another run id`,
    facts,
  );
}

function writeEmptyLog(file: string, runId: string, meta: string): void {
  const database = new DatabaseSync(file);
  try {
    database.exec(CREATE_SCHEMA);
    database.prepare("INSERT INTO run (id, meta, crc) VALUES (?, ?, ?)").run(runId, meta, metaCrc(runId, meta));
    database.exec("PRAGMA journal_mode = WAL");
  } finally {
    database.close();
  }
  flush(file);
}

/** Flushes a file or a folder's entries. Windows cannot open folders, and flushes their entries by itself. */
function flush(file: string): void {
  if (process.platform === "win32") return;
  const descriptor = openSync(file, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function readMeta(database: DatabaseSync, facts: LogErrorFacts): string {
  const { application_id: application } = database.prepare("PRAGMA application_id").get()!;
  const { user_version: version } = database.prepare("PRAGMA user_version").get()!;
  if (application !== APPLICATION_ID) {
    throw new LogError(
      "log_wrong_format",
      `${facts.file} is not a telemetry log (application id ${application}); move it away, or restore the log from a copy`,
      facts,
    );
  }
  if (typeof version !== "number" || version < OLDEST_FORMAT_VERSION || version > FORMAT_VERSION) {
    throw new LogError(
      "log_wrong_format",
      `${facts.file} has log format ${version}, this program reads ${OLDEST_FORMAT_VERSION} to ${FORMAT_VERSION}; use the flowtime version that wrote it`,
      facts,
    );
  }
  const rows = database.prepare("SELECT id, meta, crc FROM run").all();
  const row = rows[0];
  if (rows.length !== 1 || typeof row?.id !== "string" || typeof row.meta !== "string") {
    throw damaged(`${rows.length} descriptions of a run instead of one`, facts);
  }
  if (metaCrc(row.id, row.meta) !== row.crc) throw damaged("the description of the run has a wrong CRC-32", facts);
  if (row.id !== facts.runId) {
    throw damaged(`it is the log of run ${row.id}, in the folder of run ${facts.runId}`, facts);
  }
  if (version < FORMAT_VERSION) database.exec(UPGRADE_FROM_1);
  return row.meta;
}

function refuseDamagedWal(facts: LogErrorFacts & { readonly file: string }): void {
  const walFile = `${facts.file}-wal`;
  const damage = findWalDamage(walFile);
  if (damage === null) return;
  // An owner that writes while we look can show us a state that never was.
  if (isLocked(facts.file)) {
    throw toLogError({ errcode: 5 }, `open the log of run ${facts.runId}`, facts);
  }
  throw damaged(`${path.basename(walFile)}: ${damage}`, { ...facts, file: walFile });
}

/** A reader that cannot write neither repairs nor checkpoints anything. */
function isLocked(file: string): boolean {
  const database = new DatabaseSync(file, { readOnly: true, timeout: 0 });
  try {
    database.prepare("SELECT count(*) FROM sqlite_schema").get();
    return false;
  } catch (error) {
    return ((error as { errcode?: number }).errcode ?? 0) % 256 === 5;
  } finally {
    database.close();
  }
}
