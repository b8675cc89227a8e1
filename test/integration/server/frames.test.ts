import { gzipSync } from "node:zlib";
import { beforeEach, describe, expect, test } from "vitest";
import { DEFAULT_BATCH_BYTES } from "../../../src/ingest/gateway.ts";
import { MAX_REPORTED_ERRORS } from "../../../src/protocol/frame.ts";
import { modelText } from "../../support/model-builder.ts";
import { call, postFrames, postJson, type RawAnswer, serve } from "../../support/server.ts";

const MODEL = modelText({ nodes: ["a=1s", "b=1s", "sum: a + b"], bins: 100, binSize: 5, binUnit: "minutes" });

let url: string;
let runId: string;

beforeEach(async () => {
  ({ url } = await serve());
  const created = await postJson(`${url}/v1/runs`, { mode: "live", model: MODEL, bindings: ["a", "b"] });
  ({ runId } = created.body as { runId: string });
});

const cell = (binIndex: number, seriesId: string, value: unknown, more: object = {}) => ({
  type: "telemetry",
  binIndex,
  seriesId,
  value,
  ...more,
});

const post = (lines: readonly (object | string)[], options?: Parameters<typeof postFrames>[3]) =>
  postFrames(url, runId, lines, options);

function raw(body: Uint8Array<ArrayBuffer> | string, headers: Record<string, string>): Promise<RawAnswer> {
  return call(`${url}/v1/runs/${runId}/frames`, { method: "POST", headers, body });
}

const NDJSON = { "content-type": "application/x-ndjson" };
const counts = (accepted: number, duplicates = 0, late = 0, rejected = 0) => ({ accepted, duplicates, late, rejected });

