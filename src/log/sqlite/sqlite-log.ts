import type { DatabaseSync, SQLInputValue, StatementSync } from "node:sqlite";
import type { RunId } from "../../protocol/ids.ts";
import { decodeBatch, encodeBatch, noSuchPosition, positionDropped } from "../batch.ts";
import type { BlockingLog } from "../blocking-log.ts";
import { LogError, type LogErrorFacts } from "../log-error.ts";
import { ProducerTable } from "../producer-table.ts";
import type { ChainMark, LogChunk, LogPosition, ProducerState } from "../telemetry-log.ts";
import { type ChunkRow, checkChunkRow, checkProducerRow, chunkCrc, producerCrc, startCrc } from "./schema.ts";
import { damaged, toLogError } from "./sqlite-error.ts";

/** A batch as it is written. */
export interface EncodedBatch {
  readonly count: number;
  readonly body: Uint8Array;
  readonly mark: ChainMark;
}

/**
 * One run's log in one SQLite file; one row, one commit and one flush per batch (format.md).
 * States: open → failed (after `log_io`: only `close`, `head`, `start` and `producers` work) → closed.
 */
export class SqliteLog implements BlockingLog {
  readonly runId: RunId;
  readonly meta: string;
  readonly file: string;
  readonly #database: DatabaseSync;
  readonly #insert: StatementSync;
  readonly #insertProducer: StatementSync;
  readonly #forgetProducer: StatementSync;
  readonly #byFirst: StatementSync;
  readonly #producers: ProducerTable;
  #turn: number;
  #start: LogPosition;
  #head: LogPosition;
  #state: "open" | "failed" | "closed" = "open";

