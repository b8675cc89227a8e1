/**
 * The import table of the project (ARCHITECTURE.md, "Who may import whom"). Every folder lists what it may reach
 * besides itself; whatever is not listed is an error. Changing this table is an architecture decision (ADR).
 */
const allowed = {
  lib: [],
  protocol: ["lib"],
  model: ["lib"],
  engine: ["model", "lib"],
  analysis: ["engine", "model", "lib"],
  observability: ["lib"],
  auth: ["protocol", "observability", "lib"],
  log: ["protocol", "observability", "lib"],
  hub: ["protocol", "observability", "lib"],
  ingest: ["log", "auth", "protocol", "observability", "lib"],
  snapshot: ["model", "engine", "analysis", "protocol", "observability", "lib"],
  runtime: ["model", "engine", "analysis", "log", "hub", "snapshot", "protocol", "observability", "lib"],
  server: [
    "model",
    "engine",
    "analysis",
    "runtime",
    "snapshot",
    "hub",
    "ingest",
    "log",
    "auth",
    "protocol",
    "observability",
    "lib",
  ],
  client: ["protocol", "lib"],
  tui: ["client", "protocol", "lib"],
  web: ["client", "protocol", "lib"],
};

/** Packages from outside, and the only places that may import them. `core` folders have none beyond the YAML parser. */
const vendors = {
  yaml: "^src/(model|snapshot)/",
  fastify: "^src/server/",
  react: "^src/tui/",
  ink: "^src/tui/",
  "string-width": "^src/tui/",
  commander: "^src/cli/",
  chokidar: "^src/ingest/",
  "csv-parse": "^src/(ingest|snapshot)/",
  "csv-stringify": "^src/(ingest|snapshot)/",
  eventsource: "^src/client/",
  "hyparquet-writer": "^src/snapshot/",
  yauzl: "^src/snapshot/",
};

const pureFolders = "^src/(model|engine|analysis)/";

module.exports = {
  forbidden: [
    { name: "no-circular", severity: "error", from: {}, to: { circular: true } },
    {
      name: "no-orphans",
      severity: "error",
      from: { orphan: true, path: "^src/", pathNot: "^src/(index|cli/main)\\.ts$" },
      to: {},
    },
    ...Object.entries(allowed).map(([folder, targets]) => ({
      name: `imports-of-${folder}`,
      severity: "error",
      from: { path: `^src/${folder}/` },
      to: { path: "^src/", pathNot: `^src/(${[folder, ...targets].join("|")})/` },
    })),
    {
      name: "cli-reaches-the-server-side-only-from-commands-that-run-locally",
      severity: "error",
      from: {
        path: "^src/cli/",
        pathNot:
          "^src/cli/commands/(serve|ingest|run|validate|runs|verify|export|artifacts|replay|telemetry-capture|telemetry-bundle|feed-source|feed-run)\\.ts$",
      },
      to: { path: "^src/(server|runtime|engine|analysis|model|log|hub|ingest|snapshot|auth)/" },
    },
    {
      name: "core-is-pure",
      comment: "model, engine and analysis know no files, clocks, sockets or processes",
      severity: "error",
      from: { path: pureFolders },
      to: { dependencyTypes: ["core"] },
    },
    ...Object.entries(vendors).map(([name, home]) => ({
      name: `vendor-${name.replace("/", "-")}`,
      severity: "error",
      from: { path: "^src/", pathNot: home },
      to: { path: `^node_modules/${name}/` },
    })),
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    enhancedResolveOptions: { exportsFields: ["exports"], conditionNames: ["import", "node", "default", "types"] },
  },
};
