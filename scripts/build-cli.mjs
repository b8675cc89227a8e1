// Bundles the command line. One place, so that tests run what users run.
import { readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..");

// Commander is part of every start, so it is bundled; what only one command needs stays where npm put it.
const { dependencies } = JSON.parse(readFileSync(path.join(root, "package.json"), "utf8"));
const external = Object.keys(dependencies)
  .filter((name) => name !== "commander")
  .flatMap((name) => [name, `${name}/*`]);

/**
 * Importing a built-in module as ESM reads every one of its exports, and some of those load half of Node: `node:util`
 * alone costs 12 ms of the start, `node:fs` 3. Commander uses a handful of functions; it gets those, unimported. (It
 * would need `child_process` only for sub-commands that are programs of their own, which we have none of.)
 */
const builtinsOfCommander = {
  "node:child_process": "export default {};",
  "node:events": 'export const { EventEmitter } = process.getBuiltinModule("node:events");',
  "node:fs": 'export default process.getBuiltinModule("node:fs");',
  "node:path": 'export default process.getBuiltinModule("node:path");',
  "node:process": "export default process;",
  "node:util": 'export const { stripVTControlCharacters } = process.getBuiltinModule("node:util");',
};
const quickBuiltins = {
  name: "quick-builtins",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^node:/ }, ({ path: name, importer }) => {
      if (!/[\\/]commander[\\/]/.test(importer)) return null;
      return name in builtinsOfCommander
        ? { path: name, namespace: "quick-builtins" }
        : { errors: [{ text: `commander imports ${name}: add it to scripts/build-cli.mjs` }] };
    });
    onLoad({ filter: /.*/, namespace: "quick-builtins" }, ({ path: name }) => ({
      contents: builtinsOfCommander[name],
    }));
  },
};

/** @param {string} outdir absolute folder that gets `main.js`, the threads it starts, and their chunks */
export async function buildCli(outdir) {
  await build({
    absWorkingDir: root,
    entryPoints: {
      main: "src/cli/main.ts",
      "log-worker": "src/log/worker/log-worker.ts",
      "snapshot-thread": "src/runtime/snapshot-thread/snapshot-thread.ts",
    },
    outdir,
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    target: "node24",
    jsx: "automatic",
    external,
    define: { "process.env.NODE_ENV": '"production"' },
    chunkNames: "chunks/[name]-[hash]",
    plugins: [quickBuiltins],
    logLevel: "warning",
  });
}
