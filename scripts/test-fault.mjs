// `npm run test:fault -- [--seeds N] [vitest's own options]`: the fault tests, the simulator with N seeds (default 4).
import { spawnSync } from "node:child_process";

const args = process.argv.slice(2);
const at = args.indexOf("--seeds");
const env = { ...process.env };
if (at >= 0) {
  const [, seeds] = args.splice(at, 2);
  if (!/^[1-9]\d*$/.test(seeds ?? "")) {
    process.stderr.write("--seeds takes a number of seeds, such as: npm run test:fault -- --seeds 1000\n");
    process.exit(2);
  }
  env.FLOWTIME_SEEDS = seeds;
  // Of hundreds of seeds only what failed is of interest.
  args.push("--reporter=dot");
}
// A thousand seeds alone; without a number everything that is about faults.
const tests = at >= 0 ? ["test/fault/simulator"] : ["test/fault"];
process.exit(spawnSync("vitest", ["run", ...tests, ...args], { stdio: "inherit", env }).status ?? 1);
