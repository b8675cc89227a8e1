import { expect, test } from "vitest";
import { planResume, type SubscribeRequest } from "../../../src/hub/resume.ts";

/** 20,000 events published, the last 4,096 retained. */
const position = { epoch: "E1", firstRetained: 15_905, head: 20_000 };
const frames = (after: number) => ({ kind: "frames", after });
const snapshot = (reset: string | null) => ({ kind: "snapshot", reset });

test.each<[string, SubscribeRequest, object]>([
  ["no cursor", {}, snapshot(null)],
  ["a null cursor", { lastEventId: null }, snapshot(null)],
  ["an empty cursor", { lastEventId: "" }, snapshot(null)],
  ["only now", { from: "now" }, frames(20_000)],
  ["now, but with a cursor", { from: "now", lastEventId: "E1.19990" }, frames(19_990)],
  ["the newest", { lastEventId: "E1.20000" }, frames(20_000)],
  ["the newest but one", { lastEventId: "E1.19999" }, frames(19_999)],
  ["the oldest retained", { lastEventId: "E1.15905" }, frames(15_905)],
  ["just before the oldest retained", { lastEventId: "E1.15904" }, frames(15_904)],
  ["evicted by one", { lastEventId: "E1.15903" }, snapshot("evicted")],
  ["the very first", { lastEventId: "E1.0" }, snapshot("evicted")],
  ["one in the future", { lastEventId: "E1.20001" }, snapshot("ahead")],
  ["far in the future", { lastEventId: "E1.9007199254740991" }, snapshot("ahead")],
  ["beyond the integers", { lastEventId: "E1.9007199254740993" }, snapshot("epoch")],
  ["another epoch", { lastEventId: "E2.20000" }, snapshot("epoch")],
  ["another case of the epoch", { lastEventId: "e1.20000" }, snapshot("epoch")],
  ["an epoch without a sequence", { lastEventId: "E1" }, snapshot("epoch")],
  ["an epoch with an empty sequence", { lastEventId: "E1." }, snapshot("epoch")],
  ["a sequence without an epoch", { lastEventId: ".20000" }, snapshot("epoch")],
  ["a bare number", { lastEventId: "20000" }, snapshot("epoch")],
  ["a padded sequence", { lastEventId: "E1.020000" }, snapshot("epoch")],
  ["a negative sequence", { lastEventId: "E1.-1" }, snapshot("epoch")],
  ["garbage", { lastEventId: "'; DROP TABLE chunk" }, snapshot("epoch")],
  ["a very long text", { lastEventId: "9".repeat(100_000) }, snapshot("epoch")],
])("resume with %s", (_name, request, plan) => {
  expect(planResume(request, position)).toEqual(plan);
});

test.each<[string, SubscribeRequest, object]>([
  ["no cursor", {}, snapshot(null)],
  ["its beginning", { lastEventId: "E1.0" }, frames(0)],
  ["the first, which is to come", { lastEventId: "E1.1" }, snapshot("ahead")],
  ["another epoch's beginning", { lastEventId: "E2.0" }, snapshot("epoch")],
])("before any event, resume with %s", (_name, request, plan) => {
  expect(planResume(request, { epoch: "E1", firstRetained: 1, head: 0 })).toEqual(plan);
});

test("after a restart that kept no events, only the newest cursor resumes", () => {
  const restarted = { epoch: "E1", firstRetained: 501, head: 500 };
  expect(planResume({ lastEventId: "E1.500" }, restarted)).toEqual(frames(500));
  expect(planResume({ lastEventId: "E1.499" }, restarted)).toEqual(snapshot("evicted"));
});
