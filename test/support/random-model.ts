import fc from "fast-check";

/**
 * Random FlowTime models as YAML text, over every construct that the engine evaluates. Built from small numbers, so
 * that fast-check shrinks a failing model to a small one. Same-bin references go to earlier nodes only (no cycles),
 * lagged ones anywhere (feedback and forward references); the order of declaration is shuffled.
 */
export interface RandomModel {
  readonly text: string;
  readonly bins: number;
  readonly nodeIds: readonly string[];
}

type Term =
  | { kind: "number"; value: number }
  | { kind: "node"; pick: number }
  | { kind: "binary"; operator: string; left: Term; right: Term }
  | { kind: "function"; name: string; args: readonly Term[] }
  | { kind: "lagged"; lag: number; pick: number; scale: Term }
  | { kind: "shift"; lag: number; argument: Term }
  | { kind: "conv"; kernel: readonly number[] | number; argument: Term }
  | { kind: "pulse"; period: number; phase: number | null; amplitude: Term | null };

const smallValue = fc.oneof(
  { weight: 5, arbitrary: fc.integer({ min: 0, max: 120 }) },
  { weight: 2, arbitrary: fc.integer({ min: 0, max: 12000 }).map((value) => value / 100) },
  { weight: 1, arbitrary: fc.constantFrom(0, -3, -0.5, 1e-7, 1e17) },
);
const pick = fc.nat({ max: 30 });

const { term } = fc.letrec<{ term: Term; leaf: Term }>((tie) => ({
  leaf: fc.oneof(
    {
      weight: 1,
      arbitrary: fc.integer({ min: 0, max: 20 }).map((value): Term => ({ kind: "number", value: value / 2 })),
    },
    { weight: 4, arbitrary: pick.map((index): Term => ({ kind: "node", pick: index })) },
  ),
  term: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    tie("leaf"),
    fc.record({
      kind: fc.constant("binary" as const),
      operator: fc.constantFrom("+", "-", "*", "/"),
      left: tie("term"),
      right: tie("term"),
    }),
    fc
      .tuple(fc.constantFrom("MIN", "MAX", "MOD", "STEP"), tie("term"), tie("term"))
      .map(([name, a, b]): Term => ({ kind: "function", name, args: [a, b] })),
    fc
      .tuple(fc.constantFrom("FLOOR", "CEIL", "ROUND"), tie("term"))
      .map(([name, a]): Term => ({ kind: "function", name, args: [a] })),
    fc
      .tuple(tie("term"), tie("leaf"), tie("leaf"))
      .map(([a, low, high]): Term => ({ kind: "function", name: "CLAMP", args: [a, low, high] })),
    fc.record({ kind: fc.constant("lagged" as const), lag: fc.integer({ min: 1, max: 4 }), pick, scale: tie("leaf") }),
    fc.record({ kind: fc.constant("shift" as const), lag: fc.integer({ min: 0, max: 3 }), argument: tie("term") }),
    fc.record({
      kind: fc.constant("conv" as const),
      kernel: fc.oneof(
        { weight: 4, arbitrary: fc.array(fc.constantFrom(0, 0.1, 0.25, 0.6, 1), { maxLength: 4 }) },
        { weight: 1, arbitrary: fc.constantFrom(0, 0.5, 2) },
      ),
      argument: tie("term"),
    }),
    fc.record({
      kind: fc.constant("pulse" as const),
      period: fc.integer({ min: 1, max: 5 }),
      phase: fc.option(fc.nat({ max: 6 })),
      amplitude: fc.option(tie("leaf")),
    }),
  ),
}));

