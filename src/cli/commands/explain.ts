import type { ExplainAnswer, ExplainedValue, Explanation } from "../../protocol/explanation.ts";
import { type CommandContext, type EngineOptions, wholeNumber } from "../command.ts";
import { requireEngine } from "../engine.ts";
import { EXIT, type ExitCode } from "../exit-code.ts";

export interface ExplainOptions extends EngineOptions {
  readonly bin?: string;
  readonly depth: string;
  readonly json?: boolean;
}

/** Prints how one value of a live run comes about, as a tree. */
export async function explain(
  runId: string,
  series: string,
  options: ExplainOptions,
  context: CommandContext,
): Promise<ExitCode> {
  const bin = options.bin === undefined ? undefined : wholeNumber("--bin", options.bin, 0);
  const depth = wholeNumber("--depth", options.depth, 1);
  const client = await requireEngine(options, context.clock);
  const answer = await client.explain(runId, { series, depth, ...(bin === undefined ? {} : { bin }) });
  await context.out(options.json === true ? `${JSON.stringify(answer)}\n` : explanationText(answer));
  return EXIT.ok;
}

/** The tree that people read: formula, numbers and result, then what it reads. */
export function explanationText({ explanation, startUtc }: ExplainAnswer): string {
  const { series, binIndex, value } = explanation;
  const when = startUtc === null ? "" : ` (${startUtc})`;
  const lines = [`${series} in bin ${binIndex}${when}: ${valueText(value)}`, ...body(explanation)];
  if (explanation.isTruncated) lines.push("some inputs are not explained, the answer was full: ask for them");
  return `${lines.join("\n")}\n`;
}

function body(explanation: Explanation): string[] {
  const { about, formula, numbers, value, notes, inputs } = explanation;
  const result = valueText(value);
  return [
    `  ${about}`,
    `  = ${formula}`,
    ...(numbers === result || numbers === formula ? [] : [`  = ${numbers}`]),
    ...(formula === result ? [] : [`  = ${result}`]),
    ...notes.map((note) => `  (${note})`),
    ...inputs.flatMap((input, index) => branch(input, index === inputs.length - 1)),
  ];
}

function branch({ name, value, explanation }: Explanation["inputs"][number], isLast: boolean): string[] {
  const [tick, pipe] = isLast ? ["└─", "   "] : ["├─", "│  "];
  const below = explanation === null ? [] : body(explanation);
  return [`  ${tick} ${name}: ${valueText(value)}`, ...below.map((line) => `  ${pipe}${line}`)];
}

function valueText(value: ExplainedValue): string {
  return value === null ? "no value" : Object.is(value, -0) ? "-0" : String(value);
}
