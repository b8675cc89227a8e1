import { CliError } from "./exit-code.ts";

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** A time such as `500ms`, `30s`, `5m`, `2h`, `1d` in milliseconds. @throws CliError `usage` */
export function duration(option: string, text: string): number {
  const [, amount, unit] = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text) ?? [];
  const ms = Math.round(Number(amount) * (UNIT_MS[unit ?? ""] ?? Number.NaN));
  if (ms >= 1) return ms;
  throw new CliError("usage", `${option} needs a time with its unit, such as 500ms, 30s, 5m, 2h or 1d; got '${text}'.`);
}
