import { onTestFinished } from "vitest";
import { EngineClient } from "../../src/client/client.ts";
import type { RunDescription } from "../../src/protocol/run.ts";
import { type RunningEngine, startEngine } from "../../src/server/main.ts";
import { tempFolder } from "./temp-folder.ts";

export interface TestEngine extends RunningEngine {
  readonly dataDir: string;
  readonly client: EngineClient;
  /** What it told whoever runs it. */
  readonly notices: readonly string[];
}

/** The real engine on a free port, in this process, over a folder of this test's own; stopped when the test ends. */
export async function serve(dataDir: string = tempFolder()): Promise<TestEngine> {
  const notices: string[] = [];
  const engine = await startEngine({ dataDir, port: 0, onNotice: (text) => notices.push(text) });
  onTestFinished(() => engine.stop());
  return { ...engine, dataDir, client: new EngineClient({ baseUrl: engine.url }), notices };
}

/** The run once everything sealed is evaluated up to `bin`, or it has failed. */
export async function evaluated(client: EngineClient, runId: string, bin: number): Promise<RunDescription> {
  for (;;) {
    const run = await client.run(runId);
    if (run.sealedBin >= bin || run.state === "failed") return run;
  }
}

/** The run once it has failed, or is completed and its last snapshot is there. */
export async function completed(client: EngineClient, runId: string): Promise<RunDescription> {
  for (;;) {
    const run = await client.run(runId);
    if (run.state === "failed") return run;
    if (run.state === "completed" && run.snapshot?.sealedBin === run.sealedBin) return run;
  }
}

export interface RawAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: unknown;
}

/** One call as any HTTP client makes it: nothing is tried again, nothing is interpreted. */
export async function call(url: string, init: RequestInit = {}): Promise<RawAnswer> {
  const response = await fetch(url, init);
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: text === "" ? null : JSON.parse(text) };
}

export function postJson(url: string, body: unknown): Promise<RawAnswer> {
  return call(url, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
}

export function postFrames(
  url: string,
  runId: string,
  lines: readonly (object | string)[],
  options: { readonly query?: string; readonly headers?: Readonly<Record<string, string>> } = {},
): Promise<RawAnswer> {
  const body = lines.map((line) => `${typeof line === "string" ? line : JSON.stringify(line)}\n`).join("");
  return call(`${url}/v1/runs/${runId}/frames${options.query ?? ""}`, {
    method: "POST",
    headers: { "content-type": "application/x-ndjson", ...options.headers },
    body,
  });
}
