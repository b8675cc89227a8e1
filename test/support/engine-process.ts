/** An engine to be killed: `node engine-process.ts DATA_DIR`. Says its address on stdout, problems on stderr. */
import { writeSync } from "node:fs";
import { startEngine } from "../../src/server/main.ts";

const engine = await startEngine({
  dataDir: process.argv[2]!,
  port: 0,
  onNotice: (text) => writeSync(2, `${text}\n`),
});
writeSync(1, `${engine.url}\n`);
process.on("SIGTERM", () => void engine.stop());
