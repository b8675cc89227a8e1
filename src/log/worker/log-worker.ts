/** The thread that holds the log files: answers one request after the other, so appends of a log stay in order. */
import { parentPort, workerData } from "node:worker_threads";
import { LogError, type LogErrorFacts } from "../log-error.ts";
import type { SqliteLog } from "../sqlite/sqlite-log.ts";
import { SqliteLogStore, type SqliteLogStoreOptions } from "../sqlite/sqlite-log-store.ts";
import type { LogPosition } from "../telemetry-log.ts";
import type { LogAnswers, LogQuestion, LogReply, LogRequest, OpenedLog, ReadPage } from "./messages.ts";

/** Bytes of chunks sent at once: enough to be quick, little beside what the process holds anyway. */
const PAGE_BYTES = 1024 * 1024;

const { folder, options } = workerData as { readonly folder: string; readonly options: SqliteLogStoreOptions };
const store = new SqliteLogStore(folder, options);
const logs = new Map<number, SqliteLog>();
let opened = 0;

function answer(request: LogRequest): LogAnswers[keyof LogAnswers] {
  switch (request.op) {
    case "create":
      return remember(store.create(request.runId, request.meta));
    case "open":
      return remember(store.open(request.runId));
    case "exists":
      return store.exists(request.runId);
    case "list":
      return store.list();
    case "append":
      return logOf(request.log).appendEncoded(request.batch, request.producers);
    case "read":
      return read(logOf(request.log), request.from, request.end);
    case "bytes":
      return logOf(request.log).bytes();
    case "dropBefore":
      logOf(request.log).dropBefore(request.position);
      return null;
    case "close":
      logOf(request.log).close();
      return null;
  }
}

function remember(log: SqliteLog): OpenedLog {
  logs.set(++opened, log);
  return {
    log: opened,
    meta: log.meta,
    file: log.file,
    start: log.start(),
    head: log.head(),
    producers: log.producers(),
  };
}

function logOf(number: number): SqliteLog {
  return logs.get(number)!;
}

/** @param end null: the head now, and `from` is checked */
function read(log: SqliteLog, from: LogPosition, end: LogPosition | null): ReadPage {
  if (end === null) log.readFrom(from);
  const last = end ?? log.head();
  const chunks: ReadPage["chunks"][number][] = [];
  let next = from;
  let bytes = 0;
  for (const { first, count, body, mark } of log.chunks(from, last)) {
    chunks.push({ first, body, mark });
    next = first + count;
    bytes += body.length;
    if (bytes >= PAGE_BYTES) break;
  }
  return { chunks, next, end: last };
}

function refusalOf(error: unknown): LogError {
  if (error instanceof LogError) return error;
  return new LogError("log_io", `the log's thread failed: ${error instanceof Error ? error.message : String(error)}`, {
    runId: "",
  });
}

parentPort!.on("message", ({ id, request }: LogQuestion) => {
  let reply: LogReply;
  try {
    reply = { id, result: answer(request) };
  } catch (error) {
    const { code, message, facts } = refusalOf(error);
    reply = { id, refusal: { code, message, facts: facts as unknown as LogErrorFacts } };
  }
  parentPort!.postMessage(reply);
});
