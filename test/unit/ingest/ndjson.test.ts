import fc from "fast-check";
import { expect, test } from "vitest";
import { readFrameLines } from "../../../src/ingest/frame-lines.ts";
import { LineSplitter, type NdjsonLine } from "../../../src/ingest/ndjson.ts";

function split(chunks: readonly Uint8Array[], maxLineBytes?: number): NdjsonLine[] {
  const splitter = new LineSplitter(maxLineBytes);
  const lines = chunks.flatMap((chunk) => splitter.push(chunk));
  return [...lines, ...splitter.end()];
}

test("lines do not depend on where the chunks end", () => {
  const text = fc
    .array(fc.oneof(fc.string({ unit: "grapheme" }), fc.constantFrom("\n", "\r\n", "é€😀", " ")))
    .map((parts) => parts.join(""));
  fc.assert(
    fc.property(text, fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1 }), (body, sizes) => {
      const bytes = Buffer.from(body);
      const chunks: Uint8Array[] = [];
      for (let at = 0, turn = 0; at < bytes.length; turn++) {
        const size = sizes[turn % sizes.length] ?? 1;
        chunks.push(bytes.subarray(at, at + size));
        at += size;
      }
      expect(split(chunks)).toEqual(split([bytes]));
      const expected = bytes
        .toString()
        .replace(/^\uFEFF/, "")
        .split("\n")
        .map((line, index) => ({ line: index + 1, text: line.replace(/\r$/, "") }))
        .filter(({ text: content }) => content.trim() !== "");
      expect(split([bytes])).toEqual(expected);
    }),
    process.env.FC_SEED === undefined ? {} : { seed: Number(process.env.FC_SEED) },
  );
});

test("the limit counts the bytes of the line without its end", () => {
  const fits = Buffer.from("é".repeat(4));
  expect(split([fits, Buffer.from("\r\n")], 8)).toEqual([{ line: 1, text: "éééé" }]);
  expect(split([Buffer.from("éééé!\n")], 8)).toEqual([{ line: 1, fault: "too_long", bytes: 9 }]);
  expect(split([Buffer.from("éééé!")], 8)).toEqual([{ line: 1, fault: "too_long", bytes: 9 }]);
});

test("of a line that never ends only the limit is held", () => {
  const splitter = new LineSplitter(10);
  for (let chunk = 0; chunk < 1000; chunk++) expect(splitter.push(Buffer.alloc(1024, "x"))).toEqual([]);
  expect(splitter.push(Buffer.from("\nok\n"))).toEqual([
    { line: 1, fault: "too_long", bytes: 1024 * 1000 },
    { line: 2, text: "ok" },
  ]);
});

test("a chunk may be filled anew by its owner", () => {
  const splitter = new LineSplitter();
  const chunk = Buffer.from("abc");
  splitter.push(chunk);
  chunk.fill("z");
  expect(splitter.push(Buffer.from("d\n"))).toEqual([{ line: 1, text: "abcd" }]);
});

test("a pipe is read line by line", async () => {
  async function* pipe(): AsyncGenerator<Uint8Array> {
    yield Buffer.from('{"type":"end"}\nb');
    yield Buffer.from('\n{"type":"end"}');
  }
  const lines: unknown[] = [];
  for await (const { line, text } of readFrameLines(pipe())) lines.push([line, text]);
  expect(lines).toEqual([
    [1, '{"type":"end"}'],
    [2, "b"],
    [3, '{"type":"end"}'],
  ]);
});
