import { describe, expect, test } from "vitest";
import { decodeFrames } from "../../../src/ingest/decode.ts";
import { encodeFrame, type Frame } from "../../../src/protocol/frame.ts";

function only(line: string) {
  const [decoded] = decodeFrames(line);
  if (decoded === undefined) throw new Error("no line");
  return decoded;
}

function errorOf(line: string): { code: string; message: string } {
  const decoded = only(line);
  if (!("error" in decoded)) throw new Error(`taken: ${line}`);
  return { code: decoded.error.code, message: decoded.error.message };
}

describe("frames that are taken", () => {
  const frames: Frame[] = [
    { type: "telemetry", binIndex: 12, nodeId: "Order", metrics: { arrivals: 131, served: null, errors: "NaN" } },
    { type: "telemetry", binIndex: 0, nodeId: "Order", classId: "Retail", metrics: { arrivals: "-Infinity" } },
    { type: "telemetry", timestampUtc: "2025-10-07T01:00:00Z", seriesId: "order_arrivals", value: -1.5e-7 },
    { type: "telemetry", binIndex: 3, seriesId: "a", value: null, revision: 2 },
    { type: "watermark", binIndex: 12 },
    { type: "watermark", timestampUtc: "2025-10-07T01:00:00.5+02:00" },
    { type: "end" },
  ];
  test.each(frames.map((frame) => [encodeFrame(frame), frame] as const))("%s", (line, frame) => {
    expect(only(line)).toMatchObject({ line: 1, frame });
  });

  test("fields that are not known are ignored", () => {
    expect(only('{"type":"end","reason":"done","trace":{"a":1}}')).toMatchObject({ line: 1, frame: { type: "end" } });
  });

  test("a negative zero keeps its sign on the way", () => {
    const line = encodeFrame({ type: "telemetry", binIndex: 0, nodeId: "n", metrics: { a: -0, b: 0 } });
    expect(line).toBe('{"type":"telemetry","binIndex":0,"nodeId":"n","metrics":{"a":-0,"b":0}}');
    const decoded = only(line);
    expect("frame" in decoded && decoded.frame.type === "telemetry" && Object.is(decoded.frame.metrics?.a, -0)).toBe(
      true,
    );
  });

  test("names that every object inherits are plain names", () => {
    const decoded = only('{"type":"telemetry","binIndex":0,"nodeId":"n","metrics":{"__proto__":1,"constructor":2}}');
    if (!("frame" in decoded) || decoded.frame.type !== "telemetry") throw new Error("refused");
    expect(Object.entries(decoded.frame.metrics ?? {})).toEqual([
      ["__proto__", 1],
      ["constructor", 2],
    ]);
  });
});

