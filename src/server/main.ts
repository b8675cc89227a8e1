import { randomUUID } from "node:crypto";
import { access, constants, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { systemClock } from "../lib/clock.ts";
import { FlowError } from "../lib/errors.ts";
import type { EngineFile } from "../protocol/run.ts";
import { buildApp } from "./app.ts";
import { composeEngine, LIVE_FOLDER } from "./compose.ts";

/** FlowTime's own port, so that its clients find the engine. */
export const DEFAULT_PORT = 8081;
export const DEFAULT_HOST = "127.0.0.1";
const ENGINE_FILE = "engine.json";
const LOOPBACK = new Set(["127.0.0.1", "::1", "localhost"]);

export interface StartOptions {
  readonly dataDir: string;
  /** Loopback only. Default `DEFAULT_HOST`. */
  readonly host?: string;
  /** 0 picks a free one. Default `DEFAULT_PORT`. */
  readonly port?: number;
  /** Lines for whoever runs the engine. */
  readonly onNotice?: (text: string) => void;
}

export interface RunningEngine {
  readonly url: string;
  /** Lets runs come to rest, tells subscribers, frees logs and port. */
  stop(): Promise<void>;
}

export class EngineStartError extends FlowError<
  "port_in_use" | "data_dir_not_writable" | "engine_running" | "host_not_allowed"
> {}

/**
 * Starts the engine process over a data folder: brings its runs back, then listens and says where in `engine.json`.
 * @throws EngineStartError
 */
export async function startEngine(options: StartOptions): Promise<RunningEngine> {
  const { dataDir, host = DEFAULT_HOST, port = DEFAULT_PORT, onNotice = () => {} } = options;
  if (!LOOPBACK.has(host)) {
    throw new EngineStartError(
      "host_not_allowed",
      `Host '${host}' is not loopback; beyond it the engine needs tokens, which are not built yet.`,
    );
  }
  const root = path.resolve(dataDir);
  for (const folder of [root, path.join(root, LIVE_FOLDER)]) await makeWritable(folder);
  const engineFile = path.join(root, ENGINE_FILE);
  await refuseSecondEngine(engineFile, root);

  const parts = composeEngine({
    dataDir: root,
    clock: systemClock,
    onProblem: (where, error) => onNotice(`${where}: ${error instanceof Error ? error.message : String(error)}`),
  });
  const app = buildApp(parts);
  try {
    // The port comes before the runs: an engine that cannot listen must not hold their logs.
    await app.listen({ host, port });
  } catch (error) {
    await app.close();
    throw listenError(error, host, port);
  }
  const stop = async (): Promise<void> => {
    await rm(engineFile, { force: true });
    await parts.registry.close();
    await app.close();
  };
  const address = app.server.address() as AddressInfo;
  const url = `http://${host.includes(":") ? `[${host}]` : host}:${address.port}`;
  try {
    await parts.registry.recoverAll();
    await writeAtomically(engineFile, { url, pid: process.pid, startedUtc: new Date().toISOString() });
  } catch (error) {
    await stop();
    throw error;
  }
  let stopping: Promise<void> | null = null;
  return { url, stop: () => (stopping ??= stop()) };
}

async function makeWritable(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true });
    await access(folder, constants.W_OK);
    const probe = path.join(folder, `.probe-${randomUUID()}`);
    await writeFile(probe, "");
    await rm(probe);
  } catch (error) {
    throw new EngineStartError(
      "data_dir_not_writable",
      `Cannot write to the data folder ${folder} (${(error as NodeJS.ErrnoException).code}). Choose another with --data or FLOWTIME_DATA_DIR.`,
      { cause: error },
    );
  }
}

/** One engine owns a data folder; a file left by a dead one is no engine. */
async function refuseSecondEngine(engineFile: string, root: string): Promise<void> {
  let known: EngineFile;
  try {
    known = JSON.parse(await readFile(engineFile, "utf8")) as EngineFile;
  } catch {
    return;
  }
  if (known.pid !== process.pid && !isAlive(known.pid)) return;
  try {
    const answer = await fetch(`${known.url}/healthz`, { signal: AbortSignal.timeout(1000) });
    if (!answer.ok) return;
  } catch {
    return;
  }
  throw new EngineStartError(
    "engine_running",
    `An engine already serves ${root} at ${known.url} (pid ${known.pid}). Use it, stop it, or choose another data folder with --data.`,
  );
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

function listenError(error: unknown, host: string, port: number): unknown {
  const { code } = error as NodeJS.ErrnoException;
  if (code === "EADDRINUSE") {
    return new EngineStartError(
      "port_in_use",
      `Port ${port} on ${host} is in use. Stop what listens there, or choose another with --port (0 picks a free one).`,
      { cause: error },
    );
  }
  if (code === "EACCES") {
    return new EngineStartError(
      "port_in_use",
      `Port ${port} on ${host} may not be used by this user. Choose one above 1023 with --port.`,
      {
        cause: error,
      },
    );
  }
  return error;
}

async function writeAtomically(file: string, content: EngineFile): Promise<void> {
  const aside = `${file}.${process.pid}.tmp`;
  await writeFile(aside, `${JSON.stringify(content)}\n`);
  await rename(aside, file);
}
