import { readFile } from "node:fs/promises";
import path from "node:path";
import type { EngineFile } from "../protocol/run.ts";
import type { FetchLike } from "./http.ts";

/** Name of the file in a data folder that says where its engine listens. */
export const ENGINE_FILE = "engine.json";
/** An engine on this machine answers its health check at once; one that does not is as good as absent. */
const HEALTH_TIMEOUT_MS = 2_000;

/**
 * Address of the engine that serves a data folder, or null when there is none: no file, an unreadable one, or nobody
 * answers there any more (the file of a killed engine stays behind).
 */
export async function findEngine(
  dataDir: string,
  fetchLike: FetchLike = (url, init) => fetch(url, init),
): Promise<string | null> {
  const url = await readEngineUrl(path.join(dataDir, ENGINE_FILE));
  if (url === null) return null;
  return (await isHealthy(url, fetchLike)) ? url : null;
}

/** Whether an engine answers its health check at `url`. */
export async function isHealthy(
  url: string,
  fetchLike: FetchLike = (target, init) => fetch(target, init),
): Promise<boolean> {
  try {
    const response = await fetchLike(`${url}/healthz`, { signal: AbortSignal.timeout(HEALTH_TIMEOUT_MS) });
    await response.body?.cancel();
    return response.ok;
  } catch {
    // Refused, timed out, not HTTP: all mean that no engine is there, which is an answer and no failure.
    return false;
  }
}

async function readEngineUrl(file: string): Promise<string | null> {
  try {
    const parsed: unknown = JSON.parse(await readFile(file, "utf8"));
    const url = (parsed as Partial<EngineFile> | null)?.url;
    return typeof url === "string" && URL.canParse(url) ? url.replace(/\/+$/, "") : null;
  } catch {
    // Absent, unreadable or cut off in the middle of a write: there is no engine to be found through it.
    return null;
  }
}
