import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import type { CaptureContent } from "../../../src/protocol/capture.ts";
import { type CaptureOptions, type CaptureSource, captureRun } from "../../../src/snapshot/capture.ts";
import { readCaptureModel } from "../../../src/snapshot/capture-bindings.ts";
import { captureSourceOfFolder } from "../../../src/snapshot/capture-folder.ts";
import { writeCapture } from "../../../src/snapshot/capture-writer.ts";
import { writeSmallRun } from "../../support/small-run.ts";
import { tempFolder } from "../../support/temp-folder.ts";

const NOW = "2026-03-01T00:00:00.0000000Z";

interface Sketch {
  readonly spec: string;
  readonly rows: Readonly<Record<string, readonly (number | null)[]>>;
  readonly points?: number;
  readonly binUnit?: string;
}

/** A run of nothing but a spec and rows by series id. */
function source({ spec, rows, points = 3, binUnit = "hours" }: Sketch): CaptureSource {
  return {
    model: readCaptureModel(spec),
    grid: { bins: 3, binSize: 2, binUnit },
    index: Object.keys(rows).map((id) => ({ id, class: id.split("@")[2]!, points })),
    provenance: { runId: "run_x", scenarioHash: "sha256:s", modelHash: null },
    templateId: "desk",
    templateVersion: "1.0.0",
    parameters: {},
    rngSeed: 123,
    rows: ({ id }) => rows[id]!,
  };
}

async function capture(sketch: Sketch, options: Partial<CaptureOptions> = {}) {
  const files = new Map<string, string>();
  const run = captureRun(source(sketch), { now: () => NOW, ...options });
  for (;;) {
    const next = await run.next();
    if (next.done === true) {
      return { files, content: next.value, manifest: JSON.parse(files.get("manifest.json")!) };
    }
    files.set(next.value.path, Buffer.from(next.value.bytes).toString("utf8"));
  }
}

const DESK = `grid: {start: 2026-03-01}
classes: [{id: gold}, {id: DEFAULT}]
topology:
  nodes:
    - id: Front Desk
      semantics: {arrivals: file:../series/calls@CALLS@DEFAULT.csv, served: done, capacity: "", queueDepth: nowhere}
`;

