import { appendFileSync, cpSync, existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { BuiltCli, type Finished, projectRoot } from "../support/built-cli.ts";
import { describeWithReference } from "../support/reference.ts";
import { tempFolder } from "../support/temp-folder.ts";
import { writeZip, zip, zipEntries } from "../support/zip.ts";

const PIPELINE = path.join(projectRoot, "fixtures/bundles/order-pipeline");
const HELLO = path.join(projectRoot, "fixtures/models/hello.yaml");

let cli: BuiltCli;
beforeAll(async () => {
  cli = await BuiltCli.build();
});
afterAll(() => cli[Symbol.dispose]());

async function ok(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Finished> {
  const result = await cli.run(args, { env });
  if (result.code !== 0) throw new Error(`exit ${result.code}: ${result.stdout}${result.stderr}`);
  return result;
}

/** The run folder of the order pipeline, fed to a live run. */
async function liveFolder(data: string): Promise<string> {
  return (await ok(["ingest", PIPELINE, "--data", data])).stdout.trim();
}

async function batchFolder(data: string): Promise<string> {
  await ok(["run", HELLO, "--out", data, "--deterministic-run-id"]);
  return path.join(data, readdirSync(data).find((name) => name.startsWith("run_deterministic_"))!);
}

function objectsOf(text: string): Record<string, unknown>[] {
  return text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
}

/** What happened, without what is of this run alone. */
function eventsOf({ stdout }: Finished): Record<string, unknown>[] {
  return objectsOf(stdout)
    .filter(({ type }) => type === "bin" || type === "warning" || type === "end")
    .map(({ runId: _, ...event }) => event);
}

describe("a run folder", () => {
  test("of a live run is sound, replays to the same hash, and shows the same events at any speed", async () => {
    const data = tempFolder();
    const folder = await liveFolder(data);
    expect((await ok(["verify", folder, "--replay"])).stdout).toMatch(
      /sound.*\n.*21 series and the hash chain equal in 48 bins/,
    );
    const fast = await ok(["replay", path.basename(folder), "--data", data]);
    expect(fast.stderr).toContain("the hash is that of the original run");
    const events = eventsOf(fast);
    expect(events.filter(({ type }) => type === "bin")).toHaveLength(48);
    expect(eventsOf(await ok(["replay", folder, "--data", tempFolder(), "--speed", "100"]))).toEqual(events);
  });

  test("of a model alone replays bin by bin to the same series", async () => {
    const [data, other] = [tempFolder(), tempFolder()];
    const folder = await batchFolder(data);
    const { stdout } = await ok(["replay", folder, "--data", other, "--output", "quiet"]);
    const again = stdout.trim();
    for (const name of readdirSync(path.join(folder, "series")).filter((file) => file.endsWith(".csv"))) {
      expect(
        readFileSync(path.join(again, "series", name)).equals(readFileSync(path.join(folder, "series", name))),
      ).toBe(true);
    }
    await ok(["verify", again, "--replay"]);
  });

  test("with a changed value is not sound: exit code 1, with file, bin and both values", async () => {
    const folder = await batchFolder(tempFolder());
    appendFileSync(path.join(folder, "series/served@SERVED@DEFAULT.csv"), "4,99\n");
    const result = await cli.run(["verify", folder, "--replay"]);
    expect(result.code).toBe(1);
    expect(result.stdout).toContain("series/served@SERVED@DEFAULT.csv: bin 4: stored 99, evaluated again nothing");
    const json = JSON.parse((await cli.run(["verify", folder, "--json"])).stdout);
    expect(json).toMatchObject({ isSound: false, problems: [{ path: "series/served@SERVED@DEFAULT.csv" }, {}, {}] });
  });

  test("is exported to its own folder, to a file, and to stdout", async () => {
    const data = tempFolder();
    const folder = await batchFolder(data);
    expect((await ok(["export", folder])).stdout.trim()).toBe(path.join(folder, "aggregates/export.csv"));
    const named = path.join(data, "deep/x.parquet");
    await ok(["export", path.basename(folder), "--data", data, "--format", "parquet", "--output", named]);
    expect(readFileSync(named).subarray(0, 4).toString()).toBe("PAR1");
    const { stdout } = await ok(["export", folder, "--format", "ndjson", "--output", "-"]);
    expect(objectsOf(stdout.slice(1))[0]).toMatchObject({
      component_id: expect.any(String),
      value: expect.any(Number),
    });
  });

  test("that is not there is said, with exit code 2", async () => {
    for (const command of ["verify", "export", "replay"]) {
      const { code, stderr, stdout } = await cli.run([command, "nowhere"]);
      expect([code, stdout]).toEqual([2, ""]);
      expect(stderr).toContain("nowhere");
    }
  });
});

describe("artifacts", () => {
  test("are imported from an archive, listed, and found through FLOWTIME_DATA_DIR", async () => {
    const [scratch, data] = [tempFolder(), tempFolder()];
    const folder = await batchFolder(scratch);
    const archive = writeZip(scratch, await zip(zipEntries(folder, "run")));
    const imported = (await ok(["artifacts", "import", archive, "--data-dir", data])).stdout.trim();
    expect(imported).toBe(path.join(data, path.basename(folder)));
    await ok(["verify", imported, "--replay"]);
    const { stdout } = await ok(["artifacts", "list"], { FLOWTIME_DATA_DIR: data });
    expect(stdout).toContain(path.basename(folder));
    expect(stdout).toMatch(/\n\nTotal: 1 artifacts \(showing 1\)\n$/);
    expect(existsSync(path.join(data, "registry-index.json"))).toBe(true);
    // Flags come before the environment.
    const elsewhere = await ok(["artifacts", "list", "--data-dir", tempFolder()], { FLOWTIME_DATA_DIR: data });
    expect(elsewhere.stdout).toBe("No artifacts found.\n");
    const none = await ok(["artifacts", "list", "--data", data, "--template-id", "other", "--json"]);
    expect(JSON.parse(none.stdout)).toEqual({ artifacts: [], total: 0, count: 0 });
  });

  test("of a folder that does not exist: exit code 1; damaged ones are not imported: exit code 2", async () => {
    expect((await cli.run(["artifacts", "list", "--data-dir", "/nowhere"])).code).toBe(1);
    expect((await cli.run(["artifacts", "list", "--limit", "0"])).code).toBe(2);
    const [scratch, data] = [tempFolder(), tempFolder()];
    const folder = path.join(scratch, "copy");
    cpSync(await batchFolder(scratch), folder, { recursive: true });
    appendFileSync(path.join(folder, "spec.yaml"), "more: 1\n");
    const { code, stderr } = await cli.run(["artifacts", "import", folder, "--data", data]);
    expect([code, readdirSync(data).filter((name) => name.startsWith("run_"))]).toEqual([2, []]);
    expect(stderr).toMatch(/^flowtime: It is not imported: spec\.yaml: /);
  });
});

describeWithReference("FlowTime's run folders", (root) => {
  const runs = path.join(root, "golden/http/runs");

  test.each([
    ["run_bad_json", /run\.json in .* is not JSON/],
    ["run_no_runjson", /run\.json not found/],
    ["not-a-run", /has no model\.yaml/],
  ])("%s: a replay is refused before anything is started", async (name, says) => {
    const data = tempFolder();
    const { code, stdout, stderr } = await cli.run(["replay", path.join(runs, name), "--data", data]);
    expect([code, stdout, readdirSync(data)]).toEqual([2, "", []]);
    expect(stderr).toMatch(says);
  });

  test("a simulation and a telemetry run replay as live runs", async () => {
    for (const prefix of ["run_rnd-1006_", "run_rnd-1002_"]) {
      const name = readdirSync(runs).find((folder) => folder.startsWith(prefix))!;
      const { stdout } = await ok(["replay", path.join(runs, name), "--data", tempFolder()]);
      expect(objectsOf(stdout).at(-1)).toMatchObject({ type: "end", reason: "completed" });
    }
  });
});
