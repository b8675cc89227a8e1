import { main } from "../../src/cli/main.ts";

/** The command line from source: `node --import tsx stream-cli.ts stream runs RUN_ID …`. */
await main(process.argv.slice(2));