describe("a capture of a run", () => {
  test("names files by node and metric, or by the alias of the output, and classes behind that", async () => {
    const { files, manifest, content } = await capture({
      spec: `${DESK}outputs: [{series: DONE, as: "out/done.csv"}]`,
      rows: { "calls@CALLS@DEFAULT": [1, 2, 3], "calls@CALLS@gold": [1, 1, 1], "done@DONE@DEFAULT": [0.1, -0, 1e21] },
    });
    expect([...files.keys()]).toEqual([
      "Front_Desk_arrivals.csv",
      "Front_Desk_arrivals_gold.csv",
      "out/done.csv",
      "autocapture.json",
      "manifest.json",
    ]);
    expect(files.get("out/done.csv")).toBe(
      "bin_index,classId,value\n0,DEFAULT,0.10000000000000001\n1,DEFAULT,-0\n2,DEFAULT,1E+21\n",
    );
    expect(files.get("Front_Desk_arrivals_gold.csv")).toContain("\n2,gold,1\n");
    expect(manifest).toMatchObject({
      schemaVersion: 2,
      window: { startTimeUtc: "2026-03-01", durationMinutes: 360 },
      supportsClassMetrics: true,
      classes: ["gold"],
      classCoverage: "full",
    });
    expect(content).toMatchObject({ runId: "run_x", classes: ["gold"], warnings: [] });
    expect(manifest.files.map((file: { nodeId: string }) => file.nodeId)).toEqual([
      "Front Desk",
      "Front Desk",
      "Front Desk",
    ]);
  });

  test("weeks have no duration, and a start that nobody wrote is left out", async () => {
    const { manifest } = await capture({ spec: "grid: {}", rows: {}, binUnit: "weeks" });
    expect(manifest.window).toEqual({});
    expect(manifest.files).toEqual([]);
    expect(manifest).not.toHaveProperty("classes");
  });

  test("without topology, the names of outputs tell node and metric", async () => {
    const { manifest } = await capture({
      spec: "outputs: [{series: a, as: desk_queue_depth}, {series: b_SERVED}, {series: c, as: other}]",
      rows: { "a@A@DEFAULT": [1], "b_SERVED@B@DEFAULT": [1], "c@C@DEFAULT": [1] },
    });
    expect(manifest.files).toMatchObject([
      { nodeId: "desk", metric: "QueueDepth", path: "desk_queue_depth.csv" },
      { nodeId: "b", metric: "Served", path: "b_SERVED.csv" },
    ]);
  });

  test.each([
    ["ignore", false, ["1", "", "NaN", "Infinity"], ["nan_detected 2", "nan_detected 3"]],
    ["warn", false, ["1", "", "NaN", "Infinity"], ["data_gap 1", "nan_detected 2", "nan_detected 3"]],
    ["zero", false, ["1", "0", "NaN", "Infinity"], ["data_gap 1", "nan_detected 2", "nan_detected 3"]],
    ["ignore", true, ["1", "", "0", "0"], ["nan_fill 2", "nan_fill 3"]],
    ["zero", true, ["1", "0", "0", "0"], ["data_gap 1", "nan_fill 2", "nan_fill 3"]],
  ] as const)("gaps %s, NaN filled: %s", async (gaps, fillNan, cells, codes) => {
    const rows = { "done@DONE@DEFAULT": [1, null, Number.NaN, Number.POSITIVE_INFINITY] };
    const { files, content } = await capture({ spec: DESK, rows, points: 4 }, { gaps, fillNan });
    const lines = files.get("Front_Desk_served.csv")!.trimEnd().split("\n").slice(1);
    expect(lines.map((line) => line.split(",")[2])).toEqual(cells);
    expect(content.warnings.map(({ code, bins }) => `${code} ${bins}`)).toEqual(codes);
    expect(content.warnings.at(-1)?.message).toMatch(/NaN\/∞ at bin 3 for Front Desk:Served\.$/);
  });

  test("a series of another length is told and kept", async () => {
    const { content, manifest } = await capture({ spec: DESK, rows: { "done@DONE@DEFAULT": [1, 2] } });
    expect(content.warnings).toEqual([
      { code: "length_mismatch", message: "Series 'done@DONE@DEFAULT.csv' contained 2 points but expected 3." },
    ]);
    expect(manifest.warnings[0]).toEqual({ ...content.warnings[0], severity: "warning" });
  });

  test.each(["../../etc/cron", "/etc/cron", "a\\b", "a/../b"])(
    "an alias that leads out (%s) is refused",
    async (alias) => {
      const sketch = { spec: `${DESK}outputs: [{series: done, as: '${alias}'}]`, rows: { "done@DONE@DEFAULT": [1] } };
      await expect(capture(sketch)).rejects.toMatchObject({ code: "id_unsafe" });
    },
  );

  test("two series for one file are refused, one series in two roles is one file", async () => {
    const spec = `${DESK}outputs: [{series: done, as: x}, {series: calls, as: X}]`;
    const rows = { "done@DONE@DEFAULT": [1, 1, 1], "calls@CALLS@DEFAULT": [2, 2, 2] };
    await expect(capture({ spec, rows })).rejects.toMatchObject({ code: "path_collision" });

    const twice = "topology: {nodes: [{id: A, semantics: {arrivals: s, served: s}}]}\noutputs: [{series: s, as: same}]";
    const { files, manifest } = await capture({ spec: twice, rows: { "s@S@DEFAULT": [1, 1, 1] } });
    expect([...files.keys()]).toEqual(["same.csv", "autocapture.json", "manifest.json"]);
    expect(manifest.files).toHaveLength(2);
  });
});

describe("a stored run as source", () => {
  const MODEL = `schemaVersion: 1
grid: {bins: 3, binSize: 1, binUnit: hours, start: "2026-03-01T00:00:00Z"}
nodes:
- {id: a, kind: const, values: [1, 2.5, 0]}
topology: {nodes: [{id: A, semantics: {arrivals: a, served: a}}], edges: []}
`;

  async function rowsOf(text: string | null): Promise<ArrayLike<number | null>> {
    const folder = await writeSmallRun(tempFolder(), { modelText: MODEL });
    const file = path.join(folder, "series/a@A@DEFAULT.csv");
    if (text === null)
      writeFileSync(path.join(folder, "series/index.json"), readIndex(folder).replaceAll("a@A@", "b@B@"));
    else writeFileSync(file, text);
    const read = await captureSourceOfFolder(folder);
    return read.rows(read.index[0]!);
  }

  function readIndex(folder: string): string {
    return readFileSync(path.join(folder, "series/index.json"), "utf8");
  }

  test("reads what FlowTime reads: any header, thousands, words, blanks", async () => {
    const rows = await rowsOf("\ufeffwhatever\r\n0, 1,234.5 \r\n\r\n1,\n2,nan\n3,-Infinity\n4,1e999\n");
    expect(rows).toEqual([1234.5, null, Number.NaN, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY]);
  });

  test.each([
    ["h\n0;1\n", "Invalid CSV row '0;1'"],
    ["h\n0,x\n", "Unable to parse value 'x'"],
    ["h\n0,0x1F\n", "Unable to parse value '0x1F'"],
    ["", "is empty"],
    [null, "Series file not found"],
  ])("refuses %j", async (text, message) => {
    await expect(rowsOf(text)).rejects.toMatchObject({
      code: "run_folder_unreadable",
      message: expect.stringContaining(message),
    });
  });

  test("a folder that is none, or lacks spec.yaml, is refused by name", async () => {
    const folder = tempFolder();
    await expect(captureSourceOfFolder(path.join(folder, "x"))).rejects.toThrow(/Run directory '.*x' was not found/);
    await expect(captureSourceOfFolder(folder)).rejects.toMatchObject({ code: "run_folder_unreadable" });
  });
});