const computationNode = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("const" as const),
      values: fc.array(smallValue, { minLength: 1, maxLength: 24 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("pmf" as const),
      values: fc.uniqueArray(fc.integer({ min: 0, max: 50 }), { minLength: 1, maxLength: 4 }),
      weights: fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 4, maxLength: 4 }),
      // Within what the schema takes, beyond what evaluation takes for 1.
      surplus: fc.constantFrom(0, 0, 5e-5),
    }),
  },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant("expr" as const), term }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("router" as const),
      queue: pick,
      routes: fc.array(
        fc.record({
          target: pick,
          classes: fc.constantFrom([], [], ["Gold"], ["Std"], ["Gold", "Std"]),
          weight: fc.constantFrom(1, 2, 0.5),
        }),
        { minLength: 1, maxLength: 3 },
      ),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("buffer" as const),
      inflow: pick,
      outflow: pick,
      loss: fc.option(pick),
      schedule: fc.option(
        fc.record({
          period: fc.integer({ min: 1, max: 5 }),
          phase: fc.integer({ min: -4, max: 6 }),
          capacity: fc.option(pick),
        }),
      ),
    }),
  },
);

const reference = fc.oneof({ weight: 4, arbitrary: pick }, { weight: 1, arbitrary: fc.constant("self" as const) });

const topologyNode = fc.record({
  /** Some are named like a computation node: edges of a router are found by its name. */
  namesake: fc.option(pick, { freq: 3 }),
  kind: fc.constantFrom(
    "service",
    "serviceWithBuffer",
    "queue",
    "dlq",
    "router",
    "sink",
    "dependency",
    "const",
    "pmf",
    "expr",
    "Widget",
  ),
  isSink: fc.constantFrom(false, false, false, true),
  labels: fc.boolean(),
  arrivals: pick,
  served: pick,
  roles: fc.record(
    {
      errors: pick,
      attempts: pick,
      failures: pick,
      exhaustedFailures: pick,
      retryEcho: reference,
      retryBudgetRemaining: pick,
      externalDemand: pick,
      queueDepth: reference,
      capacity: pick,
      processingTimeMsSum: pick,
      servedCount: pick,
    },
    { requiredKeys: [] },
  ),
  retryKernel: fc.option(fc.array(fc.constantFrom(0, 0.5, 0.3, 0.8, -0.1), { minLength: 1, maxLength: 5 }), {
    freq: 2,
  }),
  slaMin: fc.option(fc.integer({ min: 1, max: 120 })),
  maxAttempts: fc.option(fc.integer({ min: 1, max: 5 })),
  parallelism: fc.oneof(
    fc.constant(null),
    fc.integer({ min: 1, max: 4 }),
    pick.map((index) => ({ series: index })),
  ),
  initial: fc.option(fc.integer({ min: 0, max: 60 })),
  schedule: fc.option(
    fc.record({
      period: fc.integer({ min: 1, max: 4 }),
      phase: fc.integer({ min: -2, max: 3 }),
      capacity: fc.option(pick),
    }),
  ),
  constraints: fc.uniqueArray(fc.nat({ max: 2 }), { maxLength: 2 }),
  /** Counts only where limits are enforced; on nodes with a queue of their own. */
  wip: fc.option(
    fc.record({
      limit: fc.oneof(
        { weight: 2, arbitrary: fc.constantFrom(0, 5, 20, 37.5) },
        { weight: 1, arbitrary: pick.map((index) => ({ series: index })) },
      ),
      overflow: fc.oneof(fc.constant(null), fc.constant("loss"), pick),
    }),
    { freq: 2 },
  ),
});

const edge = fc.record({
  isNamed: fc.boolean(),
  from: pick,
  to: pick,
  port: fc.constantFrom("", ":out", ":out", ":errors"),
  type: fc.constantFrom(null, "throughput", "throughput", "effort", "terminal", "dependency"),
  measure: fc.constantFrom(null, null, "served", "attempts", "errors", "failures", "exhaustedFailures", "load"),
  weight: fc.constantFrom(null, null, 2, 0.5, 0, -1),
  multiplier: fc.constantFrom(null, null, 3),
  lag: fc.constantFrom(null, null, 0, 1),
});

const constraint = fc.record({ arrivals: pick, served: pick, errors: fc.option(pick), latency: fc.option(pick) });

const topology = fc.record({
  nodes: fc.array(topologyNode, { maxLength: 4 }),
  edges: fc.array(edge, { maxLength: 5 }),
  constraints: fc.array(constraint, { maxLength: 2 }),
});

