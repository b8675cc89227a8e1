import { describe, expect, test } from "vitest";
import { CURSOR_EVENT, idOnlyRewriter, tapEventStream } from "../../../src/client/sse-tap.ts";

const encode = (text: string) => new TextEncoder().encode(text);
const decode = (parts: readonly Uint8Array[]) => parts.map((part) => new TextDecoder().decode(part)).join("");
const event = `event: ${CURSOR_EVENT}\ndata: 1\n`;

const CASES: readonly (readonly [string, string, string])[] = [
  ["an id alone becomes an event", "id: a.1\n\n", `id: a.1\n${event}\n`],
  ["an id with data stays as it is", "id: a.1\ndata: {}\n\n", "id: a.1\ndata: {}\n\n"],
  ["data before the id counts too", "data: {}\nid: a.1\n\n", "data: {}\nid: a.1\n\n"],
  ["an event name without data is no event yet", "event: x\nid: a.1\n\n", `event: x\nid: a.1\n${event}\n`],
  ["comments and retry pass", ": alive\n\nretry: 5\n\n", ": alive\n\nretry: 5\n\n"],
  ["each block for itself", "id: a.1\n\ndata: 1\n\nid: a.2\n\n", `id: a.1\n${event}\ndata: 1\n\nid: a.2\n${event}\n`],
  ["carriage returns", "id: a.1\r\n\r\n", `id: a.1\r\n${event}\r\n`],
  ["words that only begin like a field", "identity: 1\n\ndatabase: 1\n\n", "identity: 1\n\ndatabase: 1\n\n"],
];

describe("blocks with an id only", () => {
  for (const [name, input, expected] of CASES) {
    test(name, () => expect(decode(idOnlyRewriter()(encode(input)))).toBe(expected));

    test(`${name}, whatever the chunks`, () => {
      if (input.includes("\r")) return;
      for (let cut = 1; cut < input.length; cut++) {
        const rewrite = idOnlyRewriter();
        const parts = [...rewrite(encode(input.slice(0, cut))), ...rewrite(encode(input.slice(cut)))];
        expect(decode(parts)).toBe(expected);
      }
    });
  }
});

test("reads nothing while there is no room", async () => {
  let pulls = 0;
  const body = new ReadableStream<Uint8Array<ArrayBuffer>>(
    {
      pull(controller) {
        pulls++;
        controller.enqueue(encode("data: 1\n\n"));
      },
    },
    { highWaterMark: 0 },
  );
  let open: () => void = () => {};
  const room = new Promise<void>((resolve) => {
    open = resolve;
  });
  let chunks = 0;
  const reader = tapEventStream(body, { onBytes: () => chunks++, whenReady: () => room }).getReader();
  const first = reader.read();
  await Promise.resolve();
  expect(pulls).toBe(0);
  open();
  await first;
  expect(chunks).toBeGreaterThan(0);
  await reader.cancel();
});
