// npm run demo: the main job on bundled data. Starts an engine (unless one serves the data folder already), feeds it the
// order pipeline at a pace one can watch, follows the run (screen on a terminal, NDJSON in a pipe), and prints the path
// of the run folder as the last line of stdout.
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..");
const cli = path.join(root, "bin", "flowtime.js");
const bundle = path.join(root, "fixtures", "bundles", "order-pipeline");
const data = path.resolve(process.env.FLOWTIME_DATA_DIR || path.join(root, "data"));

/** 48 bins in 12 s: slow enough to see bins come, fast enough to see the incident and its end. */
const BINS_PER_SECOND = "4";
/** A finished screen stays this long, then closes by itself: nobody need be at the keyboard. */
const SCREEN_STAYS_MS = 8_000;
const START_MS = 15_000;
const POLL_MS = 50;

const children = new Set();
let signalled = null;
// A reader that goes away (`| head -1`) is no failure.
process.stdout.on("error", () => {});
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
  process.on(signal, () => {
    signalled ??= signal;
    for (const child of children) child.kill(signal);
  });
}

try {
  const folder = await demo();
  if (signalled === null) process.stdout.write(`${folder}\n`);
} catch (error) {
  if (signalled === null) {
    console.error(`demo: ${error.message}`);
    process.exitCode = 1;
  }
} finally {
  for (const child of children) child.kill("SIGTERM");
  await Promise.all([...children].map(({ ended }) => ended));
}
if (signalled !== null) {
  process.removeAllListeners(signalled);
  process.kill(process.pid, signalled);
}

async function demo() {
  const engine = await startOrFindEngine();
  const stamp = new Date().toISOString().slice(0, 19).replace(/[-:]/g, "");
  const runId = `run_${stamp}Z_${randomBytes(4).toString("hex")}`;
  const feed = flowtime(["ingest", bundle, "--run", runId, "--speed", BINS_PER_SECOND], "pipe");
  await until(async () => (await fetch(`${engine}/v1/runs/${runId}`)).ok, feed, "the run was not created");

  const tail = flowtime(["stream", "runs", runId], "inherit");
  const isScreen = process.stdout.isTTY === true;
  await feed.ended;
  if (isScreen && !tail.isOver) {
    await Promise.race([tail.ended, sleep(SCREEN_STAYS_MS, undefined, { ref: false })]);
    tail.kill("SIGTERM");
  }
  await tail.ended;
  if (feed.exitCode !== 0) throw new Error(`ingest ended with exit code ${feed.exitCode}\n${feed.errors}`);
  console.error(feed.errors.trimEnd().split("\n").at(-1));
  return feed.output.trim();
}

/** Address of the engine of the data folder. */
async function startOrFindEngine() {
  const file = path.join(data, "engine.json");
  const known = await addressIn(file);
  if (known !== null) {
    console.error(`demo: using the engine at ${known}`);
    return known;
  }
  const engine = flowtime(["serve", "--port", "0"], "pipe");
  return await until(() => addressIn(file), engine, "the engine did not start");
}

async function addressIn(file) {
  if (!existsSync(file)) return null;
  const { url } = JSON.parse(readFileSync(file, "utf8"));
  const answers = await fetch(`${url}/healthz`).then(
    ({ ok }) => ok,
    () => false,
  );
  return answers ? url : null;
}

/** The first truthy answer of `ask`, within `START_MS` and the life of the child. */
async function until(ask, child, complaint) {
  for (const end = Date.now() + START_MS; Date.now() < end && !child.isOver; await sleep(POLL_MS)) {
    const answer = await ask();
    if (answer) return answer;
  }
  throw new Error(`${complaint}\n${child.errors}`.trim());
}

/** A command of flowtime. `stdout` is inherited or kept in `output`; with `pipe`, stderr is kept in `errors`. */
function flowtime(args, stdout) {
  const stdio = stdout === "pipe" ? ["ignore", "pipe", "pipe"] : ["inherit", "inherit", "inherit"];
  const child = spawn(process.execPath, [cli, ...args, "--data", data], { stdio });
  child.output = "";
  child.errors = "";
  child.stdout?.setEncoding("utf8").on("data", (text) => (child.output += text));
  child.stderr?.setEncoding("utf8").on("data", (text) => (child.errors += text));
  child.isOver = false;
  child.ended = new Promise((resolve) => {
    child.on("close", () => {
      child.isOver = true;
      children.delete(child);
      resolve();
    });
  });
  children.add(child);
  return child;
}