export const randomModel: fc.Arbitrary<RandomModel> = fc
  .record({
    bins: fc.integer({ min: 1, max: 24 }),
    nodes: fc.array(computationNode, { minLength: 2, maxLength: 12 }),
    topology,
    // Two classes: of three or more, FlowTime sums in an order that depends on bins still to come.
    arrivals: fc.array(fc.record({ node: pick, classId: fc.constantFrom("Gold", "Std") }), { maxLength: 3 }),
    shuffle: fc.array(fc.nat({ max: 1000 }), { minLength: 12, maxLength: 12 }),
  })
  .map(({ bins, nodes, topology, arrivals, shuffle }) => {
    const ids = nodes.map((_, index) => `n${index}`);
    const blocks = nodes.map((node, index) => nodeText(node, index, ids, bins));
    const order = blocks.map((_, index) => index).sort((a, b) => shuffle[a]! - shuffle[b]! || a - b);
    const lines = [
      "schemaVersion: 1",
      "grid:",
      `  bins: ${bins}`,
      "  binSize: 5",
      "  binUnit: minutes",
      '  start: "2026-01-05T00:00:00Z"',
      ...(arrivals.length === 0 ? [] : trafficText(arrivals, ids)),
      "nodes:",
      ...order.flatMap((index) => blocks[index]!),
      ...(topology.nodes.length > 0 ? topologyText(topology, ids) : []),
    ];
    return { text: `${lines.join("\n")}\n`, bins, nodeIds: ids };
  });

type Drawn<A> = A extends fc.Arbitrary<infer T> ? T : never;

function nodeText(node: Drawn<typeof computationNode>, index: number, ids: readonly string[], bins: number): string[] {
  const earlier = (chosen: number): string => ids[chosen % index]!;
  const head = (kind: string): string[] => [`  - id: ${ids[index]}`, `    kind: ${kind}`];
  const constant = (values: readonly number[]): string[] => [
    ...head("const"),
    `    values: [${Array.from({ length: bins }, (_, bin) => values[bin % values.length]).join(", ")}]`,
  ];
  switch (node.kind) {
    case "const":
      return constant(node.values);
    case "pmf": {
      const weights = node.values.map((_, at) => node.weights[at]!);
      const total = weights.reduce((sum, weight) => sum + weight, 0);
      const probabilities = weights.map((weight, at) => weight / total + (at === 0 ? node.surplus : 0));
      return [
        ...head("pmf"),
        "    pmf:",
        `      values: [${node.values.join(", ")}]`,
        `      probabilities: [${probabilities.map((value) => Math.min(1, value)).join(", ")}]`,
      ];
    }
    case "expr":
      return [...head("expr"), `    expr: "${termText(node.term, index, ids)}"`];
    case "router": {
      if (index === 0) return constant([4, 5]);
      const targets = ids.filter((_, other) => other !== index);
      return [
        ...head("router"),
        "    inputs:",
        `      queue: ${earlier(node.queue)}`,
        "    routes:",
        ...node.routes.flatMap(({ target, classes, weight }) => [
          `      - target: ${targets[target % targets.length]}`,
          classes.length > 0 ? `        classes: [${classes.join(", ")}]` : `        weight: ${weight}`,
        ]),
      ];
    }
    case "buffer": {
      if (index === 0) return constant([1, 2, 3]);
      const { schedule } = node;
      return [
        ...head("serviceWithBuffer"),
        `    inflow: ${earlier(node.inflow)}`,
        `    outflow: ${earlier(node.outflow)}`,
        ...(node.loss === null ? [] : [`    loss: ${earlier(node.loss)}`]),
        ...(schedule === null
          ? []
          : [
              "    dispatchSchedule:",
              `      periodBins: ${schedule.period}`,
              `      phaseOffset: ${schedule.phase}`,
              ...(schedule.capacity === null ? [] : [`      capacitySeries: ${earlier(schedule.capacity)}`]),
            ]),
      ];
    }
  }
}

