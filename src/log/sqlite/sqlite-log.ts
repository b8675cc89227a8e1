import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { RunId } from "../../protocol/ids.ts";
import { decodeBatch, encodeBatch, noSuchPosition } from "../batch.ts";
import { LogError, type LogErrorFacts } from "../log-error.ts";
import type { ChainMark, LogChunk, LogPosition, TelemetryLog } from "../telemetry-log.ts";
import { checkChunkRow, chunkCrc } from "./schema.ts";
import { damaged, toLogError } from "./sqlite-error.ts";

/**
 * One run's log in one SQLite file; one row, one commit and one flush per batch (format.md).
 * States: open → failed (after `log_io`: only `close` and `head` work) → closed.
 */
export class SqliteLog implements TelemetryLog {
  readonly runId: RunId;
  readonly meta: string;
  readonly #file: string;
  readonly #database: DatabaseSync;
  readonly #insert: StatementSync;
  readonly #byFirst: StatementSync;
  #head: LogPosition;
  #state: "open" | "failed" | "closed" = "open";

  /** Takes over a database that is locked, ours and of this version. Checks its newest chunk. */
  constructor(runId: RunId, meta: string, file: string, database: DatabaseSync) {
    this.runId = runId;
    this.meta = meta;
    this.#file = file;
    this.#database = database;
    this.#insert = database.prepare(
      "INSERT INTO chunk (first, count, sealed_bin, hash, crc, body) VALUES (?, ?, ?, ?, ?, ?)",
    );
    this.#byFirst = database.prepare("SELECT * FROM chunk WHERE first = ?");
    this.#head = this.#newestHead();
  }

  append(records: readonly string[], mark: ChainMark): LogPosition {
    this.#mustBeOpen();
    if (records.length === 0) return this.#head;
    const body = encodeBatch(this.runId, records);
    const crc = chunkCrc(this.#head, records.length, mark, body);
    try {
      this.#insert.run(this.#head, records.length, mark.sealedBin, mark.hash, crc, body);
    } catch (error) {
      const answer = toLogError(error, `append to the log of run ${this.runId}`, this.#facts(this.#head));
      // After a failed flush nobody knows what reached the disk: only a fresh look at the file tells.
      if (answer.code !== "log_full" && answer.code !== "log_read_only") this.#state = "failed";
      throw answer;
    }
    this.#head += records.length;
    return this.#head;
  }

  readFrom(position: LogPosition): Iterable<LogChunk> {
    this.#mustBeOpen();
    if (position !== this.#head && this.#row(position) === undefined) {
      if (position === 0) throw damaged(`no chunk at position 0, the head is ${this.#head}`, this.#facts(0));
      throw noSuchPosition(this.runId, position, this.#head, this.#file);
    }
    return this.#read(position, this.#head);
  }

  /** One look-up a chunk instead of one open cursor: appends and checkpoints between two steps stay possible. */
  *#read(from: LogPosition, end: LogPosition): Generator<LogChunk> {
    let position = from;
    while (position < end) {
      this.#mustBeOpen();
      const row = this.#row(position);
      if (row === undefined) {
        throw damaged(`no chunk at position ${position}, the head is ${end}`, this.#facts(position));
      }
      const chunk = checkChunkRow(row);
      if (typeof chunk === "string") throw damaged(`chunk at position ${position}: ${chunk}`, this.#facts(position));
      const records = decodeBatch(chunk.body);
      if (records.length !== chunk.count) {
        throw damaged(
          `chunk at position ${position}: ${records.length} records, recorded are ${chunk.count}`,
          this.#facts(position),
        );
      }
      yield { first: chunk.first, records, mark: chunk.mark };
      position += chunk.count;
    }
  }

  head(): LogPosition {
    return this.#head;
  }

  close(): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.#database.close();
  }

  #newestHead(): LogPosition {
    const row = this.#database.prepare("SELECT * FROM chunk ORDER BY first DESC LIMIT 1").get();
    if (row === undefined) return 0;
    const chunk = checkChunkRow(row);
    if (typeof chunk === "string") {
      const position = typeof row.first === "number" ? row.first : undefined;
      throw damaged(`newest chunk (position ${position}): ${chunk}`, this.#facts(position));
    }
    return chunk.first + chunk.count;
  }

  #row(position: LogPosition): Record<string, unknown> | undefined {
    try {
      return this.#byFirst.get(position);
    } catch (error) {
      throw toLogError(error, `read the log of run ${this.runId} at position ${position}`, this.#facts(position));
    }
  }

  #mustBeOpen(): void {
    if (this.#state === "open") return;
    const why = this.#state === "closed" ? "is closed" : "has failed before";
    throw new LogError("log_closed", `the log of run ${this.runId} ${why}; open it again`, this.#facts());
  }

  #facts(position?: LogPosition): LogErrorFacts {
    return { runId: this.runId, file: this.#file, ...(position === undefined ? {} : { position }) };
  }
}
