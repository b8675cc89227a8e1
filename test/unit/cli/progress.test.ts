import { readFileSync } from "node:fs";
import path from "node:path";
import { PassThrough } from "node:stream";
import { expect, test } from "vitest";
import type { CommandContext } from "../../../src/cli/command.ts";
import { Progress } from "../../../src/cli/progress.ts";
import { RefusalReport } from "../../../src/cli/refusals.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { tempFolder } from "../../support/temp-folder.ts";

function stderr(isTTY: boolean, env: NodeJS.ProcessEnv = {}) {
  const clock = new FakeClock();
  const stream = Object.assign(new PassThrough(), { isTTY, columns: 40 });
  const context = {
    stderr: stream,
    say: (text: string) => void stream.write(`${text}\n`),
    clock,
    env,
  } as unknown as CommandContext;
  return { context, clock, text: () => String(stream.read() ?? "") };
}

const totals = (sealedBin: number, more = {}) => ({
  accepted: (sealedBin + 1) * 3,
  duplicates: 0,
  late: 0,
  rejected: 0,
  sealedBin,
  ...more,
});

test("on a terminal one line is redrawn, not more often than can be read, and never wraps", () => {
  const { context, clock, text } = stderr(true);
  const progress = new Progress(context, 48);
  progress.update(totals(11));
  progress.update(totals(12));
  expect(text()).toBe("\r\u001b[K[######------------------] 12/48 bins s");
  clock.advance(300);
  progress.note("something else");
  progress.update(totals(47));
  progress.clear();
  expect(text()).toBe("\r\u001b[Ksomething else\n\r\u001b[K[########################] 48/48 bins s\r\u001b[K");
});

test.each([
  ["a pipe", false, {}],
  ["CI", true, { CI: "1" }],
  ["a dumb terminal", true, { TERM: "dumb" }],
])("in %s a line tells of every tenth, nothing is redrawn", (_, isTTY, env) => {
  const { context, text } = stderr(isTTY, env);
  const progress = new Progress(context, 100);
  for (let bin = 0; bin < 100; bin++) progress.update(totals(bin, { late: bin > 50 ? 2 : 0 }));
  progress.clear();
  const lines = text().trim().split("\n");
  expect(lines).toHaveLength(10);
  expect(lines[0]).toBe("flowtime: 10/100 bins sealed · 30 frames");
  expect(lines[9]).toBe("flowtime: 100/100 bins sealed · 300 frames · 2 refused");
});

const refusal = (line: number) => ({ label: `line ${line}`, code: "malformed" as const, message: "no", text: null });

test("refused frames are shown until a pattern is clear, then counted", () => {
  const said: string[] = [];
  using report = new RefusalReport(null, (text) => said.push(text));
  for (let line = 1; line <= 100; line++) report.add(refusal(line));
  expect(said).toHaveLength(21);
  expect(said[0]).toBe("flowtime: refused line 1: malformed: no");
  expect(said[20]).toContain("--rejects FILE");
});

test("in a file all of them are kept", () => {
  const file = path.join(tempFolder(), "refused.ndjson");
  const said: string[] = [];
  {
    using report = new RefusalReport(file, (text) => said.push(text));
    for (let line = 1; line <= 100; line++) report.add(refusal(line));
  }
  const lines = readFileSync(file, "utf8").trim().split("\n");
  expect(lines).toHaveLength(100);
  expect(JSON.parse(lines[99]!)).toEqual({ where: "line 100", code: "malformed", message: "no", frame: null });
  expect(said).toEqual([]);
});