function trafficText(arrivals: readonly { node: number; classId: string }[], ids: readonly string[]): string[] {
  return [
    "classes:",
    "  - id: Gold",
    "  - id: Std",
    "traffic:",
    "  arrivals:",
    ...arrivals.flatMap(({ node, classId }) => [
      `    - nodeId: ${ids[node % ids.length]}`,
      `      classId: ${classId}`,
      "      pattern: { kind: constant, ratePerBin: 1 }",
    ]),
  ];
}

function termText(term: Term, index: number, ids: readonly string[]): string {
  const text = (inner: Term): string => termText(inner, index, ids);
  switch (term.kind) {
    case "number":
      return String(term.value);
    case "node":
      return index === 0 ? "7" : ids[term.pick % index]!;
    case "binary":
      return `(${text(term.left)} ${term.operator} ${text(term.right)})`;
    case "function":
      return `${term.name}(${term.args.map(text).join(", ")})`;
    case "lagged": {
      // Never the node itself: FlowTime wants an initial condition for that.
      const others = ids.filter((_, other) => other !== index);
      return `SHIFT(${others[term.pick % others.length]} * 0.5 + ${text(term.scale)}, ${term.lag})`;
    }
    case "shift":
      return `SHIFT(${text(term.argument)}, ${term.lag})`;
    case "conv":
      return `CONV(${text(term.argument)}, ${typeof term.kernel === "number" ? term.kernel : `[${term.kernel.join(", ")}]`})`;
    case "pulse": {
      const { period, phase, amplitude } = term;
      if (amplitude !== null) return `PULSE(${period}, ${phase ?? 0}, ${text(amplitude)})`;
      return phase === null ? `PULSE(${period})` : `PULSE(${period}, ${phase})`;
    }
  }
}

function topologyText(
  { nodes, edges, constraints }: Drawn<typeof topology>,
  computed: readonly string[],
): readonly string[] {
  const series = (chosen: number): string => computed[chosen % computed.length]!;
  const ids = topologyIds(nodes, computed);
  return [
    "topology:",
    "  nodes:",
    ...nodes.flatMap((node, index) => [
      ...topologyNodeText(node, ids[index]!, series, constraints.length),
      ...wipText(
        node,
        nodes.flatMap((other, at) => (at > index && hasOwnQueue(other) ? [ids[at]!] : [])),
        series,
      ),
    ]),
    edges.length > 0 ? "  edges:" : "  edges: []",
    ...edges.flatMap((entry, index) =>
      edgeText(
        entry,
        index,
        ids,
        edges.slice(0, index).some((other) => isSameWay(other, entry, ids.length)),
      ),
    ),
    ...(constraints.length > 0 ? ["  constraints:"] : []),
    ...constraints.flatMap(({ arrivals, served, errors, latency }, index) => [
      `    - id: limit${index}`,
      "      semantics:",
      `        arrivals: ${series(arrivals)}`,
      `        served: ${series(served)}`,
      ...(errors === null ? [] : [`        errors: ${series(errors)}`]),
      ...(latency === null ? [] : [`        latencyMinutes: ${series(latency)}`]),
    ]),
  ];
}

/** Distinct, whatever their case. */
function topologyIds(nodes: readonly Drawn<typeof topologyNode>[], computed: readonly string[]): readonly string[] {
  const taken = new Set<string>();
  return nodes.map(({ namesake }, index) => {
    const wanted = namesake === null ? null : computed[namesake % computed.length]!;
    const id = wanted === null || taken.has(wanted) ? `Node${index}` : wanted;
    taken.add(id);
    return id;
  });
}