describe("answers of the ingest gateway (classes 11 and 13)", () => {
  test("all new", async () => {
    const answer = await post([cell(0, "a", 1), cell(0, "b", 2), cell(1, "a", 3)]);
    expect(answer.status).toBe(200);
    expect(answer.body).toEqual({ ...counts(3), errors: [], sealedBin: 0, openBins: 1, durable: true });
  });

  test("a whole batch already known is the same body, not an error, whether its bins are sealed or open", async () => {
    const batch = [cell(0, "a", 1), cell(0, "b", 2), cell(1, "a", 3), { type: "watermark", binIndex: 0 }];
    await post(batch.slice(0, 3));
    const answer = await post(batch);
    expect(answer.status).toBe(200);
    expect(answer.body).toEqual({ ...counts(0, 4), errors: [], sealedBin: 0, openBins: 1, durable: true });
  });

  test("another value for a cell is a conflict that names both, and the first is kept", async () => {
    await post([cell(0, "a", 1)]);
    const answer = await post([cell(0, "a", 7), cell(0, "b", 2)]);
    expect(answer).toMatchObject({
      status: 200,
      body: { ...counts(1, 0, 0, 1), errors: [{ line: 1, code: "conflict" }] },
    });
    const [{ message }] = (answer.body as { errors: [{ message: string }] }).errors;
    expect(message).toContain("already 1");
    expect(message).toContain("7");
    const state = await call(`${url}/v1/runs/${runId}/state/live`);
    expect(state.body).toMatchObject({ sealedBin: 0, series: { a: 1, b: 2, sum: 3 } });
  });

  test("a batch of nothing but conflicts is 409, with the account by line", async () => {
    await post([cell(0, "a", 1), cell(1, "a", 1)]);
    const answer = await post([cell(0, "a", 7), cell(1, "a", 8)]);
    expect(answer.status).toBe(409);
    expect(answer.body).toMatchObject({
      code: "conflict",
      error: expect.stringContaining("revision"),
      ...counts(0, 0, 0, 2),
      errors: [
        { line: 1, code: "conflict" },
        { line: 2, code: "conflict" },
      ],
    });
  });

  test("a higher revision replaces the cell of an open bin", async () => {
    await post([cell(0, "a", 1)]);
    const answer = await post([cell(0, "a", 7, { revision: 1 }), cell(0, "b", 2)]);
    expect(answer).toMatchObject({ status: 200, body: counts(2) });
    expect((await call(`${url}/v1/runs/${runId}/state/live`)).body).toMatchObject({ series: { a: 7, sum: 9 } });
  });

  test("bad lines are told by line and the others are taken", async () => {
    const answer = await post([cell(0, "a", 1), "{not json", cell(0, "zz", 1), cell(0, "sum", 1), "", cell(0, "b", 2)]);
    expect(answer).toMatchObject({
      status: 200,
      body: {
        ...counts(2, 0, 0, 3),
        errors: [
          { line: 2, code: "malformed" },
          { line: 3, code: "unbound_series", message: expect.stringContaining("a, b") },
          { line: 4, code: "unbound_series", message: expect.stringContaining("computed by the model") },
        ],
        sealedBin: 0,
      },
    });
  });

  test("atomic=true refuses the whole batch for one bad line, with every error", async () => {
    const answer = await post([cell(0, "a", 1), "{not json", cell(0, "zz", 1)], { query: "?atomic=true" });
    expect(answer).toMatchObject({
      status: 400,
      body: {
        code: "batch_refused",
        error: expect.stringContaining("nothing was applied"),
        facts: {
          errors: [
            { line: 2, code: "malformed" },
            { line: 3, code: "unbound_series" },
          ],
        },
      },
    });
    expect((await call(`${url}/v1/runs/${runId}`)).body).toMatchObject({ sealedBin: -1, openBins: 0, seq: 0 });
    expect(await post([cell(0, "a", 5)], { query: "?atomic=true" })).toMatchObject({ status: 200, body: counts(1) });
  });

  test("all lines malformed is 400 with line numbers", async () => {
    const answer = await post(["{", "[]", '{"type":"nothing"}']);
    expect(answer).toMatchObject({
      status: 400,
      body: {
        code: "malformed_batch",
        error: expect.any(String),
        ...counts(0, 0, 0, 3),
        errors: [
          { line: 1, code: "malformed" },
          { line: 2, code: "malformed" },
          { line: 3, code: "unknown_type" },
        ],
      },
    });
  });

  test("too late is 200 with the reason by line, and leaves a warning in the run", async () => {
    await post([{ type: "watermark", binIndex: 2 }]);
    const answer = await post([cell(1, "a", 1), cell(3, "a", 1), cell(3, "b", 1)]);
    expect(answer).toMatchObject({
      status: 200,
      body: {
        ...counts(2, 0, 1),
        errors: [{ line: 1, code: "late", message: expect.stringContaining("Bin 1 is sealed") }],
      },
    });
    const state = await call(`${url}/v1/runs/${runId}/state/live`);
    expect((state.body as { warnings: { code: string }[] }).warnings.map(({ code }) => code)).toContain("late_frame");
  });

  test("a batch of late lines alone is 200 too: a retry cannot help", async () => {
    await post([{ type: "watermark", binIndex: 2 }]);
    expect(await post([cell(0, "a", 1), cell(1, "a", 1)])).toMatchObject({ status: 200, body: counts(0, 0, 2) });
  });

  test("too far ahead and beyond the grid are told by line", async () => {
    const answer = await post([cell(63, "a", 1), cell(64, "a", 1), cell(100, "a", 1)]);
    expect(answer).toMatchObject({
      status: 200,
      body: {
        ...counts(1, 0, 0, 2),
        errors: [
          { line: 2, code: "beyond_horizon", message: expect.stringContaining("waits for a, b") },
          { line: 3, code: "beyond_horizon", message: expect.stringContaining("100 bins") },
        ],
      },
    });
  });

  test("after the end only what is known already is taken", async () => {
    await post([cell(0, "a", 1), { type: "end" }]);
    const answer = await post([cell(0, "a", 1), { type: "end" }, cell(1, "a", 1), { type: "watermark", binIndex: 5 }]);
    expect(answer).toMatchObject({
      status: 200,
      body: {
        ...counts(0, 2, 0, 2),
        errors: [
          { line: 3, code: "run_ended" },
          { line: 4, code: "run_ended" },
        ],
      },
    });
  });

  test("counts all errors and lists the first hundred", async () => {
    const answer = await post([cell(0, "a", 1), ...Array.from({ length: 150 }, () => "{")]);
    const { rejected, errors } = answer.body as { rejected: number; errors: unknown[] };
    expect([rejected, errors.length]).toEqual([150, MAX_REPORTED_ERRORS]);
  });

  test("an empty batch is taken and does nothing", async () => {
    expect(await post([])).toMatchObject({ status: 200, body: counts(0) });
    expect(await post(["", "  "])).toMatchObject({ status: 200, body: counts(0) });
  });
});

