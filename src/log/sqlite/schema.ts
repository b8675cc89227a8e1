import { crc32 } from "node:zlib";
import type { ChainMark, LogPosition, ProducerState } from "../telemetry-log.ts";

/** Bytes and meaning of a log file: format.md beside this file. */

/** `FtLg` as an integer: tells `file`, and us, whose database this is. */
export const APPLICATION_ID = 0x46744c67;

/** Raised by every change that older programs cannot read. */
export const FORMAT_VERSION = 2;

/** Format 1 had neither producers nor a start; it is brought up to date when it is opened. */
export const OLDEST_FORMAT_VERSION = 1;

/** A batch of a hundred frames fits in one page; larger pages made small commits slower, smaller ones large commits. */
export const PAGE_BYTES = 16 * 1024;

/**
 * Hundred times what the largest run planned for needs (100,000 bins of 100 cells of 60 bytes). A runaway producer
 * meets it before it has filled the disk for everyone.
 */
export const DEFAULT_MAX_LOG_BYTES = 64 * 1024 ** 3;

const TABLES_SINCE_2 = `
  CREATE TABLE retained (start INTEGER NOT NULL, crc INTEGER NOT NULL) STRICT;
  INSERT INTO retained (start, crc) VALUES (0, ${startCrc(0)});
  CREATE TABLE producer (
    id TEXT PRIMARY KEY,
    epoch INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    memo TEXT NOT NULL,
    turn INTEGER NOT NULL,
    crc INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
`;

/** Executed on a log of format 1. */
export const UPGRADE_FROM_1 = `BEGIN; ${TABLES_SINCE_2} PRAGMA user_version = ${FORMAT_VERSION}; COMMIT;`;

/** Executed on an empty file, before the switch to the write-ahead log. */
export const CREATE_SCHEMA = `
  PRAGMA page_size = ${PAGE_BYTES};
  PRAGMA auto_vacuum = INCREMENTAL;
  PRAGMA fullfsync = ON;
  PRAGMA synchronous = FULL;
  BEGIN;
  PRAGMA application_id = ${APPLICATION_ID};
  PRAGMA user_version = ${FORMAT_VERSION};
  CREATE TABLE run (id TEXT NOT NULL, meta TEXT NOT NULL, crc INTEGER NOT NULL) STRICT;
  CREATE TABLE chunk (
    first INTEGER PRIMARY KEY,
    count INTEGER NOT NULL,
    sealed_bin INTEGER NOT NULL,
    hash TEXT NOT NULL,
    crc INTEGER NOT NULL,
    body BLOB NOT NULL
  ) STRICT;
  ${TABLES_SINCE_2}
  COMMIT;
`;

/**
 * Executed on every opening, before the first read. The exclusive lock is the operating system's, so death frees it;
 * it also keeps the index of the write-ahead log in memory. `fullfsync` matters on macOS only.
 */
export const OPEN_PRAGMAS = `
  PRAGMA locking_mode = EXCLUSIVE;
  PRAGMA synchronous = FULL;
  PRAGMA fullfsync = ON;
  PRAGMA checkpoint_fullfsync = ON;
  PRAGMA cell_size_check = ON;
`;

export interface ChunkRow {
  readonly first: LogPosition;
  readonly count: number;
  readonly mark: ChainMark;
  readonly crc: number;
  readonly body: Buffer;
}

export function chunkCrc(first: LogPosition, count: number, mark: ChainMark, body: Uint8Array): number {
  return crc32(body, crc32(`${first} ${count} ${mark.sealedBin} ${mark.hash}\n`));
}

export function metaCrc(runId: string, meta: string): number {
  return crc32(meta, crc32(`${runId}\n`));
}

export function startCrc(start: LogPosition): number {
  return crc32(`start ${start}\n`);
}

/** @param turn rises with every state that is written: the order in which producers were last heard */
export function producerCrc({ id, epoch, seq, memo }: ProducerState, turn: number): number {
  return crc32(memo, crc32(`${id} ${epoch} ${seq} ${turn}\n`));
}

/** The row as a producer whose sum is right, or null. */
export function checkProducerRow(row: Readonly<Record<string, unknown>>): ProducerState | null {
  const { id, epoch, seq, memo, turn, crc } = row;
  if (typeof id !== "string" || typeof memo !== "string" || !isCount(epoch) || !isCount(seq) || !isCount(turn)) {
    return null;
  }
  const state = { id, epoch, seq, memo };
  return producerCrc(state, turn) === crc ? state : null;
}

/** The row as a chunk whose sum is right, or what is wrong with it. */
export function checkChunkRow(row: Readonly<Record<string, unknown>>): ChunkRow | string {
  const { first, count, sealed_bin: sealedBin, hash, crc, body } = row;
  const isWhole =
    isCount(first) &&
    isCount(count) &&
    count > 0 &&
    Number.isSafeInteger(sealedBin) &&
    typeof hash === "string" &&
    isCount(crc) &&
    body instanceof Uint8Array;
  if (!isWhole) return "its columns do not have the types they were written with";
  const mark = { sealedBin: sealedBin as number, hash };
  const actual = chunkCrc(first, count, mark, body);
  if (actual !== crc) return `its CRC-32 is ${hex(actual)}, recorded is ${hex(crc)}`;
  return { first, count, mark, crc, body: Buffer.from(body.buffer, body.byteOffset, body.byteLength) };
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

function hex(crc: number): string {
  return crc.toString(16).padStart(8, "0");
}
