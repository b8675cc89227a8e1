/**
 * A process to be killed: `node appender.ts FOLDER RUN_ID`. Creates or opens the log, appends batches that follow
 * from their position alone, and says `ack HEAD` on stdout after each one.
 */
import { writeSync } from "node:fs";
import { SqliteLogStore } from "../../../src/log/sqlite/sqlite-log-store.ts";
import { parseRunId } from "../../../src/protocol/ids.ts";
import { batchAt, markAt } from "./history.ts";

const [folder, id, limit] = process.argv.slice(2);
const runId = parseRunId(id!)!;
const store = new SqliteLogStore(folder!);
const log = store.exists(runId) ? store.open(runId) : store.create(runId, "{}");
writeSync(1, `open ${log.head()}\n`);
const end = limit === undefined ? Number.POSITIVE_INFINITY : Number(limit);
for (let head = log.head(); head < end; ) {
  head = log.append(batchAt(head), markAt(head));
  writeSync(1, `ack ${head}\n`);
}
// Stays alive with the log open until it is killed.
setInterval(() => {}, 60_000);