describe("writing a capture", () => {
  const SKETCH = { spec: DESK, rows: { "done@DONE@DEFAULT": [1, 2, 3] } };
  const files = (directory: string) => readdirSync(directory, { recursive: true }).map(String).sort();
  const fresh = (sketch: Sketch = SKETCH) => captureRun(source(sketch), { now: () => NOW });

  test("leaves nothing of itself but the capture, and what was there stays", async () => {
    const directory = path.join(tempFolder(), "deep/capture");
    mkdirSync(directory, { recursive: true });
    writeFileSync(path.join(directory, "notes.txt"), "mine");
    await writeCapture(fresh(), { directory, manifestCopy: "telemetry-manifest.json" });
    expect(files(directory)).toEqual([
      "Front_Desk_served.csv",
      "autocapture.json",
      "manifest.json",
      "notes.txt",
      "telemetry-manifest.json",
    ]);
    const [manifest, copy] = ["manifest.json", "telemetry-manifest.json"].map((name) =>
      readFileSync(path.join(directory, name), "utf8"),
    );
    expect(copy).toBe(manifest);
  });

  test("an earlier capture is replaced only when that is asked for, and only its own files go", async () => {
    const directory = tempFolder();
    const first = { ...SKETCH, spec: `${DESK}outputs: [{series: done, as: old}]` };
    await writeCapture(fresh(first), { directory });
    writeFileSync(path.join(directory, "notes.csv"), "mine");
    await expect(writeCapture(fresh(), { directory })).rejects.toMatchObject({ code: "capture_exists" });
    expect(files(directory)).toEqual(["autocapture.json", "manifest.json", "notes.csv", "old.csv"]);
    await writeCapture(fresh(), { directory, overwrite: true });
    expect(files(directory)).toEqual(["Front_Desk_served.csv", "autocapture.json", "manifest.json", "notes.csv"]);
  });

  test("a manifest that lists files elsewhere removes nothing elsewhere", async () => {
    const root = tempFolder();
    const directory = path.join(root, "capture");
    mkdirSync(directory);
    writeFileSync(path.join(root, "precious.csv"), "mine");
    writeFileSync(path.join(directory, "manifest.json"), '{"files":[{"path":"../precious.csv"},{"path":7},null]}');
    await writeCapture(fresh(), { directory, overwrite: true });
    expect(readFileSync(path.join(root, "precious.csv"), "utf8")).toBe("mine");
  });

  test("a capture that fails half way leaves no folder, and an earlier one untouched", async () => {
    async function* failing(): AsyncGenerator<{ path: string; bytes: Uint8Array }, CaptureContent> {
      yield { path: "a.csv", bytes: Buffer.from("x") };
      throw new Error("cut off");
    }
    const root = tempFolder();
    const directory = path.join(root, "a/b");
    await expect(writeCapture(failing(), { directory })).rejects.toThrow("cut off");
    expect(existsSync(path.join(root, "a"))).toBe(false);
    await writeCapture(fresh(), { directory });
    const before = files(directory);
    await expect(writeCapture(failing(), { directory, overwrite: true })).rejects.toThrow("cut off");
    expect(files(directory)).toEqual(before);
  });

  test("a file name from elsewhere that leads out is refused", async () => {
    async function* hostile(): AsyncGenerator<{ path: string; bytes: Uint8Array }, CaptureContent> {
      yield { path: "../out.csv", bytes: Buffer.from("x") };
      throw new Error("not reached");
    }
    const root = tempFolder();
    await expect(writeCapture(hostile(), { directory: path.join(root, "c") })).rejects.toMatchObject({
      code: "id_unsafe",
    });
    expect(readdirSync(root)).toEqual([]);
  });

  test("a folder that cannot be made is said so", async () => {
    const file = path.join(tempFolder(), "file");
    writeFileSync(file, "");
    await expect(writeCapture(fresh(), { directory: path.join(file, "x") })).rejects.toMatchObject({
      code: "run_folder_access_denied",
    });
  });
});
