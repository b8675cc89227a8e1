import { LogError } from "./log-error.ts";
import { type LogPosition, MAX_BATCH_BYTES } from "./telemetry-log.ts";

const encoder = new TextEncoder();

/**
 * The records of a batch as one body: joined by line feeds, none after the last. The rules that make this reversible
 * are part of the port, so all adapters encode here. The bytes have a buffer of their own.
 * @throws LogError `bad_record`, `batch_too_large`
 */
export function encodeBatch(runId: string, records: readonly string[]): Uint8Array<ArrayBuffer> {
  const text = records.join("\n");
  if (lineFeeds(text) !== records.length - 1 || !text.isWellFormed()) throw badRecord(runId, records);
  const body = encoder.encode(text);
  if (body.length > MAX_BATCH_BYTES) {
    throw new LogError(
      "batch_too_large",
      `the batch of ${records.length} records has ${body.length} bytes, the limit is ${MAX_BATCH_BYTES}; append it in parts`,
      { runId },
    );
  }
  return body;
}

export function decodeBatch(body: Uint8Array): string[] {
  return Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString("utf8").split("\n");
}

/** The answer to a position between batches, behind the head, or not a position at all. */
export function noSuchPosition(runId: string, position: LogPosition, head: LogPosition, file?: string): LogError {
  return new LogError(
    "no_such_position",
    `the log of ${runId} has no batch that starts at position ${position} (head ${head}); a checkpoint that names it belongs to another log, replay from the start`,
    { runId, position, ...(file === undefined ? {} : { file }) },
  );
}

/** The answer to a position that retention has dropped. */
export function positionDropped(runId: string, position: LogPosition, start: LogPosition, file?: string): LogError {
  return new LogError(
    "position_dropped",
    `the log of ${runId} begins at position ${start}, what stood before it was dropped; recover from the checkpoint at ${start} or a newer one`,
    { runId, position, ...(file === undefined ? {} : { file }) },
  );
}

function lineFeeds(text: string): number {
  let count = 0;
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) count++;
  return count;
}

function badRecord(runId: string, records: readonly string[]): LogError {
  const split = records.findIndex((record) => record.includes("\n"));
  if (split >= 0) {
    return new LogError(
      "bad_record",
      `record ${split} of the batch contains a line end; a record is one line, pass it without "\\n"`,
      { runId, record: split },
    );
  }
  const broken = records.findIndex((record) => !record.isWellFormed());
  return new LogError(
    "bad_record",
    `record ${broken} of the batch contains half a surrogate pair, which UTF-8 cannot carry; escape it in the JSON text`,
    { runId, record: broken },
  );
}
