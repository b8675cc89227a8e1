import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { BuiltCli } from "../../support/built-cli.ts";
import { FakeEngine } from "../../support/fake-engine.ts";
import { OrderPipeline } from "../../support/order-pipeline.ts";

let cli: BuiltCli;
beforeAll(async () => {
  cli = await BuiltCli.build();
});
afterAll(() => cli[Symbol.dispose]());
const started: ChildProcess[] = [];

/** The command as a child process with pipes, as a script would start it. */
class Tail {
  readonly child: ChildProcess;
  stdout = "";
  stderr = "";
  readonly done: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;

  constructor(engine: FakeEngine, runId: string, ...args: readonly string[]) {
    const command = [cli.launcher, "stream", "runs", runId, "--engine", engine.url, ...args];
    this.child = spawn(process.execPath, command, {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, NODE_ENV: "production", NO_COLOR: "1", FORCE_COLOR: undefined },
    });
    started.push(this.child);
    this.child.stdout!.setEncoding("utf8").on("data", (text: string) => {
      this.stdout += text;
    });
    this.child.stderr!.setEncoding("utf8").on("data", (text: string) => {
      this.stderr += text;
    });
    this.done = once(this.child, "close").then(([code, signal]) => ({ code, signal }));
  }

  get objects(): Record<string, unknown>[] {
    return this.stdout
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  }

  /** Waits for text on stdout or stderr. */
  until(text: string): Promise<void> {
    const { child } = this;
    return new Promise((resolve, reject) => {
      const look = () => {
        if (this.stdout.includes(text) || this.stderr.includes(text)) settle(resolve);
      };
      const fail = () => settle(() => reject(new Error(`ended before "${text}"\n${this.stdout}\n${this.stderr}`)));
      const settle = (then: () => void) => {
        child.stdout!.off("data", look);
        child.stderr!.off("data", look);
        child.off("close", fail);
        then();
      };
      child.stdout!.on("data", look);
      child.stderr!.on("data", look);
      child.on("close", fail);
      look();
    });
  }
}

let engine: FakeEngine;
let pipeline: OrderPipeline;

beforeEach(async () => {
  engine = await FakeEngine.start();
  pipeline = new OrderPipeline();
  engine.add(pipeline.run);
});

afterEach(async () => {
  for (const child of started.splice(0)) child.kill("SIGKILL");
  await engine[Symbol.asyncDispose]();
});