describe("frames in every form", () => {
  test("by node and metric, whatever the case, by series, by time", async () => {
    const topology =
      "  nodes:\n    - id: Desk\n      kind: service\n      semantics:\n        arrivals: a\n        served: b";
    const text = modelText({ nodes: ["a=1s", "b=1s"], bins: 10, binSize: 5, binUnit: "minutes", topology });
    const bindings = [{ nodeId: "desk", metric: "ARRIVALS" }, "b"];
    const created = await postJson(`${url}/v1/runs`, { mode: "live", model: text, bindings });
    const { runId: id } = created.body as { runId: string };
    const answer = await postFrames(url, id, [
      { type: "telemetry", binIndex: 0, nodeId: "DESK", metrics: { Arrivals: 4, served: 3 } },
      { type: "telemetry", timestampUtc: "2026-01-05T00:07:30Z", seriesId: "a", value: 5 },
      { type: "telemetry", timestampUtc: "2026-01-05T02:05:00+02:00", seriesId: "b@B@DEFAULT", value: 6 },
      { type: "telemetry", binIndex: 2, nodeId: "nobody", metrics: { arrivals: 1 } },
      { type: "telemetry", binIndex: 2, nodeId: "desk", metrics: { queueDepth: 1 } },
      { type: "telemetry", timestampUtc: "2026-01-04T23:59:59Z", seriesId: "a", value: 5 },
    ]);
    expect(answer.body).toMatchObject({
      ...counts(3, 0, 0, 3),
      sealedBin: 1,
      errors: [
        { line: 4, code: "unknown_node", message: expect.stringContaining("Desk") },
        { line: 5, code: "unknown_metric", message: expect.stringContaining("arrivals, served") },
        { line: 6, code: "bad_time" },
      ],
    });
    const state = await call(`${url}/v1/runs/${id}/state/live`);
    expect(state.body).toMatchObject({ startUtc: "2026-01-05T00:05:00Z", series: { a: 5, b: 6 } });
  });

  test("numbers that JSON has no word for, and the one whose sign it drops", async () => {
    const negativeZero = '{"type":"telemetry","binIndex":1,"seriesId":"b","value":-0}';
    await post([cell(0, "a", "Infinity"), cell(0, "b", null), cell(1, "a", "NaN"), negativeZero]);
    const state = await call(`${url}/v1/runs/${runId}/state/live`);
    expect(state.body).toMatchObject({ sealedBin: 1, series: { a: null, b: 0 } });
    const again = [cell(0, "a", "Infinity"), cell(0, "b", "NaN"), negativeZero, cell(1, "b", 0)];
    expect(await post(again)).toMatchObject({ status: 200, body: { ...counts(0, 3, 1), errors: [{ line: 4 }] } });
  });

  test("one frame as JSON", async () => {
    const answer = await raw(JSON.stringify(cell(0, "a", 1)), { "content-type": "application/json" });
    expect(answer).toMatchObject({ status: 200, body: counts(1) });
  });

  test("with a character set, and under the other names of NDJSON", async () => {
    const types = ["application/x-ndjson; charset=utf-8", "application/ndjson", "application/jsonl"];
    for (const [bin, type] of types.entries()) {
      const answer = await raw(JSON.stringify(cell(bin, "a", 1)), { "content-type": type });
      expect(answer, type).toMatchObject({ status: 200, body: counts(1) });
    }
  });

  test("gzip", async () => {
    const body = gzipSync(`${JSON.stringify(cell(0, "a", 1))}\n${JSON.stringify(cell(0, "b", 1))}\n`);
    const answer = await raw(body, { ...NDJSON, "content-encoding": "gzip" });
    expect(answer).toMatchObject({ status: 200, body: { ...counts(2), sealedBin: 0 } });
  });
});

describe("batches that are not read", () => {
  test.each([
    ["larger than the limit", () => raw(Buffer.alloc(DEFAULT_BATCH_BYTES + 1, 0x20), NDJSON)],
    [
      "larger than the limit once unpacked",
      () => raw(gzipSync(Buffer.alloc(DEFAULT_BATCH_BYTES + 1, 0x20)), { ...NDJSON, "content-encoding": "gzip" }),
    ],
  ])("%s: 413 with the limit", async (_name, send) => {
    expect(await send()).toMatchObject({
      status: 413,
      body: {
        code: "body_too_large",
        error: expect.stringContaining(String(DEFAULT_BATCH_BYTES)),
        facts: { limitBytes: DEFAULT_BATCH_BYTES },
      },
    });
  });

  test.each([
    ["another media type", { "content-type": "text/plain" }],
    ["a form, as curl sends without a type", { "content-type": "application/x-www-form-urlencoded" }],
    ["another encoding", { ...NDJSON, "content-encoding": "br" }],
  ])("%s: 415", async (_name, headers) => {
    const answer = await raw(JSON.stringify(cell(0, "a", 1)), headers);
    expect(answer).toMatchObject({ status: 415, body: { code: "unsupported_media_type", error: expect.any(String) } });
  });

  test("broken gzip: 400", async () => {
    const body = gzipSync(JSON.stringify(cell(0, "a", 1))).subarray(0, 20);
    const answer = await raw(Uint8Array.from(body), { ...NDJSON, "content-encoding": "gzip" });
    expect(answer).toMatchObject({ status: 400, body: { code: "malformed_batch" } });
  });

  test("a run that is not there: 404", async () => {
    const answer = await postFrames(url, "run_nowhere", [cell(0, "a", 1)]);
    expect(answer).toMatchObject({
      status: 404,
      body: { code: "run_not_found", error: "Run 'run_nowhere' not found." },
    });
  });
});