describe("lines that are refused", () => {
  const telemetry = '"type":"telemetry","binIndex":0';
  test.each([
    ['{"type":', "malformed", "not JSON"],
    ["[]", "malformed", "JSON object"],
    ["3", "malformed", "JSON object"],
    ['{"binIndex":1}', "unknown_type", "telemetry, watermark, adjust, end"],
    ['{"type":"tick"}', "unknown_type", '"tick". Known types: telemetry, watermark, adjust, end'],
    ['{"type":3}', "unknown_type", "3"],
    ['{"type":"adjust","fromBin":-1,"set":{"a":1}}', "bad_time", "whole number from 0"],
    ['{"type":"adjust","set":{}}', "malformed", "object of numbers"],
    ['{"type":"adjust","set":{"a":"1"}}', "bad_value", "finite number"],
    ['{"type":"watermark"}', "bad_time", "'binIndex' or 'timestampUtc'"],
    ['{"type":"watermark","binIndex":1,"timestampUtc":"2025-10-07T01:00:00Z"}', "bad_time", "both"],
    ['{"type":"watermark","binIndex":-1}', "bad_time", "-1"],
    ['{"type":"watermark","binIndex":1.5}', "bad_time", "1.5"],
    ['{"type":"watermark","binIndex":"1"}', "bad_time", '"1"'],
    ['{"type":"watermark","timestampUtc":"yesterday"}', "bad_time", "yesterday"],
    ['{"type":"watermark","timestampUtc":"2025-02-30T00:00:00Z"}', "bad_time", "2025-02-30"],
    [`{${telemetry}}`, "malformed", "'nodeId' with 'metrics', or 'seriesId' with 'value'"],
    [`{${telemetry},"nodeId":"n","metrics":{"a":1},"seriesId":"s","value":1}`, "malformed", "not both"],
    [`{${telemetry},"nodeId":"n"}`, "malformed", "'metrics' of node 'n'"],
    [`{${telemetry},"nodeId":"n","metrics":{}}`, "malformed", "empty"],
    [`{${telemetry},"nodeId":"n","metrics":[1]}`, "malformed", "'metrics'"],
    [`{${telemetry},"metrics":{"a":1}}`, "malformed", "'nodeId'"],
    [`{${telemetry},"nodeId":7,"metrics":{"a":1}}`, "malformed", "'nodeId'"],
    [`{${telemetry},"nodeId":"n","classId":"","metrics":{"a":1}}`, "malformed", "'classId'"],
    [`{${telemetry},"nodeId":"n","metrics":{"a":"12"}}`, "bad_value", "metric 'a' of node 'n'"],
    [`{${telemetry},"nodeId":"n","metrics":{"a":true}}`, "bad_value", "true"],
    [`{${telemetry},"seriesId":"s","value":1e999}`, "bad_value", "64-bit"],
    [`{${telemetry},"seriesId":"s"}`, "malformed", "'value'"],
    [`{${telemetry},"seriesId":"s","value":1,"revision":-1}`, "bad_value", "'revision'"],
  ])("%s", (line, code, words) => {
    const error = errorOf(line);
    expect(error.code).toBe(code);
    expect(error.message).toContain(words);
  });

  test("long offending values are cut", () => {
    expect(errorOf(JSON.stringify({ type: "x".repeat(10_000) })).message.length).toBeLessThan(200);
  });

  test("a line beyond the limit, and one that is not UTF-8, cost only themselves", () => {
    const end = Buffer.from('{"type":"end"}\n');
    const body = Buffer.concat([end, Buffer.alloc(101, "x"), Buffer.from("\n"), Buffer.from([0xff, 0xfe, 0x0a]), end]);
    const lines = decodeFrames(body, { maxLineBytes: 100 });
    expect(lines.map((line) => ("error" in line ? line.error.code : line.frame.type))).toEqual([
      "end",
      "line_too_long",
      "malformed",
      "end",
    ]);
    expect(lines.map((line) => line.line)).toEqual([1, 2, 3, 4]);
  });
});

describe("bodies", () => {
  test("CRLF, blank lines, a byte order mark and a last line without end", () => {
    const lines = decodeFrames('\uFEFF{"type":"end"}\r\n\r\n   \n{"type":"watermark","binIndex":1}');
    expect(lines).toMatchObject([
      { line: 1, frame: { type: "end" } },
      { line: 4, frame: { type: "watermark", binIndex: 1 } },
    ]);
  });

  test("an empty body has no lines", () => {
    expect(decodeFrames("")).toEqual([]);
    expect(decodeFrames("\n\n")).toEqual([]);
  });
});

test("timestamps without an offset are UTC; those of no calendar are none", () => {
  const timeOf = (timestampUtc: string) => {
    const decoded = only(JSON.stringify({ type: "watermark", timestampUtc }));
    return "frame" in decoded && decoded.frame.type === "watermark" ? decoded.frame.timestampUtc : null;
  };
  expect(timeOf("2025-10-07T01:00:00")).toBe("2025-10-07T01:00:00Z");
  expect(timeOf("2025-10-07T01:00")).toBe("2025-10-07T01:00Z");
  expect(timeOf("2025-10-07T01:00:00,25")).toBe("2025-10-07T01:00:00.25Z");
  expect(timeOf("2025-10-07T01:00:00+02:00")).toBe("2025-10-07T01:00:00+02:00");
  expect(timeOf("2025-10-07")).toBeNull();
  expect(timeOf("2025-13-07T01:00:00Z")).toBeNull();
  expect(timeOf("2023-02-29T01:00:00Z")).toBeNull();
  expect(timeOf("2024-02-29T01:00:00Z")).not.toBeNull();
});
