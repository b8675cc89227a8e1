import { seedsFrom } from "../random.ts";

/** Seeds of one go: `SIMULATOR_SEED` alone when it is given, else `FLOWTIME_SEEDS` fresh ones. Default 4: seconds. */
export function simulatedSeeds(): readonly number[] {
  const seeds = seedsFrom("SIMULATOR_SEED", Number(process.env.FLOWTIME_SEEDS ?? 4));
  console.log(`seeds of the simulator: ${seeds.length} from SIMULATOR_SEED=${seeds[0]}`);
  return seeds;
}
