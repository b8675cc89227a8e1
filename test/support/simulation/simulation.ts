import { setImmediate as nextTurn } from "node:timers/promises";
import { expect } from "vitest";
import { decodeFrames } from "../../../src/ingest/decode.ts";
import { inputName } from "../../../src/model/plan.ts";
import type { IngestAnswer } from "../../../src/protocol/frame.ts";
import { BatchRefused } from "../../../src/runtime/group-commit.ts";
import { HashChain } from "../../../src/runtime/hash-chain.ts";
import type { RunLoop } from "../../../src/runtime/run-loop.ts";
import { type FakeParts, FaultyLogStore, fakeParts } from "../engine-parts.ts";
import { type Random, random } from "../random.ts";
import { type Disk, MemoryDisk, SqliteDisk } from "./disk.ts";
import { FrameSource, type SentLine } from "./frame-source.ts";
import { type DeathPoint, MortalLogStore, type WrittenBatch } from "./mortal-log-store.ts";
import { BatchOracle, ReplayOracle } from "./oracles.ts";
import { RUN_ID, simulatedRun } from "./scenario.ts";
import { SimulatedSubscriber } from "./simulated-subscriber.ts";

/** Small enough that every rung of a slow subscriber's ladder is met. */
const HUB_LIMITS = { replayEvents: 24, replayBytes: 60_000, unsentBytes: 8_000, slowResets: 3 };
const SUBSCRIBERS = 4;

interface Batch {
  readonly seq: number;
  readonly lines: readonly SentLine[];
}

/**
 * An engine, its disk, one producer and some subscribers, driven by chance from one seed. After every step: the run is
 * the oracle's, and so is what each subscriber believes at its cursor; nothing acknowledged is missing.
 */
export class Simulation {
  readonly disk: Disk;
  readonly #chance: Random;
  readonly #frames: FrameSource;
  readonly #batchOracle = new BatchOracle();
  readonly #replayOracle: ReplayOracle;
  readonly #subscribers: readonly SimulatedSubscriber[];
  #store: MortalLogStore;
  #parts: FakeParts;
  #loop: RunLoop;
  #written: WrittenBatch[] = [];
  #producerSeq = 0;
  #answered: Batch | null = null;

  private constructor(chance: Random, disk: Disk, frames: FrameSource, life: Life, loop: RunLoop) {
    this.#chance = chance;
    this.disk = disk;
    this.#frames = frames;
    this.#store = life.store;
    this.#parts = life.parts;
    this.#loop = loop;
    this.#written = life.written;
    this.#replayOracle = new ReplayOracle(loop.run.definition);
    this.#subscribers = Array.from({ length: SUBSCRIBERS }, () => new SimulatedSubscriber(chance));
  }

  static async start(seed: number, root: string | null): Promise<Simulation> {
    const chance = random(seed);
    const scenario = simulatedRun(seed, chance);
    const disk = root === null ? new MemoryDisk() : new SqliteDisk(root, RUN_ID);
    const life = live(disk);
    const loop = await life.parts.registry.create(scenario.request);
    return new Simulation(chance, disk, new FrameSource(chance, scenario.frames), life, loop);
  }

  get run(): RunLoop["run"] {
    return this.#loop.run;
  }

  get state(): string {
    return this.#loop.state;
  }

