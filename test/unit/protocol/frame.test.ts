import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeFrames } from "../../../src/ingest/decode.ts";
import { type CellValue, cellToNumber, encodeFrame, type Frame, numberToCell } from "../../../src/protocol/frame.ts";
import { runs } from "../../support/seed.ts";

describe("cells", () => {
  test.each<[CellValue, number]>([
    [1.5, 1.5],
    [-0, -0],
    [null, Number.NaN],
    ["NaN", Number.NaN],
    ["Infinity", Number.POSITIVE_INFINITY],
    ["-Infinity", Number.NEGATIVE_INFINITY],
  ])("%j means %d", (cell, number) => {
    expect(cellToNumber(cell)).toBe(number);
    expect(cellToNumber(numberToCell(number))).toBe(number);
  });

  test("numbers become what JSON has words for", () => {
    const numbers = [0, -0, 1e-300, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    expect(numbers.map(numberToCell)).toEqual([0, -0, 1e-300, null, "Infinity", "-Infinity"]);
  });
});

describe("a frame as one line", () => {
  test("keeps the sign of zero", () => {
    expect(encodeFrame({ type: "telemetry", binIndex: 1, seriesId: "a", value: -0 })).toBe(
      '{"type":"telemetry","binIndex":1,"seriesId":"a","value":-0}',
    );
    expect(encodeFrame({ type: "telemetry", binIndex: 1, nodeId: "D", metrics: { served: -0, errors: 0 } })).toBe(
      '{"type":"telemetry","binIndex":1,"nodeId":"D","metrics":{"served":-0,"errors":0}}',
    );
  });

  const finite = { noNaN: true, noDefaultInfinity: true };
  const value = fc.oneof<fc.Arbitrary<CellValue>[]>(
    fc.double(finite),
    fc.constantFrom<CellValue>(null, "NaN", "Infinity", "-Infinity", -0, 0),
  );
  const name = fc
    .string({ unit: "grapheme", minLength: 1 })
    .filter((text) => text.trim() !== "" && text !== "__proto__");
  const time = fc.oneof(
    fc.nat().map((binIndex) => ({ binIndex })),
    fc.constant({ timestampUtc: "2026-01-05T00:00:00Z" }),
  );
  const revision = fc.oneof(
    fc.constant({}),
    fc.nat().map((number) => ({ revision: number })),
  );
  const frame: fc.Arbitrary<Frame> = fc.oneof(
    fc
      .tuple(time, name, value, revision)
      .map(([at, seriesId, cell, rev]): Frame => ({ type: "telemetry", ...at, seriesId, value: cell, ...rev })),
    fc
      .tuple(time, name, fc.dictionary(name, value, { minKeys: 1, noNullPrototype: true }), revision)
      .map(([at, nodeId, metrics, rev]): Frame => ({ type: "telemetry", ...at, nodeId, metrics, ...rev })),
    time.map((at): Frame => ({ type: "watermark", ...at })),
    fc.constant<Frame>({ type: "end" }),
    fc
      .record(
        { fromBin: fc.nat(), set: fc.dictionary(name, fc.double(finite), { minKeys: 1, noNullPrototype: true }) },
        { requiredKeys: ["set"] },
      )
      .map((change): Frame => ({ type: "adjust", ...change })),
  );

  test("comes back as it was, through the decoder that producers meet", () => {
    fc.assert(
      fc.property(fc.array(frame, { maxLength: 5 }), (frames) => {
        const lines = frames.map(encodeFrame);
        for (const line of lines) expect(line).not.toContain("\n");
        const decoded = decodeFrames(lines.join("\n"));
        expect(decoded.map((item) => ("frame" in item ? item.frame : item.error))).toEqual(frames);
        expect(decoded.map(({ line }) => line)).toEqual(frames.map((_, index) => index + 1));
        // The text goes into the log in place of the frame.
        for (const item of decoded) if ("text" in item) expect(item.text).toBe(lines[item.line - 1]);
      }),
      runs(300),
    );
  });
});
