import { readdirSync, symlinkSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { type ReadBundleOptions, readBundle, readBundleModel } from "../../../src/ingest/bundle.ts";
import { BundleError } from "../../../src/ingest/bundle-error.ts";
import { bundleFrames } from "../../../src/ingest/bundle-frames.ts";
import { BundleBuilder } from "../../support/bundle-folder.ts";
import { describeWithReference } from "../../support/reference.ts";
import { tempFolder } from "../../support/temp-folder.ts";

const ORDERS = { nodeId: "Orders", metric: "Arrivals", path: "orders.csv" };

function bundle(): BundleBuilder {
  return new BundleBuilder(tempFolder()).write("model.yaml", "schemaVersion: 1\n");
}

async function refusal(dir: string, options?: ReadBundleOptions): Promise<BundleError> {
  try {
    await readBundle(dir, options);
  } catch (error) {
    if (error instanceof BundleError) return error;
    throw error;
  }
  throw new Error("the bundle was taken");
}

async function framesOf(dir: string, options?: ReadBundleOptions) {
  return [...bundleFrames(await readBundle(dir, options))];
}

describe("a bundle with a manifest", () => {
  test("becomes frames bin by bin, the metrics of a node together", async () => {
    const made = bundle()
      .csv("a.csv", [1, 2])
      .csv("s.csv", [0.5, "-0"])
      .csv("q.csv", [7, 8])
      .manifest(
        [
          { nodeId: "Orders", metric: "Arrivals", path: "a.csv" },
          { nodeId: "Billing", metric: "queuedepth", path: "q.csv" },
          { nodeId: "Orders", metric: "Served", path: "s.csv" },
        ],
        2,
      );
    const read = await readBundle(made.dir);
    expect(read.grid).toEqual({ bins: 2, binSize: 5, binUnit: "minutes", start: null });
    expect(read.bindings).toEqual([
      { nodeId: "Orders", metric: "arrivals" },
      { nodeId: "Billing", metric: "queueDepth" },
      { nodeId: "Orders", metric: "served" },
    ]);
    expect([...bundleFrames(read)]).toEqual([
      { type: "telemetry", binIndex: 0, nodeId: "Orders", metrics: { arrivals: 1, served: 0.5 } },
      { type: "telemetry", binIndex: 0, nodeId: "Billing", metrics: { queueDepth: 7 } },
      { type: "telemetry", binIndex: 1, nodeId: "Orders", metrics: { arrivals: 2, served: -0 } },
      { type: "telemetry", binIndex: 1, nodeId: "Billing", metrics: { queueDepth: 8 } },
      { type: "end" },
    ]);
  });

  test("of version 1: names in any case, no classes, metrics by number", async () => {
    const made = bundle().write("o.csv", "BIN_INDEX,Value\r\n1,2\r\n0,1\r\n");
    made.write(
      "manifest.json",
      `\uFEFF${JSON.stringify({ SchemaVersion: 1, Grid: { Bins: 2, BinSize: 1, BinUnit: "Hours" }, Window: { StartTimeUtc: "2026-01-05T00:00:00Z" }, Files: [{ NodeId: "N", Metric: 3, Path: "o.csv", Hash: made.hashOf("o.csv").toUpperCase().replace("SHA256", "sha256") }] })}`,
    );
    const read = await readBundle(made.dir);
    expect(read.bindings).toEqual([{ nodeId: "N", metric: "externalDemand" }]);
    expect(read.grid).toEqual({ bins: 2, binSize: 1, binUnit: "hours", start: "2026-01-05T00:00:00Z" });
    expect([...(read.series[0]?.cells ?? [])]).toEqual([
      [1, 2],
      [0, 1],
    ]);
  });

  test("may list one file in two roles", async () => {
    const made = bundle()
      .csv("a.csv", [4])
      .manifest(
        [ORDERS, { ...ORDERS, metric: "Served" }, ORDERS].map((entry) => ({ ...entry, path: "a.csv" })),
        1,
      );
    expect(await framesOf(made.dir)).toEqual([
      { type: "telemetry", binIndex: 0, nodeId: "Orders", metrics: { arrivals: 4, served: 4 } },
      { type: "end" },
    ]);
  });

  test("keeps a class that is not DEFAULT", async () => {
    const made = bundle()
      .csv("a.csv", [4])
      .csv("g.csv", [3])
      .manifest(
        [
          { ...ORDERS, path: "a.csv", classId: "default" },
          { ...ORDERS, path: "g.csv", classId: "Gold" },
        ],
        1,
      );
    expect((await readBundle(made.dir)).bindings).toEqual([
      { nodeId: "Orders", metric: "arrivals" },
      { nodeId: "Orders", metric: "arrivals", classId: "Gold" },
    ]);
    expect((await framesOf(made.dir)).slice(0, 2)).toEqual([
      { type: "telemetry", binIndex: 0, nodeId: "Orders", metrics: { arrivals: 4 } },
      { type: "telemetry", binIndex: 0, nodeId: "Orders", classId: "Gold", metrics: { arrivals: 3 } },
    ]);
    const computed = await readBundle(made.dir, { computesClasses: true });
    expect(computed.bindings).toEqual([{ nodeId: "Orders", metric: "arrivals" }]);
    expect(computed.warnings).toEqual([
      "The model assigns classes itself (traffic.arrivals): of the bundle 1 file of a class is not fed.",
    ]);
  });
});

describe("gaps", () => {
  test("an empty value is a cell without a value; a bin without a row is no cell, and a watermark lets it pass", async () => {
    const made = bundle().csv("orders.csv", [1, "", undefined, "NaN", "-infinity"]).manifest([ORDERS], 6);
    expect(await framesOf(made.dir)).toEqual([
      { type: "telemetry", binIndex: 0, nodeId: "Orders", metrics: { arrivals: 1 } },
      { type: "telemetry", binIndex: 1, nodeId: "Orders", metrics: { arrivals: null } },
      { type: "watermark", binIndex: 2 },
      { type: "telemetry", binIndex: 3, nodeId: "Orders", metrics: { arrivals: "NaN" } },
      { type: "telemetry", binIndex: 4, nodeId: "Orders", metrics: { arrivals: "-Infinity" } },
      { type: "watermark", binIndex: 5 },
      { type: "end" },
    ]);
  });

  test("a bin with some of its cells sends those and then the watermark", async () => {
    const made = bundle()
      .csv("a.csv", [1])
      .csv("b.csv", [])
      .manifest(
        [
          { ...ORDERS, path: "a.csv" },
          { ...ORDERS, metric: "Served", path: "b.csv" },
        ],
        1,
      );
    expect(await framesOf(made.dir)).toEqual([
      { type: "telemetry", binIndex: 0, nodeId: "Orders", metrics: { arrivals: 1 } },
      { type: "watermark", binIndex: 0 },
      { type: "end" },
    ]);
  });
});

test("numbers are read as FlowTime reads them", async () => {
  const texts = ["1e3", " 7 ", '"1,234.5"', "+.5", "1E999", "-0", "5."];
  const made = bundle().csv("orders.csv", texts).manifest([ORDERS]);
  const [series] = (await readBundle(made.dir)).series;
  expect([...(series?.cells.values() ?? [])]).toEqual([1000, 7, 1234.5, 0.5, "Infinity", -0, 5]);
});

describe("what is refused, with file and line", () => {
  test.each<[string, string, string, (made: BundleBuilder) => unknown]>([
    [
      "changed CSV",
      "hash_mismatch",
      "orders.csv",
      (made) => made.csv("orders.csv", [1]).manifest([ORDERS]).csv("orders.csv", [2]),
    ],
    ["missing CSV", "csv_missing", "orders.csv", (made) => made.manifest([{ ...ORDERS, hash: null }])],
    ["empty CSV", "csv_malformed", "orders.csv is empty", (made) => made.write("orders.csv", "").manifest([ORDERS])],
    [
      "wrong header",
      "csv_malformed",
      "orders.csv:1: the header is 't,value'",
      (made) => made.write("orders.csv", "t,value\n0,1\n").manifest([ORDERS]),
    ],
    [
      "too few fields",
      "csv_malformed",
      "orders.csv:3",
      (made) => made.write("orders.csv", "bin_index,classId,value\n0,DEFAULT,1\n1,2\n").manifest([ORDERS]),
    ],
    [
      "too many fields",
      "csv_malformed",
      "orders.csv:2",
      (made) => made.write("orders.csv", "bin_index,value\n0,1,2\n").manifest([ORDERS]),
    ],
    [
      "value that is no number",
      "csv_malformed",
      "orders.csv:4: the value 'many'",
      (made) => made.write("orders.csv", "bin_index,value\n\n0,1\n1,many\n").manifest([ORDERS]),
    ],
    ["hexadecimal value", "csv_malformed", "'0x1f'", (made) => made.csv("orders.csv", ["0x1f"]).manifest([ORDERS])],
    [
      "bin that is no number",
      "csv_malformed",
      "'first'",
      (made) => made.write("orders.csv", "bin_index,value\nfirst,1\n").manifest([ORDERS]),
    ],
    [
      "open quote",
      "csv_malformed",
      "orders.csv:",
      (made) => made.write("orders.csv", 'bin_index,value\n0,"1\n').manifest([ORDERS]),
    ],
    [
      "second row of a bin",
      "duplicate_bin",
      "orders.csv:3: bin 0",
      (made) => made.write("orders.csv", "bin_index,value\n0,1\n0,1\n").manifest([ORDERS]),
    ],
    [
      "bin beyond the grid",
      "bin_out_of_range",
      "orders.csv:3: bin 1 is out of range (0 to 0)",
      (made) => made.csv("orders.csv", [1, 2]).manifest([ORDERS], 1),
    ],
    [
      "bin before the grid",
      "bin_out_of_range",
      "bin -1",
      (made) => made.write("orders.csv", "bin_index,value\n-1,1\n").manifest([ORDERS]),
    ],
    [
      "path out of the folder",
      "path_outside_bundle",
      "'../orders.csv'",
      (made) => made.manifest([{ ...ORDERS, path: "../orders.csv", hash: null }]),
    ],
    [
      "absolute path",
      "path_outside_bundle",
      "'/etc/hostname'",
      (made) => made.manifest([{ ...ORDERS, path: "/etc/hostname", hash: null }]),
    ],
    [
      "manifest that is no JSON",
      "manifest_malformed",
      "is not JSON",
      (made) => made.write("manifest.json", '{"files": ['),
    ],
    ["manifest that is a list", "manifest_malformed", "not a JSON object", (made) => made.write("manifest.json", "[]")],
    [
      "unknown metric",
      "manifest_malformed",
      '"Latency"',
      (made) => made.manifest([{ ...ORDERS, metric: "Latency", hash: null }]),
    ],
    [
      "file without path",
      "manifest_malformed",
      "files[0] has no 'path'",
      (made) => made.write("manifest.json", '{"files":[{"nodeId":"N","metric":"Served"}]}'),
    ],
    [
      "hash of another kind",
      "manifest_malformed",
      '"md5:abc"',
      (made) => made.manifest([{ ...ORDERS, hash: "md5:abc" }]),
    ],
    [
      "role with two files",
      "manifest_malformed",
      "'a.csv' and with 'b.csv'",
      (made) =>
        made.manifest([
          { ...ORDERS, path: "a.csv", hash: null },
          { ...ORDERS, nodeId: "ORDERS", path: "b.csv", hash: null },
        ]),
    ],
  ])("%s", async (_, code, words, build) => {
    const made = bundle();
    build(made);
    const error = await refusal(made.dir);
    expect(error.code).toBe(code);
    expect(error.message).toContain(words);
  });

  test("a link that leads out of the folder", async () => {
    const made = bundle().manifest([{ ...ORDERS, hash: null }]);
    const elsewhere = new BundleBuilder(tempFolder()).csv("orders.csv", [1]);
    symlinkSync(path.join(elsewhere.dir, "orders.csv"), path.join(made.dir, "orders.csv"));
    expect((await refusal(made.dir)).code).toBe("path_outside_bundle");
  });

  test("no folder, and no model", async () => {
    const dir = tempFolder();
    expect((await refusal(path.join(dir, "nowhere"))).code).toBe("bundle_not_found");
    await expect(readBundleModel(dir)).rejects.toMatchObject({ code: "model_missing" });
  });
});

describe("without a manifest", () => {
  const conventions = [
    { binding: "orders", path: "orders.csv" },
    { binding: { nodeId: "Billing", metric: "served" }, path: "Billing_served.csv" },
    { binding: "absent", path: "absent.csv" },
  ];

  test("the names of the files decide", async () => {
    const made = bundle().csv("orders.csv", [1]).csv("Billing_served.csv", [2]).csv("other.csv", [3]);
    expect(await framesOf(made.dir, { conventions })).toEqual([
      { type: "telemetry", binIndex: 0, nodeId: "Billing", metrics: { served: 2 } },
      { type: "telemetry", binIndex: 0, seriesId: "orders", value: 1 },
      { type: "end" },
    ]);
  });

  test("the model's grid says how many bins there are", async () => {
    const made = bundle().csv("orders.csv", [1]);
    expect(await framesOf(made.dir, { conventions, bins: 2 })).toEqual([
      { type: "telemetry", binIndex: 0, seriesId: "orders", value: 1 },
      { type: "watermark", binIndex: 1 },
      { type: "end" },
    ]);
  });

  test("a bundle that feeds nothing says so", async () => {
    const read = await readBundle(bundle().dir, { conventions });
    expect(read.warnings).toEqual(["The bundle has no CSV that feeds the model; every series is computed."]);
  });
});

describe("references of the model", () => {
  const reference = (target: string) => ({
    references: [{ binding: { nodeId: "N", metric: "served" }, path: target }],
  });

  test.each([
    ["file:n.csv", "n.csv"],
    ["FILE:./data/n.csv", "data/n.csv"],
    ["file://telemetry/n.csv", "telemetry/n.csv"],
    ["file://telemetry/n.csv", "n.csv"],
  ])("%s finds %s, and is not asked for again", async (text, file) => {
    const made = bundle().csv(file, [1]);
    const read = await readBundle(made.dir, reference(text));
    expect(read.series.map((series) => series.file)).toEqual([path.normalize(file)]);
    expect(read.bindings).toEqual([]);
  });

  test("an absolute one inside the bundle is read, one outside is not", async () => {
    const made = bundle().csv("n.csv", [1]);
    expect((await readBundle(made.dir, reference(`file://${made.dir}/n.csv`))).series).toHaveLength(1);
    const read = await readBundle(made.dir, reference("file:///somewhere/else.csv"));
    expect(read.series).toEqual([]);
    expect(read.warnings[0]).toContain("'served' of 'N' refers to 'file:///somewhere/else.csv'");
  });

  test("a file that is not there is an error", async () => {
    expect((await refusal(bundle().dir, reference("file:n.csv"))).code).toBe("csv_missing");
  });

  test("the manifest is followed where both name a role", async () => {
    const made = bundle()
      .csv("n.csv", [1])
      .csv("m.csv", [2])
      .manifest([{ nodeId: "n", metric: "Served", path: "m.csv" }], 1);
    expect((await readBundle(made.dir, reference("file:n.csv"))).series.map((series) => series.file)).toEqual([
      "m.csv",
    ]);
  });
});

describeWithReference("FlowTime's own bundles", (root) => {
  const bundles = path.join(root, "bundles");
  test.each(readdirSync(bundles).filter((name) => !name.startsWith(".")))("%s loads, hashes included", async (name) => {
    const read = await readBundle(path.join(bundles, name));
    expect(read.warnings).toEqual([]);
    for (const series of read.series) expect(series.cells.size).toBe(read.bins);
    const frames = [...bundleFrames(read)];
    expect(frames.at(-1)).toEqual({ type: "end" });
    expect(frames.filter((frame) => frame.type === "watermark")).toEqual([]);
  });
});
