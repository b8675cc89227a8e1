import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { BuiltCli } from "../support/built-cli.ts";
import { FakeEngine } from "../support/fake-engine.ts";
import { OrderPipeline } from "../support/order-pipeline.ts";
import { TestTerminal } from "../support/terminal.ts";

let cli: BuiltCli;
beforeAll(async () => {
  cli = await BuiltCli.build();
});
afterAll(() => cli[Symbol.dispose]());
const LEAVE = "\u001b[?1049l";
const CLEARS = /\u001b\[[23]?J/g;

let engine: FakeEngine;
let pipeline: OrderPipeline;

beforeEach(async () => {
  engine = await FakeEngine.start();
  pipeline = new OrderPipeline();
  engine.add(pipeline.run);
  pipeline.advance(70);
});

afterEach(() => engine[Symbol.asyncDispose]());

const command = (...args: readonly string[]) => [
  ...[cli.launcher, "stream", "runs", pipeline.run.runId],
  ...["--engine", engine.url, ...args],
];

function open(columns = 80, rows = 24, env: Record<string, string> = {}): TestTerminal {
  return new TestTerminal(process.execPath, command(), { columns, rows, env });
}

/** Nothing of another frame is on the screen: each part once, in its place. */
function expectWhole(terminal: TestTerminal, rows: number): void {
  const lines = terminal.lines;
  expect(lines).toHaveLength(rows);
  expect(lines.filter((line) => line.includes(" flowtime  run_"))).toEqual([lines[0]]);
  expect(lines.filter((line) => line.includes("q quit"))).toEqual([lines[rows - 2]]);
  expect(lines.filter((line) => /^─+$/.test(line))).toHaveLength(2);
  expect(lines.filter((line) => line.includes("warnings (w/W"))).toHaveLength(1);
  expect(lines[rows - 1]).toBe("");
}

describe("the screen", () => {
  test.each([
    [80, 24, 12],
    [120, 40, 12],
    [60, 15, 5],
  ])("%dx%d: whole, live, and left as it was found", async (columns, rows) => {
    using terminal = open(columns, rows);
    await terminal.shows("● LIVE");
    await terminal.shows("bin 69 ");
    expectWhole(terminal, rows);
    pipeline.advance(2);
    await terminal.shows("bin 71 ");
    expectWhole(terminal, rows);
    expect(terminal.isAlternate).toBe(true);
    terminal.type("q");
    expect(await terminal.exited).toEqual({ code: 0, signal: 0 });
    expect(terminal.isAlternate).toBe(false);
    expect(terminal.raw.split(LEAVE)).toHaveLength(2);
    expect(terminal.raw.lastIndexOf("\u001b[?25h")).toBeGreaterThan(terminal.raw.lastIndexOf("\u001b[?25l"));
    const left = terminal.text.replaceAll("\n", " ");
    expect(left).toContain(`${pipeline.run.runId}: running`);
    expect(terminal.raw.slice(terminal.raw.lastIndexOf(LEAVE))).toContain("--since e1.72");
  });

  test("does not flicker: an update is one small write, nothing is cleared", async () => {
    using terminal = open(120, 40);
    await terminal.shows("bin 69 ");
    const before = terminal.raw.length;
    const updates = 8;
    for (let at = 1; at <= updates; at++) {
      pipeline.advance();
      await terminal.shows(`bin ${69 + at} `);
    }
    const written = terminal.raw.slice(before);
    const bytes = Buffer.byteLength(written);
    console.log(`120x40: ${Math.round(bytes / updates)} bytes an update, ${written.match(CLEARS)?.length ?? 0} clears`);
    expect(written).not.toMatch(CLEARS);
    expect(bytes / updates).toBeLessThan(4_000);
    terminal.type("q");
    await terminal.exited;
    // Synchronised updates: a terminal that knows them shows each frame at once.
    const begun = terminal.raw.split("\u001b[?2026h").length;
    expect(begun).toBeGreaterThan(updates);
    expect(terminal.raw.split("\u001b[?2026l").length).toBe(begun);
  });

  test("survives being resized, larger, smaller, too small and back", async () => {
    using terminal = open(80, 24);
    await terminal.shows("bin 69 ");
    for (const [columns, rows] of [
      [120, 40],
      [60, 15],
      [100, 30],
      [52, 11],
      [80, 24],
    ] as const) {
      terminal.resize(columns, rows);
      pipeline.advance();
      await terminal.until((text) => {
        const lines = text.split("\n");
        return (
          lines[rows - 2]?.includes("q quit") === true &&
          lines[0]!.includes("LIVE") &&
          text.includes(`bin ${pipeline.run.sealedBin} `)
        );
      }, `${columns}x${rows}`);
      expectWhole(terminal, rows);
    }
    terminal.resize(40, 8);
    await terminal.shows("need 50x10, have 40x8; q to quit");
    expect(terminal.lines.filter((line) => line !== "")).toHaveLength(1);
    terminal.resize(80, 24);
    await terminal.shows("q quit");
    expectWhole(terminal, 24);
  });

  test("keys: sort, filter, pause, details, checkpoint, help", async () => {
    using terminal = open();
    await terminal.shows("QUEUE▼");
    terminal.type("2");
    await terminal.shows("NODE");
    terminal.type("3");
    await terminal.shows("ARR▼");
    terminal.type("/kind:dlq\r");
    await terminal.until((text) => text.includes("refund-dlq") && !text.includes("intake"));
    terminal.type("\r");
    await terminal.shows("latencyMinutes");
    terminal.type("\u001b");
    await terminal.until((text) => !text.includes("latencyMinutes"));
    terminal.type(" ");
    await terminal.shows("PAUSED at bin 69");
    pipeline.advance(4);
    await terminal.shows("+4 bins since");
    terminal.type(" ");
    await terminal.shows("bin 73 ");
    terminal.type("c");
    await terminal.shows("checkpoint of bin 73: /data/runs/run_");
    terminal.type("?");
    await terminal.shows("any key closes this");
    terminal.type("?");
    await terminal.shows("q quit");
  });

  test("a checkpoint that fails is said, and nothing else happens", async () => {
    pipeline.run.checkpointProblem = { status: 409, code: "nothing_sealed", error: "no bin is sealed yet" };
    using terminal = open();
    await terminal.shows("● LIVE");
    terminal.type("c");
    await terminal.shows("no checkpoint: no bin is sealed yet");
  });
});

describe("the end", () => {
  test("a completed run stays on the screen until q, and ends with 0", async () => {
    using terminal = open();
    await terminal.shows("● LIVE");
    pipeline.run.end("completed");
    await terminal.shows("■ COMPLETED");
    terminal.type("q");
    expect((await terminal.exited).code).toBe(0);
    expect(terminal.text.replaceAll("\n", " ")).toContain("completed");
  });

  test("a lost connection is shown and made again", async () => {
    using terminal = open();
    await terminal.shows("● LIVE");
    pipeline.run.script = (_request, response) => response.destroy();
    pipeline.run.cut();
    await terminal.shows("RECONNECTING");
    pipeline.run.script = null;
    pipeline.advance(3);
    await terminal.shows("● LIVE");
    await terminal.shows("bin 72 ");
  });

  test.each([
    ["Ctrl-C", "\u0003"],
    ["Esc", "\u001b"],
  ])("%s quits", async (_name, keys) => {
    using terminal = open();
    await terminal.shows("● LIVE");
    terminal.type(keys);
    expect((await terminal.exited).code).toBe(0);
    expect(terminal.raw.split(LEAVE)).toHaveLength(2);
  });

  test.each([
    ["SIGTERM", 15],
    ["SIGHUP", 1],
  ] as const)("%s restores the terminal once, leaves the summary, and passes the signal on", async (name, number) => {
    using terminal = open();
    await terminal.shows("● LIVE");
    terminal.kill(name);
    expect(await terminal.exited).toMatchObject({ signal: number });
    expect(terminal.raw.split(LEAVE)).toHaveLength(2);
    expect(terminal.isAlternate).toBe(false);
    expect(terminal.text).toContain(`${pipeline.run.runId}: running`);
  });

  test("stdin that is a pipe: keys are read from the terminal", async () => {
    const line = [process.execPath, ...command()].map((part) => `'${part}'`).join(" ");
    using terminal = new TestTerminal("/bin/sh", ["-c", `echo nothing | ${line}; echo "exit $?"`], {
      columns: 80,
      rows: 24,
    });
    await terminal.shows("● LIVE");
    terminal.type("q");
    await terminal.exited;
    expect(terminal.text).toContain("exit 0");
  });
});

describe("plain terminals", () => {
  test("NO_COLOR: no colours, everything else", async () => {
    using terminal = open(80, 24, { NO_COLOR: "1" });
    await terminal.shows("● LIVE");
    expect(terminal.raw).not.toMatch(/\u001b\[(3[0-7]|9[0-7])m/);
  });

  test("colours otherwise", async () => {
    using terminal = open();
    await terminal.shows("● LIVE");
    expect(terminal.raw).toMatch(/\u001b\[32m/);
  });

  test("a locale without UTF-8: plain characters", async () => {
    using terminal = open(80, 24, { LANG: "C", LC_ALL: "C" });
    await terminal.shows("* LIVE");
    expect(terminal.text).toMatch(/^[\x20-\x7e\n]*$/);
  });

  test("CI and TERM=dumb: plain lines, no escapes", async () => {
    for (const env of [{ CI: "true" }, { TERM: "dumb" }]) {
      using terminal = open(100, 24, env);
      await terminal.shows("bin 69  notify");
      pipeline.run.end("aborted");
      expect((await terminal.exited).code).toBe(0);
      expect(terminal.raw).not.toContain("\u001b[");
      pipeline.run.state = "running";
    }
  });
});
