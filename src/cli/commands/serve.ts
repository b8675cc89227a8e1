import { type CommandContext, type CommonOptions, wholeNumber } from "../command.ts";
import { EXIT, type ExitCode } from "../exit-code.ts";

export interface ServeOptions extends CommonOptions {
  readonly port: string;
  readonly host: string;
}

const MAX_PORT = 65_535;

/** Runs the engine until a signal comes, then drains it. */
export async function serve(options: ServeOptions, context: CommandContext): Promise<ExitCode> {
  const port = wholeNumber("--port", options.port, 0, MAX_PORT);
  const { startEngine } = await import("../../server/main.ts");
  const { signal } = context.shutdown;
  const engine = await startEngine({
    dataDir: options.data,
    host: options.host,
    port,
    onNotice: (text) => context.say(`flowtime: ${text}`),
  });
  context.say(`flowtime: listening on ${engine.url} · data in ${options.data}`);
  if (!signal.aborted) {
    await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
  }
  await engine.stop();
  return EXIT.ok;
}
