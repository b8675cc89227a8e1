import { createServer, request, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import { describe, expect, onTestFinished, test } from "vitest";
import { Feeder, type Refusal } from "../../src/cli/feed.ts";
import { EngineClient } from "../../src/client/client.ts";
import type { Clock } from "../../src/lib/clock.ts";
import { encodeFrame } from "../../src/protocol/frame.ts";
import { foldScenario, pipelineScenario } from "../support/live-scenario.ts";
import { type Random, random, seedsFrom } from "../support/random.ts";
import { completed, serve } from "../support/server.ts";

/**
 * Failure classes 11 (retry after a lost ack), 13 (429 obeyed, nothing half applied) and 14 (503): between producer and
 * engine stands somebody who loses requests, loses answers, and says busy. The producer must end with every frame
 * accepted exactly once, and every refusal told exactly once.
 */

type Fault = "none" | "lose request" | "lose answer" | "half an answer" | "busy" | "not ready";
const FAULTS: readonly Fault[] = ["none", "none", "lose request", "lose answer", "half an answer", "busy", "not ready"];

/** A proxy for frames only. */
async function unreliable(engineUrl: string, chance: Random): Promise<{ url: string; met: Map<Fault, number> }> {
  const met = new Map<Fault, number>();
  const server = createServer(async (incoming, outgoing) => {
    const fault = chance.pick(FAULTS);
    met.set(fault, (met.get(fault) ?? 0) + 1);
    const body = await buffer(incoming);
    if (fault === "lose request") return void outgoing.destroy();
    if (fault === "busy") return refuse(outgoing, 429, "queue_full");
    if (fault === "not ready") return refuse(outgoing, 503, "not_ready");
    const { method, url, headers } = incoming;
    const forwarded = request(engineUrl + url, { method, headers, agent: false }, async (answer) => {
      const content = await buffer(answer);
      if (fault === "lose answer") return void outgoing.destroy();
      outgoing.writeHead(answer.statusCode!, answer.headers);
      if (fault === "none") return void outgoing.end(content);
      outgoing.write(content.subarray(0, content.length >> 1));
      setImmediate(() => outgoing.destroy());
    });
    forwarded.end(body);
  });
  server.listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, met };
}

function refuse(response: ServerResponse, status: number, code: string): void {
  response.writeHead(status, { "retry-after": "1", "content-type": "application/json" });
  response.end(JSON.stringify({ error: "not now", code }));
}

/** Waits take no time, but count. */
function hurriedClock(): Clock & { readonly waits: number[] } {
  let nowMs = 0;
  const waits: number[] = [];
  return {
    waits,
    now: () => nowMs,
    after(delayMs, callback) {
      const timer = setImmediate(() => {
        nowMs += delayMs;
        waits.push(delayMs);
        callback();
      });
      return () => clearImmediate(timer);
    },
  };
}

describe("a producer behind a bad connection (classes 11, 13, 14)", () => {
  for (const seed of seedsFrom("PRODUCER_SEED", 2)) {
    test(`gets every frame in once, and hears of every refusal once, seed ${seed} (PRODUCER_SEED)`, async () => {
      const chance = random(seed);
      const scenario = pipelineScenario(seed, 80);
      const engine = await serve();
      const { modelText: model, bindings, frames } = scenario;
      const { runId } = await engine.client.createRun({ mode: "live", model, bindings });
      const { url, met } = await unreliable(engine.url, chance);
      const clock = hurriedClock();
      const refusals: Refusal[] = [];
      let ids = 0;
      let answered = (): void => {};
      const feeder = new Feeder({
        client: new EngineClient({ baseUrl: url, clock }),
        runId,
        clock,
        signal: new AbortController().signal,
        speed: null,
        random: () => chance.next(),
        newProducerId: () => `p${seed}-${++ids}`,
        onRefused: (refusal) => refusals.push(refusal),
        onNotice: () => {},
        onProgress: () => answered(),
      });
      const bad = new Set<string>();
      async function* items() {
        let line = 0;
        for (const frame of frames) {
          if (frame.type === "end") continue;
          yield { label: `line ${++line}`, text: encodeFrame(frame), bin: null };
          if (chance.chance(0.05)) {
            bad.add(`line ${++line}`);
            yield {
              label: `line ${line}`,
              text: '{"type":"telemetry","binIndex":0,"seriesId":"nobody","value":1}',
              bin: null,
            };
          }
          // Many small batches: what is on its way gets its answer first.
          if (chance.chance(0.15)) {
            await new Promise<void>((resolve) => {
              answered = resolve;
            });
          }
        }
      }
      await feeder.feed(items());
      await feeder.end();
      const run = await completed(engine.client, runId);
      const expected = foldScenario(scenario);
      expect(run.hash).toBe(expected.hash());
      const unexpected = refusals.filter(({ label, code }) => code === "unbound_series" && !bad.has(label));
      expect(unexpected).toEqual([]);
      expect(refusals.filter(({ code }) => code === "unbound_series").map(({ label }) => label)).toEqual([...bad]);
      expect(met.size, `faults met: ${JSON.stringify([...met])}`).toBeGreaterThan(3);
      const { counters } = (await engine.client.engineState()).runs[0]!;
      const { accepted, duplicates } = feeder.totals;
      expect(accepted + duplicates, "what the producer counts is what was sent").toBeLessThanOrEqual(frames.length);
      expect(counters.accepted, "accepted once, however often it was sent").toBeLessThanOrEqual(frames.length);
    });
  }

  test("waits at least as long as a busy engine asks, longer with every refusal, and never in step", async () => {
    const { url } = await unreliable("http://127.0.0.1:1", { pick: () => "busy" } as unknown as Random);
    const clock = hurriedClock();
    const feeder = new Feeder({
      client: new EngineClient({ baseUrl: url, clock }),
      runId: "run_x",
      clock,
      signal: new AbortController().signal,
      speed: null,
      random: random(7).next,
      newProducerId: () => "p",
      onRefused: () => {},
      onNotice: () => {},
      onProgress: () => {},
    });
    await expect(feeder.end()).rejects.toMatchObject({ code: "queue_full", status: 429 });
    expect(Math.min(...clock.waits.slice(0, -1))).toBeGreaterThanOrEqual(1_000);
    expect(new Set(clock.waits).size).toBe(clock.waits.length);
  });
});
