import { EngineClient } from "../client/client.ts";
import { findEngine } from "../client/discover.ts";
import type { Clock } from "../lib/clock.ts";
import type { EngineOptions } from "./command.ts";
import { CliError } from "./exit-code.ts";

/** A client of the named engine, or of the one that serves the data folder; null when there is none. */
export async function engineClient(options: EngineOptions, clock: Clock): Promise<EngineClient | null> {
  const url = options.engine ?? (await findEngine(options.data));
  return url === null ? null : new EngineClient({ baseUrl: checkedUrl(url), clock });
}

/** @throws CliError `no_engine` with what to do */
export async function requireEngine(options: EngineOptions, clock: Clock): Promise<EngineClient> {
  const client = await engineClient(options, clock);
  if (client !== null) return client;
  throw new CliError(
    "no_engine",
    `no engine serves the data folder ${options.data}\n` +
      `  start one: flowtime serve --data ${options.data}      or point to it: --engine URL / FLOWTIME_ENGINE`,
    { facts: { dataDir: options.data } },
  );
}

function checkedUrl(text: string): string {
  const isHttp = URL.canParse(text) && /^https?:$/.test(new URL(text).protocol);
  if (!isHttp) throw new CliError("usage", `--engine must be an address such as http://127.0.0.1:8081, not '${text}'.`);
  return text;
}
