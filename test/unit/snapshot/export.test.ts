import { readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { parquetMetadata, parquetReadObjects, parquetSchema } from "hyparquet";
import { describe, expect, test } from "vitest";
import { parquetExport } from "../../../src/snapshot/export-parquet.ts";
import { type ExportTimes, openExport } from "../../../src/snapshot/export-rows.ts";
import { csvExport, ndjsonExport } from "../../../src/snapshot/export-text.ts";
import { describeWithReference } from "../../support/reference.ts";
import { type SmallRun, writeSmallRun } from "../../support/small-run.ts";
import { tempFolder } from "../../support/temp-folder.ts";

/** Afternoon, so that "midnight of the day of the export" is another time. */
const EXPORTED_MS = Date.UTC(2026, 10, 24, 15, 34);

async function open(directory: string, times: ExportTimes = "grid") {
  const skipped: string[] = [];
  const run = await openExport(directory, { times, nowMs: EXPORTED_MS, onSkipped: (reason) => skipped.push(reason) });
  return { run, skipped };
}

async function exported(input: SmallRun, times?: ExportTimes) {
  return (await open(await writeSmallRun(tempFolder(), input), times)).run;
}

async function textOf(chunks: AsyncIterable<string>): Promise<string> {
  let text = "";
  for await (const chunk of chunks) text += chunk;
  return text;
}

describe("an export", () => {
  const series = { a: [1, 0.1, -0], b: [Number.NaN, 1e-5, Number.POSITIVE_INFINITY] };

  test("as CSV has a row for every value, at the time of its bin", async () => {
    expect(await textOf(csvExport(await exported({ series })))).toBe(
      "\ufefftime_bin,component_id,measure,value\n" +
        "2026-03-01T00:00:00Z,A,a,1\n2026-03-01T01:00:00Z,A,a,0.1\n2026-03-01T02:00:00Z,A,a,-0\n" +
        "2026-03-01T00:00:00Z,B,b,NaN\n2026-03-01T01:00:00Z,B,b,1E-05\n2026-03-01T02:00:00Z,B,b,Infinity\n",
    );
  });

  test("with FlowTime's times has a minute a bin from midnight of the day of the export", async () => {
    const text = await textOf(csvExport(await exported({ series: { a: [7, 8] } }, "flowtime")));
    expect(text.split("\n").slice(1, 3)).toEqual(["2026-11-24T00:00:00Z,A,a,7", "2026-11-24T00:01:00Z,A,a,8"]);
  });

  test("of a model without a start falls back to FlowTime's times", async () => {
    const modelText = "schemaVersion: 1\ngrid: {bins: 1, binSize: 1, binUnit: hours}\nnodes: []\n";
    const text = await textOf(csvExport(await exported({ series: { a: [7] }, modelText })));
    expect(text).toContain("2026-11-24T00:00:00Z,A,a,7");
  });

  test("as NDJSON ends a series at its first value that JSON cannot hold", async () => {
    const text = await textOf(ndjsonExport(await exported({ series: { ...series, c: [5, 6, 7] } })));
    const rows = text
      .slice(1)
      .trimEnd()
      .split("\n")
      .map((row) => JSON.parse(row));
    expect(rows.map((row) => [row.component_id, row.measure, row.value])).toEqual([
      ["A", "a", 1],
      ["A", "a", 0.1],
      ["A", "a", -0],
      ["C", "c", 5],
      ["C", "c", 6],
      ["C", "c", 7],
    ]);
    expect(Object.keys(rows[0])).toEqual(["time_bin", "component_id", "measure", "value"]);
  });

  test("as Parquet is read back to the same rows, the last bit included", async () => {
    const bytes = await parquetExport(await exported({ series }));
    const file = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer;
    const { children } = parquetSchema(parquetMetadata(file));
    expect(children.map(({ element }) => [element.name, element.type, element.converted_type])).toEqual([
      ["time_bin", "INT64", "TIMESTAMP_MILLIS"],
      ["component_id", "BYTE_ARRAY", "UTF8"],
      ["measure", "BYTE_ARRAY", "UTF8"],
      ["value", "DOUBLE", undefined],
    ]);
    const rows = await parquetReadObjects({ file });
    expect(rows).toEqual(
      Object.entries(series).flatMap(([id, values]) =>
        values.map((value, bin) => ({
          time_bin: new Date(Date.UTC(2026, 2, 1, bin)),
          component_id: id.toUpperCase(),
          measure: id,
          value,
        })),
      ),
    );
  });

  test("as Parquet of more rows than a group holds has them all", async () => {
    const names = Array.from({ length: 13 }, (_, index) => `s${index}`);
    const long = Object.fromEntries(
      names.map((name, index) => [name, Array.from({ length: 9_000 }, (_, bin) => index * 10_000 + bin)]),
    );
    const bytes = await parquetExport(await exported({ series: long }));
    const file = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer;
    expect(parquetMetadata(file).row_groups.length).toBeGreaterThan(1);
    const rows = await parquetReadObjects({ file, columns: ["value"] });
    expect(rows.map(({ value }) => value)).toEqual(Object.values(long).flat());
  });

  test("leaves out a series that cannot be read, and says which", async () => {
    const directory = await writeSmallRun(tempFolder(), { series });
    await rm(path.join(directory, "series/a@A@DEFAULT.csv"));
    const { run, skipped } = await open(directory);
    expect(await textOf(csvExport(run))).not.toContain(",A,");
    expect(skipped).toEqual([expect.stringContaining("'a@A@DEFAULT'")]);
  });

  test("of a folder without a readable index is refused", async () => {
    const directory = await writeSmallRun(tempFolder(), { series });
    await writeFile(path.join(directory, "series/index.json"), "{");
    await expect(open(directory)).rejects.toMatchObject({ code: "run_folder_unreadable" });
  });
});

describeWithReference("exports of FlowTime's own run folders", (root) => {
  test("are FlowTime's own exports, byte for byte", async () => {
    const http = path.join(root, "golden/http");
    const id = "run_transportation-basic-classes_7b8d34a04394055d110cf943879f6dd188192fcd73b3195dc83851c8c4d6424f";
    const { run } = await open(path.join(http, "runs", id), "flowtime");
    // FlowTime's API sends the files without their byte order mark.
    const csv = await readFile(path.join(http, "257-export-csv-made.body"), "utf8");
    expect((await textOf(csvExport(run))) === `\ufeff${csv}`).toBe(true);
    const ndjson = await readFile(path.join(http, "258-export-ndjson-made.body"), "utf8");
    expect((await textOf(ndjsonExport(run))) === `\ufeff${ndjson}`).toBe(true);
  });
});
