import path from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { EngineClient } from "../../src/client/client.ts";
import { ClientError } from "../../src/client/client-error.ts";
import type { Frame, IngestAnswer } from "../../src/protocol/frame.ts";
import type { RunDescription } from "../../src/protocol/run.ts";
import type { LiveState } from "../../src/protocol/run-event.ts";
import { verifyRunFolder } from "../../src/snapshot/verify.ts";
import { foldScenario, ndjson, pipelineScenario, type Scenario } from "../support/live-scenario.ts";
import { type Random, random, seedsFrom } from "../support/random.ts";
import { EngineProcess } from "../support/spawn-engine.ts";
import { tempFolder } from "../support/temp-folder.ts";

/**
 * Kill points, all from outside with SIGKILL: after an answer; with a batch on its way (before, in or after its
 * append); right after one batch that seals hundreds of bins; while the snapshot is written; while the engine starts.
 * Whatever was answered must be there; whatever was not is sent again and may be there or not.
 */
const KILL_POINTS = ["answered", "on its way", "many bins sealed", "starting"] as const;

/** Sends frames in order; after a break it goes on with the first frame it has no answer for. */
class Producer {
  readonly #frames: readonly Frame[];
  answered = 0;
  last: IngestAnswer | null = null;

  constructor(frames: readonly Frame[]) {
    this.#frames = frames;
  }

  get isDone(): boolean {
    return this.answered >= this.#frames.length;
  }

  get acknowledged(): readonly Frame[] {
    return this.#frames.slice(0, this.answered);
  }

  /** True when the batch was answered, false when the connection broke. */
  async send(client: EngineClient, runId: string, count: number): Promise<boolean> {
    const batch = this.#frames.slice(this.answered, this.answered + count);
    try {
      this.last = await client.sendFrames(runId, ndjson(batch));
    } catch (error) {
      if (error instanceof ClientError && ["connection_lost", "engine_unreachable"].includes(error.code)) return false;
      throw error;
    }
    expect(this.last).toMatchObject({ rejected: 0, late: 0, durable: true });
    this.answered += batch.length;
    return true;
  }
}

async function start(dataDir: string): Promise<{ engine: EngineProcess; client: EngineClient }> {
  const engine = new EngineProcess(dataDir);
  const url = await engine.url();
  if (url === null) throw new Error(`the engine did not start: ${engine.stderr}`);
  return { engine, client: new EngineClient({ baseUrl: url }) };
}

async function kill(point: (typeof KILL_POINTS)[number], chance: Random, site: KillSite): Promise<void> {
  const { producer, client, engine, runId, dataDir } = site;
  switch (point) {
    case "answered":
      await engine.kill();
      return;
    case "on its way": {
      const sending = producer.send(client, runId, 1 + chance.below(60));
      for (let turn = chance.below(60); turn > 0; turn--) await nextTurn();
      await engine.kill();
      await sending;
      return;
    }
    case "many bins sealed":
      await producer.send(client, runId, 500);
      await engine.kill();
      return;
    case "starting": {
      await engine.kill();
      const next = new EngineProcess(dataDir);
      for (let turn = chance.below(4000); turn > 0; turn--) await nextTurn();
      await next.kill();
    }
  }
}

interface KillSite {
  readonly producer: Producer;
  readonly client: EngineClient;
  readonly engine: EngineProcess;
  readonly runId: string;
  readonly dataDir: string;
}

/** The run once it has failed, or is completed and its last snapshot is there. */
async function completed(client: EngineClient, runId: string): Promise<RunDescription> {
  for (;;) {
    const run = await client.run(runId);
    if (run.state === "failed") return run;
    if (run.state === "completed" && run.snapshot?.sealedBin === run.sealedBin) return run;
  }
}

async function uninterrupted(scenario: Scenario): Promise<LiveState> {
  const { engine, client } = await start(tempFolder());
  const { runId } = await create(client, scenario);
  await client.sendFrames(runId, ndjson(scenario.frames));
  await completed(client, runId);
  const state = await client.liveState(runId);
  await engine.kill("SIGTERM");
  return state;
}

function create(client: EngineClient, { modelText, bindings }: Scenario): Promise<RunDescription> {
  return client.createRun({ mode: "live", model: modelText, bindings });
}

describe("an engine killed with SIGKILL in the middle of an ingest (classes 3 and 9)", () => {
  for (const seed of seedsFrom("ENGINE_KILL_SEED", 1)) {
    test(`comes to the hash chain and epoch of an uninterrupted run, seed ${seed} (ENGINE_KILL_SEED)`, async () => {
      const chance = random(seed);
      const scenario = pipelineScenario(seed, 900);
      const expected = foldScenario(scenario);
      const dataDir = tempFolder();
      let { engine, client } = await start(dataDir);
      const { runId, epoch } = await create(client, scenario);
      const producer = new Producer(scenario.frames);
      const kills = [...KILL_POINTS, chance.pick(KILL_POINTS)].sort(() => chance.next() - 0.5);

      for (const point of kills) {
        for (let batches = chance.below(4); batches > 0; batches--) {
          expect(await producer.send(client, runId, 1 + chance.below(60))).toBe(true);
        }
        await kill(point, chance, { producer, client, engine, runId, dataDir });
        ({ engine, client } = await start(dataDir));
        const run = await client.run(runId);
        expect(run.failure, point).toBeNull();
        expect(run.epoch).toBe(epoch);
        expect(run.hash, `${point} at bin ${run.sealedBin}`).toBe(expected.hash(run.sealedBin));
        const again = await client.sendFrames(runId, ndjson(producer.acknowledged));
        expect(again, `after ${point}`).toMatchObject({ accepted: 0, duplicates: producer.answered });
      }
      expect(producer.isDone, "the kills came in the middle").toBe(false);
      while (!producer.isDone) expect(await producer.send(client, runId, 100)).toBe(true);

      const run = await completed(client, runId);
      expect(run).toMatchObject({ state: "completed", epoch, sealedBin: 899, hash: expected.hash() });
      const state = await client.liveState(runId);
      expect(state).toEqual({ ...(await uninterrupted(scenario)), runId, epoch });
      expect(engine.stderr).toBe("");
    });

    test(`writes its snapshots whole, however often it is killed meanwhile, seed ${seed} (ENGINE_KILL_SEED)`, async () => {
      const chance = random(seed);
      const scenario = pipelineScenario(seed, 200);
      const expected = foldScenario(scenario);
      const dataDir = tempFolder();
      let { engine, client } = await start(dataDir);
      const { modelText, bindings } = scenario;
      const { runId } = await client.createRun({ mode: "live", model: modelText, bindings, checkpointEvery: 20 });
      const producer = new Producer(scenario.frames);
      for (let round = 0; round < 3; round++) {
        await producer.send(client, runId, 110);
        for (let turn = chance.below(400); turn > 0; turn--) await nextTurn();
        await engine.kill();
        ({ engine, client } = await start(dataDir));
      }
      while (!producer.isDone) await producer.send(client, runId, 110);
      const run = await completed(client, runId);
      expect(run).toMatchObject({ hash: expected.hash(), snapshot: { sealedBin: 199 } });
      const stored = (await client.listRuns()).filter(({ kind }) => kind === "stored");
      expect(stored.length).toBeGreaterThan(0);
      for (const { path: folder } of stored) {
        expect(path.dirname(folder!)).toBe(dataDir);
        expect(await verifyRunFolder(folder!)).toMatchObject({ isSound: true, problems: [] });
      }
    });
  }
});