describe("in a pipe", () => {
  test("a completed run: hello, its history, end, exit 0; every line of stdout is JSON", async () => {
    pipeline.advance(60);
    pipeline.run.state = "completed";
    const tail = new Tail(engine, pipeline.run.runId);
    expect(await tail.done).toEqual({ code: 0, signal: null });
    expect(tail.objects[0]).toMatchObject({ type: "hello", schema: "flowtime.stream/1" });
    expect(tail.objects.filter(({ type }) => type === "bin")).toHaveLength(60);
    expect(tail.objects.at(-1)).toMatchObject({ type: "end", reason: "completed", bins: 60, hash: pipeline.run.hash });
    expect(tail.stderr).toBe("");
  });

  test("live bins as they are sealed, across a cut, none twice, none lost", async () => {
    pipeline.advance(3);
    const tail = new Tail(engine, pipeline.run.runId);
    await tail.until('"bin":2');
    pipeline.run.cut();
    pipeline.advance(3);
    await tail.until('"bin":5');
    pipeline.run.end("completed");
    expect((await tail.done).code).toBe(0);
    const bins = tail.objects.flatMap(({ type, bin }) => (type === "bin" ? [bin] : []));
    expect(bins).toEqual([0, 1, 2, 3, 4, 5]);
    expect(tail.objects.filter(({ type }) => type === "conn").map(({ state }) => state)).toEqual([
      "reconnecting",
      "connected",
    ]);
    expect(tail.stderr).toMatch(/trying again in 0\.\d s\nflowtime: resumed at e1\.3 after/);
  });

  test("--since goes on after a cursor", async () => {
    pipeline.advance(9);
    const tail = new Tail(engine, pipeline.run.runId, "--since", "e1.6", "--limit", "2");
    expect((await tail.done).code).toBe(0);
    expect(tail.objects.map(({ type, bin }) => (type === "bin" ? bin : type))).toEqual(["hello", 6, 7, "end"]);
  });

  test("a run that fails: exit 3, and why", async () => {
    pipeline.run.state = "failed";
    const tail = new Tail(engine, pipeline.run.runId);
    expect((await tail.done).code).toBe(3);
    expect(tail.stderr).toContain(`${pipeline.run.runId} failed`);
  });

  test("without an end and the tries used up: exit 4, with the cursor to go on from", async () => {
    pipeline.advance(2);
    const tail = new Tail(engine, pipeline.run.runId, "--retries", "0");
    await tail.until('"bin":1');
    pipeline.run.cut();
    expect((await tail.done).code).toBe(4);
    expect(tail.objects.at(-1)).toMatchObject({ type: "end", reason: "lost", bins: 2 });
    expect(tail.stderr).toContain(`go on later: flowtime stream runs ${pipeline.run.runId} --since e1.2`);
  });

  test("a stream that starts over without end: exit 3, with a reason", async () => {
    pipeline.advance(2);
    pipeline.run.script = (_request, response) => {
      pipeline.run.open(response);
      pipeline.run.send(response, "hello", pipeline.run.hello());
      for (let at = 0; at < 10; at++) pipeline.run.send(response, "reset", { reason: "slow" });
    };
    const tail = new Tail(engine, pipeline.run.runId);
    expect((await tail.done).code).toBe(3);
    expect(tail.stderr).toContain("had to start over 6 times");
  });

  test("the reader goes away after one line: exit 0, nothing said", async () => {
    pipeline.advance(240);
    const tail = new Tail(engine, pipeline.run.runId);
    await tail.until('"hello"');
    tail.child.stdout!.destroy();
    pipeline.advance(200);
    expect(await tail.done).toEqual({ code: 0, signal: null });
    expect(tail.stderr).toBe("");
  });

  test("a reader that stalls gets every bin all the same", async () => {
    pipeline.advance(10);
    const tail = new Tail(engine, pipeline.run.runId);
    await tail.until('"bin":9');
    tail.child.stdout!.pause();
    for (let round = 0; round < 20; round++) {
      pipeline.advance(50);
      await new Promise((done) => setImmediate(done));
    }
    tail.child.stdout!.resume();
    await tail.until('"bin":1009');
    pipeline.run.end("completed");
    expect((await tail.done).code).toBe(0);
    expect(tail.objects.filter(({ type }) => type === "bin")).toHaveLength(1010);
  });

  test("SIGTERM ends it by that signal, with whole lines on stdout", async () => {
    pipeline.advance(5);
    const tail = new Tail(engine, pipeline.run.runId);
    await tail.until('"bin":4');
    tail.child.kill("SIGTERM");
    expect(await tail.done).toEqual({ code: null, signal: "SIGTERM" });
    expect(tail.stdout.endsWith("\n")).toBe(true);
    expect(tail.objects.length).toBeGreaterThan(5);
  });

  test("quiet says nothing and answers by exit code", async () => {
    pipeline.advance(5);
    pipeline.run.state = "completed";
    const tail = new Tail(engine, pipeline.run.runId, "--output", "quiet");
    expect((await tail.done).code).toBe(0);
    expect(tail.stdout + tail.stderr).toBe("");
  });
});

describe("wrong use", () => {
  test.each([
    ["an unknown run", "run_none", [], /has no run 'run_none'\n {2}list them: flowtime runs/],
    ["an unknown node", null, ["--node", "bill"], /has no node 'bill'\.\n {2}it has: intake, /],
    ["a cursor that is none", null, ["--since", "yesterday"], /--since must be a cursor/],
    ["a limit of nothing", null, ["--limit", "0"], /--limit must be a whole number from 1/],
    ["retries that are none", null, ["--retries", "many"], /--retries must be a whole number/],
    ["an unknown output", null, ["--output", "html"], /--output/],
    ["a screen in a pipe", null, ["--output", "tui"], /needs a terminal/],
  ] as const)("%s: exit 2, told on stderr, nothing on stdout", async (_name, runId, args, message) => {
    const tail = new Tail(engine, runId ?? pipeline.run.runId, ...args);
    expect((await tail.done).code).toBe(2);
    expect(tail.stderr).toMatch(message);
    expect(tail.stderr).not.toMatch(/\n\s+at /);
    expect(tail.stdout).toBe("");
  });

  test("no engine at the address: exit 4, with what to do", async () => {
    const gone = await FakeEngine.start();
    await gone[Symbol.asyncDispose]();
    const child = spawn(process.execPath, [cli.launcher, "stream", "runs", "run_a", "--engine", "http://127.0.0.1:9"], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    started.push(child);
    let stderr = "";
    child.stderr.on("data", (chunk) => {
      stderr += String(chunk);
    });
    const [code] = await once(child, "close");
    expect(code).toBe(4);
    expect(stderr).toContain("flowtime: ");
  });
});
