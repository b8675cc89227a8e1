import { LogError } from "./log-error.ts";
import { type LogPosition, MAX_BATCH_BYTES } from "./telemetry-log.ts";

/**
 * The records of a batch as one body: joined by line feeds, none after the last. The rules that make this reversible
 * are part of the port, so all adapters encode here.
 * @throws LogError `bad_record`, `batch_too_large`
 */
export function encodeBatch(runId: string, records: readonly string[]): Buffer {
  for (const [index, record] of records.entries()) {
    if (record.includes("\n")) {
      throw new LogError(
        "bad_record",
        `record ${index} of the batch contains a line end; a record is one line, pass it without "\\n"`,
        { runId, record: index },
      );
    }
    if (!record.isWellFormed()) {
      throw new LogError(
        "bad_record",
        `record ${index} of the batch contains half a surrogate pair, which UTF-8 cannot carry; escape it in the JSON text`,
        { runId, record: index },
      );
    }
  }
  const body = Buffer.from(records.join("\n"), "utf8");
  if (body.length > MAX_BATCH_BYTES) {
    throw new LogError(
      "batch_too_large",
      `the batch of ${records.length} records has ${body.length} bytes, the limit is ${MAX_BATCH_BYTES}; append it in parts`,
      { runId },
    );
  }
  return body;
}

export function decodeBatch(body: Buffer): string[] {
  return body.toString("utf8").split("\n");
}

/** The answer to a position between batches, behind the head, or not a position at all. */
export function noSuchPosition(runId: string, position: LogPosition, head: LogPosition, file?: string): LogError {
  return new LogError(
    "no_such_position",
    `the log of ${runId} has no batch that starts at position ${position} (head ${head}); a checkpoint that names it belongs to another log, replay from 0`,
    { runId, position, ...(file === undefined ? {} : { file }) },
  );
}