  /** What may happen, and how often. */
  readonly steps: Readonly<Record<string, { readonly weight: number; readonly take: () => Promise<void> | void }>> = {
    "a batch": { weight: 24, take: () => this.#send() },
    "a burst": { weight: 6, take: () => this.#burst() },
    "an atomic batch": { weight: 2, take: () => this.#sendAtomic() },
    "an old batch again": { weight: 2, take: () => this.#repeat() },
    "a full disk": { weight: 2, take: () => this.#fullDisk() },
    "a checkpoint": { weight: 2, take: () => this.#checkpoint() },
    "a stalled checkpoint": { weight: 2, take: () => this.#stalledCheckpoint() },
    "failing checkpoints": { weight: 1, take: () => this.#failingCheckpoints() },
    "time passes": { weight: 2, take: () => this.#parts.clock.advance(this.#chance.below(9_000)) },
    "the clock jumps back": { weight: 1, take: () => this.#parts.clock.jump(-this.#chance.below(3_600_000)) },
    "someone reads": { weight: 14, take: () => this.#someone().read(this.#chance.below(4_000)) },
    "someone reads all": { weight: 8, take: () => this.#someone().read() },
    "someone connects": { weight: 10, take: () => this.#connect(this.#someone()) },
    "someone is cut off": { weight: 4, take: () => this.#someone().cut() },
    "someone comes from elsewhere": { weight: 1, take: () => this.#strayCursor() },
    "a graceful restart": { weight: 2, take: () => this.#restart() },
    killed: { weight: 2, take: () => this.#kill(false) },
    "killed before the append": { weight: 2, take: () => this.#killInAppend("before the append", false) },
    "killed after the append": { weight: 2, take: () => this.#killInAppend("after the append", false) },
    "torn in the append": { weight: 2, take: () => this.#killInAppend("after the append", true) },
    "killed with a snapshot on its way": { weight: 1, take: () => this.#killInSnapshot() },
    "killed while it recovers": { weight: 1, take: () => this.#killInRecovery() },
  };

  /** One step by chance. @returns its name */
  async step(): Promise<string> {
    const entries = Object.entries(this.steps);
    let draw = this.#chance.below(entries.reduce((sum, [, { weight }]) => sum + weight, 0));
    for (const [name, { weight, take }] of entries) {
      draw -= weight;
      if (draw >= 0) continue;
      await take();
      return name;
    }
    throw new Error("no step");
  }

  /** Everything that must hold after a step. */
  async check(where: string): Promise<void> {
    const { run } = this;
    await settled(this.#loop);
    expect(this.#loop.failure, where).toBeNull();
    this.#takeWritten();
    expect(pictureOf(run), where).toEqual(pictureOf(this.#replayOracle.run));
    for (const [index, subscriber] of this.#subscribers.entries()) {
      expect(subscriber.fault, `${where}, subscriber ${index}`).toBeNull();
      if (subscriber.belief === null) continue;
      expect(subscriber.belief, `${where}, subscriber ${index}`).toBe(this.#replayOracle.beliefAt(subscriber.seq));
    }
  }

  /** The run against the batch engine over what was taken: values, warnings, chain. */
  checkValues(where: string): void {
    const { run } = this;
    const { plan } = run;
    const bins = run.evaluatedBin + 1;
    if (bins === 0) return;
    const { series, warnings } = this.#batchOracle.runOf(plan, bins);
    const image = run.image();
    for (const { id, values } of image.series) {
      expect(bits(values), `${where}: ${id}`).toEqual(bits(series.get(id)!));
    }
    for (const name of plan.bound.map(inputName)) {
      const gaps = this.#batchOracle.gaps(name, bins);
      const told = run.activeWarnings().find(({ key }) => key === `data_gap:${name}`);
      expect([told?.value ?? 0, told?.bins ?? []], `${where}: gaps of ${name}`).toEqual([
        gaps.length,
        gaps.slice(0, 5),
      ]);
    }
    if (warnings === null) return;
    const ingest = new Set(["data_gap", "late_frame"]);
    expect(
      run.activeWarnings().filter(({ code }) => !ingest.has(code)),
      where,
    ).toEqual(warnings);
    const columns = plan.columns.slice(0, plan.seriesCount).map(({ id }) => series.get(id)!);
    const chain = new HashChain(JSON.stringify([run.definition.modelText, plan.bound.map(inputName)]));
    for (let bin = 0; bin < bins; bin++) {
      const row = Float64Array.from(columns, (values) => values[bin]!);
      chain.replace(bin, run.knownBin(bin).rev, row, plan.seriesCount);
    }
    expect(run.hash(), where).toBe(chain.at(bins - 1));
  }

  /** The producer ends the run; everyone gets the rest. */
  async finish(): Promise<void> {
    await this.#deliver({ seq: this.#producerSeq++, lines: [{ text: '{"type":"end"}', cells: [] }] });
    await this.check("the end");
    await nextTurn();
    expect(this.state).toBe("completed");
    this.checkValues("the end");
    for (const subscriber of this.#subscribers) {
      for (let tries = 0; tries < 6 && subscriber.bye !== "completed"; tries++) {
        if (!subscriber.isConnected) this.#connect(subscriber);
        subscriber.read();
      }
      expect(subscriber.bye).toBe("completed");
      expect(subscriber.belief).toBe(this.#replayOracle.beliefAt(this.run.cursorSeq));
    }
    await this.#restart();
    await this.check("after a restart of the completed run");
    await this.#parts.registry.close();
  }

  #newBatch(): Batch {
    const lines = this.#frames.batch(this.run.sealedBin + 1, 1 + this.#chance.below(this.#chance.pick([3, 12, 60])));
    return { seq: this.#producerSeq++, lines };
  }

  async #send(): Promise<void> {
    await this.#deliver(this.#newBatch());
  }

  async #burst(): Promise<void> {
    const batches = Array.from({ length: 2 + this.#chance.below(5) }, () => this.#newBatch());
    const answers = batches.map((batch) => this.#submit(batch));
    for (let turns = this.#chance.below(4); turns > 0; turns--) {
      this.#connect(this.#someone());
      await nextTurn();
      this.#someone().read(this.#chance.below(8_000));
    }
    for (const [index, answer] of answers.entries()) this.#take(batches[index]!, await answer);
  }

  #submit({ seq, lines }: Batch, atomic = false): Promise<IngestAnswer> {
    const text = lines.map((line) => `${line.text}\n`).join("");
    this.disk.flushed();
    const stamp = { id: "simulated", epoch: 0, seq, digest: text };
    return this.#loop.submit(decodeFrames(text), { stamp, atomic });
  }

  async #deliver(batch: Batch): Promise<IngestAnswer> {
    const answer = await this.#submit(batch);
    this.#take(batch, answer);
    return answer;
  }

  #take(batch: Batch, answer: IngestAnswer): void {
    const { accepted, duplicates, late, rejected, errors } = answer;
    expect(accepted + duplicates + late + rejected).toBe(batch.lines.length);
    expect(late + rejected).toBe(errors.length);
    const refused = new Set(errors.map(({ line }) => line));
    for (const [index, line] of batch.lines.entries()) if (!refused.has(index + 1)) this.#batchOracle.take(line);
    this.#answered = batch;
  }

  async #sendAtomic(): Promise<void> {
    const batch = this.#newBatch();
    const before = pictureOf(this.run);
    try {
      this.#take(batch, await this.#submit(batch, true));
    } catch (error) {
      if (!(error instanceof BatchRefused)) throw error;
      expect(pictureOf(this.run), "an atomic batch that was refused").toEqual(before);
      this.#producerSeq--;
    }
  }

  async #repeat(): Promise<void> {
    if (this.#answered === null) return;
    const before = pictureOf(this.run);
    expect((await this.#submit(this.#answered)).accepted).toBe(0);
    expect(pictureOf(this.run), "a batch that was sent before").toEqual(before);
  }

  async #fullDisk(): Promise<void> {
    const batch = this.#newBatch();
    const before = pictureOf(this.run);
    this.#parts.logs.refusal = "log_full";
    await expect(this.#submit(batch)).rejects.toMatchObject({ code: "log_full" });
    this.#parts.logs.refusal = null;
    expect(pictureOf(this.run), "a batch without room").toEqual(before);
    await this.#deliver(batch);
  }

  async #checkpoint(): Promise<void> {
    if (this.run.evaluatedBin < 0) return;
    const { sealedBin } = await this.#loop.checkpoint();
    expect(sealedBin).toBe(this.run.evaluatedBin);
  }

  async #stalledCheckpoint(): Promise<void> {
    const { snapshots } = this.#parts;
    snapshots.behaviour = "hang";
    const asked = this.run.evaluatedBin < 0 ? null : this.#loop.checkpoint();
    for (let batches = 1 + this.#chance.below(4); batches > 0; batches--) await this.#send();
    snapshots.behaviour = "write";
    snapshots.release();
    await asked;
  }

  async #failingCheckpoints(): Promise<void> {
    this.#parts.snapshots.behaviour = "fail";
    await this.#send();
    await this.#loop.settled();
    this.#parts.snapshots.behaviour = "write";
  }

  #someone(): SimulatedSubscriber {
    return this.#chance.pick(this.#subscribers);
  }

  #connect(subscriber: SimulatedSubscriber): void {
    if (!subscriber.isConnected) subscriber.connect(this.#loop.topic);
  }

  #strayCursor(): void {
    const someone = this.#someone();
    if (someone.seq < 0) return;
    someone.cut();
    const reason = someone.stray();
    const before = someone.resets.length;
    someone.connect(this.#loop.topic);
    someone.read();
    expect(someone.resets.slice(before)[0]).toBe(reason);
  }

  async #restart(): Promise<void> {
    await this.#parts.registry.close();
    for (const subscriber of this.#subscribers) subscriber.read();
    await this.#begin();
  }

  async #kill(tear: boolean): Promise<void> {
    this.#store.die();
    await this.#killed(tear);
  }

  async #killInAppend(point: DeathPoint, tear: boolean): Promise<void> {
    const batch = this.#newBatch();
    await this.#loop.settled();
    this.#store.dieAt(point);
    const answer = this.#submit(batch);
    // What changes nothing is answered without the disk.
    const isAnswered = await Promise.race([answer.then(() => true), this.#store.death.then(() => false)]);
    if (isAnswered) this.#take(batch, await answer);
    await this.#kill(tear);
    if (!isAnswered) await this.#deliver(batch);
  }

  async #killInSnapshot(): Promise<void> {
    if (this.run.evaluatedBin < 0) return;
    this.#parts.snapshots.behaviour = "hang";
    void this.#loop.checkpoint();
    await nextTurn();
    await this.#kill(false);
  }

  async #killInRecovery(): Promise<void> {
    await this.#parts.registry.close();
    const { store, parts } = live(this.disk);
    store.dieAt("while the log is read");
    const recovered = parts.registry.recoverAll();
    await Promise.race([recovered, store.death]);
    store.die();
    this.#store = store;
    await this.#killed(false);
  }

  /** The process is gone; another one comes up over what it left. */
  async #killed(tear: boolean): Promise<void> {
    for (const subscriber of this.#subscribers) {
      if (this.#chance.chance(0.5)) subscriber.read(this.#chance.below(5_000));
      subscriber.cut();
    }
    this.disk.kill(tear, this.#chance);
    await this.#store.bury();
    await this.#begin();
  }

  async #begin(): Promise<void> {
    const life = live(this.disk);
    const { epoch } = this.run.definition;
    await life.parts.registry.recoverAll();
    expect(life.parts.problems, "coming back").toEqual([]);
    this.#keepWhatIsThere(life);
    this.#loop = life.parts.registry.get(RUN_ID)!;
    this.#store = life.store;
    this.#parts = life.parts;
    await this.#loop.settled();
    expect(this.run.definition.epoch).toBe(epoch);
    // Nobody may be told of what was never durable: reading on from an old cursor shows it.
    for (const subscriber of this.#subscribers) subscriber.cut();
  }

  /** Of what was written before, all that was answered must be there; the newest batch without an answer may be. */
  #keepWhatIsThere(life: Life): void {
    const before = this.#written;
    this.#written = life.written;
    const head = life.store.openedAt;
    for (const batch of before) {
      const isThere = batch.first + batch.records.length <= head;
      if (batch.isAnswered) expect(isThere, `the answered batch at ${batch.first} is there`).toBe(true);
      if (isThere) this.#replayOracle.take(batch);
    }
  }

  #takeWritten(): void {
    for (const batch of this.#written.splice(0)) this.#replayOracle.take(batch);
    this.#replayOracle.settle();
  }
}

/** One process over the disk, and what it writes. */
interface Life {
  readonly store: MortalLogStore;
  readonly parts: FakeParts;
  readonly written: WrittenBatch[];
}

function live(disk: Disk): Life {
  const written: WrittenBatch[] = [];
  const store = new MortalLogStore(disk.store(), (batch) => written.push(batch));
  return { store, parts: fakeParts({ logs: new FaultyLogStore(store), limits: HUB_LIMITS }), written };
}

/** Until nothing goes on by itself: what fell due while a snapshot was written is written after it. */
async function settled(loop: RunLoop): Promise<void> {
  for (let before = -1; before !== loop.run.cursorSeq; ) {
    before = loop.run.cursorSeq;
    await loop.settled();
    await nextTurn();
  }
}

function pictureOf(run: RunLoop["run"]): unknown {
  const { state, sealedBin, evaluatedBin, openBins, newestBin, cursorSeq, changes, checkpoint, isSettled } = run;
  return {
    ...{ state, sealedBin, evaluatedBin, openBins, newestBin, cursorSeq, changes, checkpoint, isSettled },
    hash: run.hash(),
    warnings: run.activeWarnings(),
    newest: run
      .recentBins()
      .slice(-1)
      .map((bin) => run.updateOf(bin)),
    rows: Array.from({ length: evaluatedBin + 1 }, (_, bin) => run.knownBin(bin)),
  };
}

function bits(values: Float64Array): string[] {
  return Array.from(values, (value) => (Object.is(value, -0) ? "-0" : String(value)));
}
