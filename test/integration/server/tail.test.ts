import { expect, test } from "vitest";
import { MARK, windowOf } from "../../../src/client/history.ts";
import { emptyView, foldEvent, type RunView, viewState } from "../../../src/client/run-view.ts";
import { RunStream, type StreamItem } from "../../../src/client/stream.ts";
import type { Cursor } from "../../../src/protocol/cursor.ts";
import type { LiveState, RunUpdate } from "../../../src/protocol/run-event.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { foldScenario, ndjson, pipelineScenario } from "../../support/live-scenario.ts";
import { random, seedsFrom } from "../../support/random.ts";
import { evaluated, serve } from "../../support/server.ts";

const CUTS = 10;
const BINS = 400;

/** A tail over real HTTP that can be cut off: its socket under it, or itself, to come back with the cursor it had. */
class Tail {
  readonly #url: string;
  readonly #runId: string;
  readonly #clock = new FakeClock();
  #socket = new AbortController();
  #items!: AsyncIterator<StreamItem>;
  #stream!: RunStream;
  view: RunView = emptyView();
  resumptions = 0;
  snapshots = 0;
  bins: number[] = [];

  constructor(url: string, runId: string) {
    this.#url = url;
    this.#runId = runId;
    this.#open(null);
  }

  #open(cursor: Cursor | null): void {
    this.#stream = new RunStream({
      baseUrl: this.#url,
      runId: this.#runId,
      cursor,
      clock: this.#clock,
      random: () => 0.5,
      fetch: (url, init) => {
        this.#socket = new AbortController();
        const signals = [this.#socket.signal, ...(init.signal ? [init.signal] : [])];
        return fetch(url, { ...init, signal: AbortSignal.any(signals) });
      },
    });
    this.#items = this.#stream[Symbol.asyncIterator]();
  }

  /** Reads until `enough` says so after an item; false when the stream was over before. */
  async read(enough: () => boolean): Promise<boolean> {
    while (!enough()) {
      const { done, value } = await this.#items.next();
      if (done === true) return false;
      if (value.source === "run") {
        this.view = foldEvent(this.view, value.event);
        expect(this.view.fault).toBeNull();
        if (value.event.event === "bin") this.bins.push(value.event.data.binIndex);
        if (value.event.event === "snapshot-end") this.snapshots++;
      } else if (value.event.event === "lost") {
        this.#clock.advance(value.event.retryInMs);
      } else if (value.event.event === "connected" && value.event.resumedFrom !== null) {
        this.resumptions++;
      } else if (value.event.event === "stopped") {
        throw new Error(`the stream stopped: ${value.event.message}`);
      }
    }
    return true;
  }

  async readItems(count: number): Promise<void> {
    let left = count;
    await this.read(() => left-- <= 0);
  }

  cutSocket(): void {
    // As undici says it when the other end is gone; a plain abort would look like the client's own wish.
    this.#socket.abort(new TypeError("terminated"));
  }

  async comeBack(): Promise<void> {
    const { cursor } = this.#stream;
    await this.#items.return?.();
    this.#open(cursor);
  }
}

function expectInStep(view: RunView, state: LiveState): void {
  const { schemaVersion: _version, series: _series, warnings, ...rest } = state;
  const sorted = [...warnings].sort((a, b) => (a.key < b.key ? -1 : 1));
  expect(viewState(view)).toEqual({ ...rest, warnings: sorted });
}

/** The bins that the view holds say what the run published in them. */
function expectHistory(view: RunView, published: readonly RunUpdate[]): void {
  const wanted = published.slice(-view.history.length);
  expect(view.history.map(({ binIndex, hash }) => [binIndex, hash])).toEqual(
    wanted.map(({ binIndex, hash }) => [binIndex, hash]),
  );
  for (const { id, metrics } of wanted.at(-1)!.nodes) {
    for (const metric of Object.keys(metrics)) {
      const { values, marks } = windowOf(view.history, view.layout, id, metric, wanted.length);
      const shown = Array.from(values, (value, at) => (marks[at] === MARK.value ? value : null));
      const told = wanted.map(({ nodes }) => nodes.find((node) => node.id === id)!.metrics[metric]);
      expect(shown, `${id} ${metric}`).toEqual(told);
    }
  }
}

for (const seed of seedsFrom("TAIL_SEED", 2)) {
  test(`a tail cut off ${CUTS} times at random folds to the engine's state, seed ${seed} (TAIL_SEED)`, async () => {
    const chance = random(seed);
    const scenario = pipelineScenario(seed, BINS);
    const { url, client } = await serve();
    const { modelText, bindings, frames } = scenario;
    const { runId } = await client.createRun({ mode: "live", model: modelText, bindings });
    let sent = 0;
    const send = async (count: number): Promise<void> => {
      const batch = frames.slice(sent, sent + count);
      sent += batch.length;
      if (batch.length > 0) await client.sendFrames(runId, ndjson(batch));
    };

    await send(chance.below(200));
    const tail = new Tail(url, runId);
    const perCut = Math.floor((frames.length - sent) / (CUTS + 1));
    for (let cut = 0; cut < CUTS; cut++) {
      const reading = tail.readItems(1 + chance.below(12));
      for (let left = perCut; left > 0; ) {
        const count = Math.min(left, 1 + chance.below(perCut));
        await send(count);
        left -= count;
        if (chance.chance(0.3) && (await client.run(runId)).sealedBin >= 0) await client.checkpoint(runId);
      }
      await reading;
      if (chance.chance(0.5)) tail.cutSocket();
      else await tail.comeBack();
      if (chance.chance(0.5)) {
        const { sealedBin } = await client.sendFrames(runId, "");
        await evaluated(client, runId, sealedBin);
        const state = await client.liveState(runId);
        await tail.read(() => tail.view.seq === state.seq && !tail.view.isResyncing);
        expectInStep(tail.view, state);
      }
    }
    await send(frames.length);
    expect(await tail.read(() => tail.view.bye !== null)).toBe(true);
    expect(tail.view.bye).toMatchObject({ code: "completed" });

    const state = await client.liveState(runId);
    expect(state.sealedBin).toBe(BINS - 1);
    expectInStep(tail.view, state);
    const expected = foldScenario(scenario);
    expect(tail.view.hash).toBe(expected.hash());
    expectHistory(
      tail.view,
      expected.recentBins().map((bin) => expected.updateOf(bin)),
    );
    expect(new Set(tail.bins).size, "no bin came twice").toBe(tail.bins.length);
    expect(tail.resumptions).toBeGreaterThan(0);
    expect(tail.snapshots, "what the engine still has is never sent as a snapshot again").toBe(1);
  });
}
