import { expect, test } from "vitest";
import { decodeEvent, encodeEvent, encodeHeartbeat, encodeHello, encodeId } from "../../../src/hub/sse-frame.ts";
import type { Hello } from "../../../src/protocol/run-event.ts";
import { SseParser } from "../../support/sse-parser.ts";

const cursor = { epoch: "E1", seq: 7 };

test("an event with an id is one block with one line of data", () => {
  const data = { seq: 7, snapshotRunId: "run_s", sealedBin: 3, path: "/x\n\ndata: evil\r\u2028" };
  const bytes = encodeEvent({ event: "checkpoint", data }, cursor);
  expect(bytes.toString().split("\n")).toHaveLength(5);
  expect(new SseParser().push(bytes)).toEqual([
    { event: "checkpoint", data: JSON.stringify(data), lastEventId: "E1.7", hasId: true, retry: null },
  ]);
});

test("an event comes back from its bytes", () => {
  const data = { seq: 7, snapshotRunId: "run_s", sealedBin: 3, path: "/x\n\nevent: evil\ndata: \r\u2028" };
  expect(decodeEvent(encodeEvent({ event: "checkpoint", data }, cursor))).toEqual({ event: "checkpoint", data });
});

test("an event without an id leaves the cursor where it was", () => {
  const parser = new SseParser();
  parser.push(encodeId(cursor));
  const [block] = parser.push(encodeEvent({ event: "reset", data: { reason: "slow" } }));
  expect(block).toMatchObject({ event: "reset", data: '{"reason":"slow"}', lastEventId: "E1.7", hasId: false });
});

test("an id alone fires nothing", () => {
  expect(encodeId(cursor).toString()).toBe("id: E1.7\n\n");
  expect(new SseParser().push(encodeId(cursor))).toMatchObject([{ event: null, lastEventId: "E1.7" }]);
});

test("the first bytes name the reconnection delay, then hello", () => {
  const bytes = encodeHello({ runId: "run_x", epoch: "E1", seq: 0 } as Hello, 1_234);
  expect(bytes.toString()).toMatch(/^retry: 1234\n\nevent: hello\ndata: \{.*\}\n\n$/);
});

test("a heartbeat is a comment, the cursor, and numbers", () => {
  const bytes = encodeHeartbeat({ seq: 7, sealedBin: 6, lagMs: 12, openBins: 1 }, cursor);
  const parser = new SseParser();
  expect(parser.push(bytes).map(({ event, hasId, lastEventId }) => ({ event, hasId, lastEventId }))).toEqual([
    { event: null, hasId: true, lastEventId: "E1.7" },
    { event: "progress", hasId: false, lastEventId: "E1.7" },
  ]);
  expect(parser.comments).toBe(1);
});
