import { expect, test } from "vitest";
import { CliError, EXIT, exitCodeHelp, exitCodeOf, isExpected } from "../../../src/cli/exit-code.ts";
import { ClientError } from "../../../src/client/client-error.ts";
import { BundleError } from "../../../src/ingest/bundle-error.ts";
import { PROBLEMS } from "../../../src/protocol/problem.ts";

/** Right questions whose answer is no: not yet, or no longer. */
const NOT_NOW = new Set(["nothing_sealed", "bin_not_sealed", "bin_not_retained", "too_late"]);

test("every problem of the engine has an exit code that fits its status", () => {
  for (const [code, status] of Object.entries(PROBLEMS)) {
    const exit = exitCodeOf(new ClientError(code as keyof typeof PROBLEMS, code, { status }));
    if (NOT_NOW.has(code)) expect([code, exit]).toEqual([code, EXIT.no]);
    else if (code === "method_not_allowed") expect(exit).toBe(EXIT.engine);
    else if (status === 408 || status === 429 || status === 503) expect([code, exit]).toEqual([code, EXIT.connection]);
    else if (status >= 500) expect([code, exit]).toEqual([code, EXIT.engine]);
    else expect([code, exit]).toEqual([code, EXIT.usage]);
  }
});

test("bundles and files that are wrong are wrong input", () => {
  expect(exitCodeOf(new BundleError("hash_mismatch", "changed"))).toBe(EXIT.usage);
  expect(exitCodeOf(new CliError("usage", "no"))).toBe(EXIT.usage);
  expect(exitCodeOf(Object.assign(new Error("open"), { code: "EACCES" }))).toBe(EXIT.usage);
});

test("an engine that cannot be reached is its own code; a defect is the engine's", () => {
  expect(exitCodeOf(new ClientError("engine_unreachable", "refused"))).toBe(EXIT.connection);
  expect(exitCodeOf(new TypeError("undefined is not a function"))).toBe(EXIT.engine);
  expect(isExpected(new TypeError("undefined is not a function"))).toBe(false);
  expect(isExpected(new ClientError("engine_unreachable", "refused"))).toBe(true);
});

test("the help names every code", () => {
  for (const code of Object.values(EXIT)) expect(exitCodeHelp()).toMatch(new RegExp(`^  ${code} `, "m"));
});
