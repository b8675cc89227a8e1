/** `node probe.ts FOLDER RUN_ID`: appends until the log refuses, then prints `{code, head}` of the refusal. */
import { LogError } from "../../../src/log/log-error.ts";
import { SqliteLogStore } from "../../../src/log/sqlite/sqlite-log-store.ts";
import { parseRunId } from "../../../src/protocol/ids.ts";
import { batchAt, markAt } from "./history.ts";

const [folder, id] = process.argv.slice(2);
const runId = parseRunId(id!)!;
let head = 0;
let code = "none";
try {
  const store = new SqliteLogStore(folder!);
  const log = store.exists(runId) ? store.open(runId) : store.create(runId, "{}");
  for (head = log.head(); head < 1_000_000; ) head = log.append(batchAt(head), markAt(head));
} catch (error) {
  code = error instanceof LogError ? error.code : String(error);
}
process.stdout.write(JSON.stringify({ code, head }));
