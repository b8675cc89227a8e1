#!/usr/bin/env node
// biome-ignore-all lint/style/useNodejsImportProtocol: the first releases of Node 14 do not know `node:`.
// Plain JavaScript that Node 14 can parse: it finds a runtime that is new enough and starts the built command line.
import { createRequire } from "module";

// Required, not imported: importing a built-in module loads everything it exports, which costs milliseconds.
const require = createRequire(import.meta.url);
const fs = require("fs");
const module = require("module");
const path = require("path");
const { fileURLToPath, pathToFileURL } = require("url");

const OLDEST_NODE = 24;
// React's development build leaks; this must be set before anything imports it.
process.env.NODE_ENV = "production";

const root = path.resolve(path.dirname(fs.realpathSync(fileURLToPath(import.meta.url))), "..");

if (majorOf(process.versions.node) >= OLDEST_NODE) start();
else restart(require("child_process").spawn);

function start() {
  const entry = path.join(root, "dist", "cli", "main.js");
  if (!fs.existsSync(entry)) {
    fail("flowtime is not built yet; run: npm run build");
    return;
  }
  if (module.enableCompileCache) module.enableCompileCache();
  import(pathToFileURL(entry).href)
    .then((cli) => cli.main(process.argv.slice(2)))
    .catch((error) => {
      fail(`flowtime cannot start: ${error.stack || error}`);
    });
}

/** Runs the same command line on the runtime that was installed with the package. */
function restart(spawn) {
  const runtime = bundledNode();
  if (runtime === null) {
    fail(
      `flowtime needs Node.js ${OLDEST_NODE} or newer, this is ${process.versions.node}; ` +
        `install it from https://nodejs.org, or run npm install in ${root}`,
    );
    return;
  }
  const args = [fileURLToPath(import.meta.url)].concat(process.argv.slice(2));
  const child = spawn(runtime, process.execArgv.concat(args), { stdio: "inherit" });
  const signals = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR2", "SIGCONT"];
  const forward = {};
  signals.forEach((signal) => {
    // Ctrl-C reaches the child by itself as well; it takes the two for one.
    forward[signal] = () => child.kill(signal);
    process.on(signal, forward[signal]);
  });
  child.on("error", (error) => {
    fail(`flowtime cannot start ${runtime}: ${error.message}`);
  });
  child.on("exit", (code, signal) => {
    signals.forEach((name) => {
      process.removeListener(name, forward[name]);
    });
    if (signal === null) process.exitCode = code;
    else process.kill(process.pid, signal);
  });
}

/** The `node` of the npm package `node`, here or in a folder above, when it is new enough; else null. */
function bundledNode() {
  const name = process.platform === "win32" ? "node.exe" : "node";
  for (let folder = root; ; folder = path.dirname(folder)) {
    const found = path.join(folder, "node_modules", "node", "bin", name);
    if (fs.existsSync(found) && found !== process.execPath && isNewEnough(path.join(folder, "node_modules", "node"))) {
      return found;
    }
    if (path.dirname(folder) === folder) return null;
  }
}

function isNewEnough(packageFolder) {
  try {
    return (
      majorOf(JSON.parse(fs.readFileSync(path.join(packageFolder, "package.json"), "utf8")).version) >= OLDEST_NODE
    );
  } catch {
    // No package, or one that cannot be read: as good as none.
    return false;
  }
}

function majorOf(version) {
  return Number(version.split(".")[0]);
}

function fail(message) {
  process.stderr.write(`${message}\n`);
  process.exitCode = 2;
}
