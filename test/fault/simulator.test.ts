import { describe, expect, test } from "vitest";
import { LogError } from "../../src/log/log-error.ts";
import { SqliteLogStore } from "../../src/log/sqlite/sqlite-log-store.ts";
import { parseRunId } from "../../src/protocol/ids.ts";
import { random } from "../support/random.ts";
import { SqliteDisk } from "../support/simulation/disk.ts";
import { RUN_ID } from "../support/simulation/scenario.ts";
import { simulatedSeeds } from "../support/simulation/seeds.ts";
import { Simulation } from "../support/simulation/simulation.ts";
import { tempFolder } from "../support/temp-folder.ts";

/**
 * Law of the whole (classes 1, 3, 4, 5, 8, 9, 11, 12, 13, 14): whatever a producer sends, however subscribers come and
 * go, and wherever the engine stops, the run is what two oracles say: a replay of the batches that reached the disk, and
 * the batch engine over the cells that were acknowledged. `npm run test:fault -- --seeds 1000` runs a thousand.
 */
const STEPS = 60;
/** Every so many seeds the log is on a real disk, where it can be torn and damaged. */
const SQLITE_EVERY = 4;
const DAMAGES = 4;

describe("a simulated engine", () => {
  for (const seed of simulatedSeeds()) {
    test(`comes to what the oracles say, seed ${seed} (SIMULATOR_SEED=${seed})`, async () => {
      const simulation = await Simulation.start(seed, seed % SQLITE_EVERY === 0 ? tempFolder() : null);
      for (let step = 0; step < STEPS && simulation.state !== "completed"; step++) {
        const name = await simulation.step();
        await simulation.check(`step ${step}: ${name}`);
        if (step % 5 === 0) simulation.checkValues(`step ${step}: ${name}`);
      }
      await simulation.finish();
      if (simulation.disk instanceof SqliteDisk) checkDamage(simulation.disk, seed);
    });
  }
});

/** A flipped bit or a cut in what was flushed is refused with file and place, or it hit nothing that means anything. */
function checkDamage(disk: SqliteDisk, seed: number): void {
  const chance = random(seed);
  const whole = read(disk.folder);
  expect(whole).not.toBeInstanceOf(LogError);
  for (let round = 0; round < DAMAGES; round++) {
    const { folder, what } = disk.damagedCopy(chance, `damaged-${round}`);
    const outcome = read(folder);
    if (outcome instanceof LogError) {
      expect(outcome.code, what).toMatch(/^log_(damaged|wrong_format)$/);
      expect(outcome.message, what).toContain(folder);
    } else expect(outcome, what).toEqual(whole);
  }
}

function read(folder: string): LogError | readonly unknown[] {
  let log: ReturnType<SqliteLogStore["open"]> | undefined;
  try {
    log = new SqliteLogStore(folder).open(parseRunId(RUN_ID)!);
    return [...log.readFrom(log.start()), log.producers(), log.meta];
  } catch (error) {
    if (error instanceof LogError) return error;
    throw error;
  } finally {
    log?.close();
  }
}