function topologyNodeText(
  node: Drawn<typeof topologyNode>,
  id: string,
  series: (chosen: number) => string,
  constraints: number,
): readonly string[] {
  const { roles, parallelism, schedule } = node;
  // Only `self` names no node and passes validation; then an echo is generated, from failures or errors.
  const echoes = roles.errors !== undefined || roles.failures !== undefined;
  // FlowTime refuses to write `self` as a depth where no queue is generated.
  const isQueue = ["serviceWithBuffer", "queue", "dlq"].includes(node.kind);
  const named = (role: string, chosen: number | "self"): string => {
    if (chosen === "self" && (role === "retryEcho" ? echoes : isQueue)) return chosen;
    return series(chosen === "self" ? 0 : chosen);
  };
  const limits = node.constraints.filter((index) => index < constraints);
  return [
    `    - id: ${id}`,
    `      kind: ${node.kind}`,
    ...(node.isSink ? ["      nodeRole: sink"] : []),
    ...(node.labels ? ["      group: Some Group", "      ui: { x: 1, y: 2 }"] : []),
    ...(limits.length > 0 ? [`      constraints: [${limits.map((index) => `limit${index}`).join(", ")}]`] : []),
    ...(node.initial === null ? [] : ["      initialCondition:", `        queueDepth: ${node.initial}`]),
    ...(schedule === null
      ? []
      : [
          "      dispatchSchedule:",
          `        periodBins: ${schedule.period}`,
          `        phaseOffset: ${schedule.phase}`,
          ...(schedule.capacity === null ? [] : [`        capacitySeries: ${series(schedule.capacity)}`]),
        ]),
    "      semantics:",
    `        arrivals: ${series(node.arrivals)}`,
    `        served: ${series(node.served)}`,
    ...Object.entries(roles).flatMap(([role, chosen]) =>
      chosen === undefined ? [] : [`        ${role}: ${named(role, chosen)}`],
    ),
    ...(node.retryKernel === null ? [] : [`        retryKernel: [${node.retryKernel.join(", ")}]`]),
    ...(node.slaMin === null ? [] : [`        slaMin: ${node.slaMin}`]),
    ...(node.maxAttempts === null ? [] : [`        maxAttempts: ${node.maxAttempts}`]),
    ...(parallelism === null
      ? []
      : [`        parallelism: ${typeof parallelism === "number" ? parallelism : series(parallelism.series)}`]),
    ...(node.labels
      ? ["        backoffStrategy: linear", "        exhaustedPolicy: drop", "        aliases: { served: Shipped }"]
      : []),
  ];
}

function hasOwnQueue({ kind, roles: { queueDepth } }: Drawn<typeof topologyNode>): boolean {
  return ["serviceWithBuffer", "queue", "dlq"].includes(kind) && (queueDepth === undefined || queueDepth === "self");
}

/** @param targets queues that overflow may go to */
function wipText(
  node: Drawn<typeof topologyNode>,
  targets: readonly string[],
  series: (chosen: number) => string,
): readonly string[] {
  const { wip } = node;
  if (wip === null || !hasOwnQueue(node)) return [];
  const { limit, overflow } = wip;
  const target = typeof overflow === "number" ? targets[overflow % targets.length] : overflow;
  return [
    typeof limit === "number" ? `      wipLimit: ${limit}` : `      wipLimitSeries: ${series(limit.series)}`,
    ...(target == null ? [] : [`      wipOverflow: ${target}`]),
  ];
}

/** @param isRepeated whether an edge before it has the same ends, so that it needs a name of its own */
function edgeText(
  entry: Drawn<typeof edge>,
  index: number,
  ids: readonly string[],
  isRepeated: boolean,
): readonly string[] {
  const { isNamed, from, to, port, type, measure, weight, multiplier, lag } = entry;
  const field = (name: string, value: string | number | null): readonly string[] =>
    value === null ? [] : [`      ${name}: ${value}`];
  return [
    `    - from: "${ids[from % ids.length]}${port}"`,
    `      to: "${ids[to % ids.length]}:in"`,
    ...field("id", isNamed || isRepeated ? `e${index}` : null),
    ...field("type", type),
    ...field("measure", measure),
    ...field("weight", weight),
    ...field("multiplier", multiplier),
    ...field("lag", lag),
  ];
}

function isSameWay(a: Drawn<typeof edge>, b: Drawn<typeof edge>, nodes: number): boolean {
  return a.from % nodes === b.from % nodes && a.to % nodes === b.to % nodes;
}
