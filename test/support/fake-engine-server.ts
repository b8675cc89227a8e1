import { FakeEngine } from "./fake-engine.ts";
import { OrderPipeline } from "./order-pipeline.ts";

/** `node --import tsx fake-engine-server.ts PORT MS`: the order pipeline, one bin every MS, for looking at by hand. */
const [port, everyMs] = process.argv.slice(2).map(Number);
const engine = await FakeEngine.start(port ?? 0);
const pipeline = new OrderPipeline();
engine.add(pipeline.run);
pipeline.advance(126);
pipeline.run.checkpoint();
setInterval(() => pipeline.advance(), everyMs ?? 1000);
setInterval(() => pipeline.run.heartbeat(), 5000);
process.on("SIGUSR1", () => pipeline.run.cut());
process.on("SIGUSR2", () => pipeline.run.end("completed"));
console.log(engine.url, pipeline.run.runId, process.pid);
