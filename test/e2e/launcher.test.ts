import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { BuiltCli, finished, projectRoot, type RunOptions, said } from "../support/built-cli.ts";
import { tempFolder } from "../support/temp-folder.ts";

let cli: BuiltCli;
beforeAll(async () => {
  cli = await BuiltCli.build();
});
afterAll(() => cli[Symbol.dispose]());

/** A runtime of this machine that is older than what the command line needs, null when there is none. */
function oldNode(): string | null {
  const candidates = (process.env.PATH ?? "").split(path.delimiter).map((folder) => path.join(folder, "node"));
  for (const file of ["/usr/bin/node", ...candidates]) {
    if (!existsSync(file)) continue;
    const major = Number(execFileSync(file, ["-p", "process.versions.node.split('.')[0]"], { encoding: "utf8" }));
    if (major < 24) return file;
  }
  return null;
}

/** A runtime that calls itself old, for as long as it has not started another one. */
function pretender(): RunOptions {
  const file = path.join(tempFolder(), "pretend.cjs");
  writeFileSync(
    file,
    `if (process.env.PRETEND_OLD) {
       delete process.env.PRETEND_OLD;
       Object.defineProperty(process, "versions", { value: { ...process.versions, node: "20.1.0" } });
     }`,
  );
  return { env: { PRETEND_OLD: "1", NODE_OPTIONS: `--require=${file}` } };
}

const installed = oldNode();
const runtimes: readonly (readonly [string, () => RunOptions])[] = [
  ["that calls itself old", pretender],
  ...(installed === null ? [] : [["of this machine that is old", () => ({ node: installed })] as const]),
];

describe.each(runtimes)("on a runtime %s", (_name, runtime) => {
  test("the installed one takes over, with arguments, output and exit code", async () => {
    const result = await cli.run(["validate", "nowhere.yaml"], runtime());
    expect(result.stderr).toBe("flowtime: There is no file nowhere.yaml.\n");
    expect(result.code).toBe(2);
    const piped = await cli.run(["validate", "-", "--json"], { ...runtime(), input: "a: [" });
    expect(JSON.parse(piped.stdout)).toMatchObject({ isValid: false });
    expect(piped.code).toBe(1);
  });

  test("signals go through, and death by one is passed on", async () => {
    const child = cli.start(["serve", "--port", "0", "--data", tempFolder()], runtime());
    const end = finished(child);
    await said(child.stderr, /listening on/);
    child.kill("SIGTERM");
    const result = await end;
    expect(result.signal).toBe("SIGTERM");
    expect(result.stderr).toContain("flowtime: stopping");
  });

  test("without an installed one, one line says what to do", async () => {
    const modules = path.join(cli.root, "node_modules");
    rmSync(modules);
    try {
      const result = await cli.run(["--help"], runtime());
      expect(result.stderr).toMatch(
        /^flowtime needs Node\.js 24 or newer, this is \d+\.\d+\.\d+; install it from .*\n$/,
      );
      expect(result.code).toBe(2);
    } finally {
      symlinkSync(path.join(projectRoot, "node_modules"), modules);
    }
  });
});

test("what was not built says how to build it", async () => {
  using bare = await BuiltCli.build();
  rmSync(path.join(bare.root, "dist"), { recursive: true });
  const result = await bare.run(["--help"]);
  expect(result.stderr).toBe("flowtime is not built yet; run: npm run build\n");
  expect(result.code).toBe(2);
});

test("a link to the launcher finds the rest of it", async () => {
  const link = path.join(tempFolder(), "flowtime");
  symlinkSync(cli.launcher, link);
  const text = execFileSync(process.execPath, [link, "help", "exit-codes"], { encoding: "utf8" });
  expect(text).toMatch(/^Exit codes:\n/);
});

test("the launcher's syntax is that of Node 14", () => {
  const text = readFileSync(path.join(projectRoot, "bin/flowtime.js"), "utf8");
  // Newer than Node 14: logical assignment, class fields, top-level await, private names, `node:` in the first releases.
  expect(text).not.toMatch(/\?\?=|\|\|=|&&=|^await |\s#[a-z]+\b|from "node:|require\("node:/m);
});

describe("the start", () => {
  /** Modules that are loaded before a command is known: the entry and what it imports statically. */
  function staticModules(): Map<string, readonly string[]> {
    const found = new Map<string, readonly string[]>();
    const pending = [path.join(cli.root, "dist/cli/main.js")];
    for (let file = pending.pop(); file !== undefined; file = pending.pop()) {
      if (found.has(file)) continue;
      const text = readFileSync(file, "utf8");
      const imports = [...text.matchAll(/^(?:import|export)\b[^"';]*?(?:from )?"([^"]+)";?$/gm)].map(
        (match) => match[1]!,
      );
      found.set(file, imports);
      for (const name of imports) if (name.startsWith(".")) pending.push(path.resolve(path.dirname(file), name));
    }
    return found;
  }

  test("loads no package and no built-in module beyond what Node has loaded itself", () => {
    const modules = staticModules();
    expect(modules.size).toBeLessThan(10);
    const outside = [...modules.values()].flat().filter((name) => !name.startsWith("."));
    expect(outside.filter((name) => name !== "node:path")).toEqual([]);
  });

  test("--help is on stdout, with examples, for every command", async () => {
    const top = await cli.run(["--help"]);
    expect(top.code).toBe(0);
    expect(top.stdout).toContain("Examples:");
    for (const command of ["serve", "ingest", "run", "checkpoint", "runs", "validate", "stream runs"]) {
      const asked = await cli.run([...command.split(" "), "--help"]);
      const helped = await cli.run(["help", ...command.split(" ")]);
      expect(asked.stdout).toContain(`Usage: flowtime ${command}`);
      expect(asked.stdout).toContain(`Examples:\n  `);
      expect(asked.stdout).toContain("--data <dir>");
      expect(helped.stdout).toBe(asked.stdout);
      expect([asked.code, asked.stderr]).toEqual([0, ""]);
    }
  });

  test("no arguments, and FlowTime's ways to ask, are help as well", async () => {
    const { stdout } = await cli.run(["--help"]);
    for (const args of [[], ["-h"], ["/?"], ["help"]]) {
      const result = await cli.run(args);
      expect([result.code, result.stdout]).toEqual([0, stdout]);
    }
    const folder = tempFolder();
    writeFileSync(path.join(folder, "m.yaml"), "a: [");
    expect((await cli.run(["RUN", path.join(folder, "m.yaml")])).code).toBe(1);
  });
});

test("--debug shows where an error came from, nothing else does", async () => {
  const plain = await cli.run(["validate", "nowhere.yaml"]);
  const debug = await cli.run(["validate", "nowhere.yaml", "--debug"]);
  expect(plain.stderr).not.toContain("    at ");
  expect(debug.stderr).toContain("    at ");
  expect(debug.stderr).toContain("caused by Error: ENOENT");
});

test("output that is longer than a pipe holds is whole", async () => {
  const folder = tempFolder();
  const nodes = Array.from({ length: 3_000 }, (_, index) => `  - id: n${index}\n    kind: exprr\n    expr: "1"\n`);
  const head = "schemaVersion: 1\ngrid:\n  bins: 1\n  binSize: 1\n  binUnit: hours\nnodes:\n";
  writeFileSync(path.join(folder, "m.yaml"), head + nodes.join(""));
  const result = await cli.run(["validate", path.join(folder, "m.yaml"), "--json"]);
  expect(result.stdout.length).toBeGreaterThan(2 * 64 * 1024);
  expect(JSON.parse(result.stdout).errors.length).toBeGreaterThan(500);
});