  /** Takes over a database that is locked, ours and of this version. Checks its newest chunk. */
  constructor(runId: RunId, meta: string, file: string, database: DatabaseSync) {
    this.runId = runId;
    this.meta = meta;
    this.file = file;
    this.#database = database;
    this.#insert = database.prepare(
      "INSERT INTO chunk (first, count, sealed_bin, hash, crc, body) VALUES (?, ?, ?, ?, ?, ?)",
    );
    this.#insertProducer = database.prepare(
      "INSERT OR REPLACE INTO producer (id, epoch, seq, memo, turn, crc) VALUES (?, ?, ?, ?, ?, ?)",
    );
    this.#forgetProducer = database.prepare("DELETE FROM producer WHERE id = ?");
    this.#byFirst = database.prepare("SELECT * FROM chunk WHERE first = ?");
    this.#start = this.#readStart();
    this.#head = this.#newestHead();
    this.#producers = new ProducerTable(this.#readProducers());
    this.#turn = Number(database.prepare("SELECT coalesce(max(turn), -1) + 1 AS next FROM producer").get()!.next);
  }

  append(records: readonly string[], mark: ChainMark, producers: readonly ProducerState[] = []): LogPosition {
    this.#mustBeOpen();
    if (records.length === 0) return this.appendEncoded(null, producers);
    return this.appendEncoded({ count: records.length, body: encodeBatch(this.runId, records), mark }, producers);
  }

  /** As `append`, of what `encodeBatch` made elsewhere; null is a batch without records. */
  appendEncoded(batch: EncodedBatch | null, producers: readonly ProducerState[]): LogPosition {
    this.#mustBeOpen();
    if (batch === null && producers.length === 0) return this.#head;
    try {
      if (producers.length === 0) this.#insertChunk(batch!);
      else this.#inTransaction(() => this.#insertAll(batch, producers));
    } catch (error) {
      throw this.#failedWrite(error, `append to the log of run ${this.runId}`, this.#head);
    }
    this.#head += batch?.count ?? 0;
    this.#producers.put(producers);
    return this.#head;
  }

  readFrom(position: LogPosition): Iterable<LogChunk> {
    this.#mustExist(position);
    return this.#read(position, this.#head);
  }

  *#read(from: LogPosition, end: LogPosition): Generator<LogChunk> {
    for (const { first, body, mark } of this.chunks(from, end)) yield { first, records: decodeBatch(body), mark };
  }

  /**
   * Checked chunks from one position to another. One look-up a chunk instead of one open cursor: appends and
   * checkpoints between two steps stay possible.
   */
  *chunks(from: LogPosition, end: LogPosition): Generator<ChunkRow> {
    let position = from;
    while (position < end) {
      this.#mustBeOpen();
      const row = this.#row(position);
      if (row === undefined) {
        throw damaged(`no chunk at position ${position}, the head is ${end}`, this.#facts(position));
      }
      const chunk = checkChunkRow(row);
      if (typeof chunk === "string") throw damaged(`chunk at position ${position}: ${chunk}`, this.#facts(position));
      const records = lineFeedsOf(chunk.body) + 1;
      if (records !== chunk.count) {
        throw damaged(
          `chunk at position ${position}: ${records} records, recorded are ${chunk.count}`,
          this.#facts(position),
        );
      }
      yield chunk;
      position += chunk.count;
    }
  }

  producers(): readonly ProducerState[] {
    return this.#producers.all();
  }

  start(): LogPosition {
    return this.#start;
  }

  head(): LogPosition {
    return this.#head;
  }

  bytes(): number {
    this.#mustBeOpen();
    const { page_count: pages } = this.#database.prepare("PRAGMA page_count").get()!;
    const { page_size: size } = this.#database.prepare("PRAGMA page_size").get()!;
    return Number(pages) * Number(size);
  }

  dropBefore(position: LogPosition): void {
    this.#mustExist(position);
    if (position === this.#start) return;
    try {
      this.#inTransaction(() => {
        this.#database.prepare("DELETE FROM chunk WHERE first < ?").run(position);
        this.#database.prepare("UPDATE retained SET start = ?, crc = ?").run(position, startCrc(position));
      });
      this.#start = position;
      this.#giveBack();
    } catch (error) {
      throw this.#failedWrite(error, `drop the head of the log of run ${this.runId}`, position);
    }
  }

  close(): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.#database.close();
  }

  /** @throws LogError unless a batch begins there or it is the head */
  #mustExist(position: LogPosition): void {
    this.#mustBeOpen();
    if (position === this.#head) return;
    if (position >= 0 && position < this.#start) {
      throw positionDropped(this.runId, position, this.#start, this.file);
    }
    if (this.#row(position) !== undefined) return;
    if (position === this.#start) {
      throw damaged(`no chunk at position ${position}, the head is ${this.#head}`, this.#facts(position));
    }
    throw noSuchPosition(this.runId, position, this.#head, this.file);
  }

  #insertAll(batch: EncodedBatch | null, producers: readonly ProducerState[]): void {
    if (batch !== null) this.#insertChunk(batch);
    for (const state of producers) {
      const { id, epoch, seq, memo } = state;
      const turn = this.#turn++;
      this.#insertProducer.run(id, epoch, seq, memo, turn, producerCrc(state, turn));
    }
    const after = new ProducerTable(this.#producers.all());
    for (const id of after.put(producers)) this.#forgetProducer.run(id);
  }

  #insertChunk({ count, body, mark }: EncodedBatch): void {
    const crc = chunkCrc(this.#head, count, mark, body);
    const row: SQLInputValue[] = [this.#head, count, mark.sealedBin, mark.hash, crc, body];
    this.#insert.run(...row);
  }

  #inTransaction(work: () => void): void {
    this.#database.exec("BEGIN IMMEDIATE");
    try {
      work();
      this.#database.exec("COMMIT");
    } catch (error) {
      // Some failures, a full disk among them, have rolled back already.
      if (this.#database.isTransaction) this.#database.exec("ROLLBACK");
      throw error;
    }
  }

  /** Gives free pages back to the file system, those of the write-ahead log too. */
  #giveBack(): void {
    const { auto_vacuum: mode } = this.#database.prepare("PRAGMA auto_vacuum").get()!;
    // A file that was made for format 1 cannot shrink page by page until it is written anew once.
    this.#database.exec(mode === 0 ? "PRAGMA auto_vacuum = INCREMENTAL; VACUUM" : "PRAGMA incremental_vacuum");
    this.#database.exec("PRAGMA wal_checkpoint(TRUNCATE)");
  }

  #failedWrite(error: unknown, what: string, position: LogPosition): LogError {
    const answer = toLogError(error, what, this.#facts(position));
    // After a failed flush nobody knows what reached the disk: only a fresh look at the file tells.
    if (answer.code !== "log_full" && answer.code !== "log_read_only") this.#state = "failed";
    return answer;
  }

  #readStart(): LogPosition {
    const rows = this.#database.prepare("SELECT start, crc FROM retained").all();
    const start = rows[0]?.start;
    if (rows.length === 1 && typeof start === "number" && startCrc(start) === rows[0]?.crc) return start;
    throw damaged("the position of the oldest record is not as it was written", this.#facts());
  }

  #readProducers(): ProducerState[] {
    return this.#database
      .prepare("SELECT * FROM producer ORDER BY turn")
      .all()
      .map((row) => {
        const state = checkProducerRow(row);
        if (state === null) throw damaged(`producer '${row.id}' has a wrong CRC-32`, this.#facts());
        return state;
      });
  }

  #newestHead(): LogPosition {
    const row = this.#database.prepare("SELECT * FROM chunk ORDER BY first DESC LIMIT 1").get();
    if (row === undefined) return this.#start;
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
    return { runId: this.runId, file: this.file, ...(position === undefined ? {} : { position }) };
  }
}

function lineFeedsOf(body: Buffer): number {
  let count = 0;
  for (let at = body.indexOf(0x0a); at >= 0; at = body.indexOf(0x0a, at + 1)) count++;
  return count;
}
