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
  | { kind: "conv"; kernel: readonly number[]; argument: Term }
  | { kind: "pulse"; period: number; phase: number; amplitude: Term | null };

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
      kernel: fc.array(fc.constantFrom(0, 0.1, 0.25, 0.6, 1), { maxLength: 4 }),
      argument: tie("term"),
    }),
    fc.record({
      kind: fc.constant("pulse" as const),
      period: fc.integer({ min: 1, max: 5 }),
      phase: fc.nat({ max: 6 }),
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

const topologyNode = fc.record({
  kind: fc.constantFrom("service", "serviceWithBuffer", "queue", "dlq", "sink", "dependency"),
  arrivals: pick,
  served: pick,
  roles: fc.record(
    {
      errors: pick,
      attempts: pick,
      failures: pick,
      exhaustedFailures: pick,
      externalDemand: pick,
      queueDepth: pick,
      capacity: pick,
      processingTimeMsSum: pick,
      servedCount: pick,
    },
    { requiredKeys: [] },
  ),
  slaMin: fc.option(fc.integer({ min: 1, max: 120 })),
  maxAttempts: fc.option(fc.integer({ min: 1, max: 5 })),
  parallelism: fc.option(fc.integer({ min: 1, max: 4 })),
  initial: fc.option(fc.integer({ min: 0, max: 60 })),
  schedule: fc.option(fc.record({ period: fc.integer({ min: 1, max: 4 }), phase: fc.nat({ max: 3 }) })),
  edgeTo: fc.option(pick),
  edgeType: fc.constantFrom("throughput", "effort", "terminal"),
  edgeLag: fc.constantFrom(0, 0, 0, 1),
});

export const randomModel: fc.Arbitrary<RandomModel> = fc
  .record({
    bins: fc.integer({ min: 1, max: 24 }),
    nodes: fc.array(computationNode, { minLength: 2, maxLength: 12 }),
    topology: fc.array(topologyNode, { maxLength: 4 }),
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
      ...(topology.length > 0 ? topologyText(topology, ids) : []),
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
      const share = 1 / node.values.length;
      return [
        ...head("pmf"),
        "    pmf:",
        `      values: [${node.values.join(", ")}]`,
        `      probabilities: [${node.values.map(() => share).join(", ")}]`,
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
      return `CONV(${text(term.argument)}, [${term.kernel.join(", ")}])`;
    case "pulse":
      return `PULSE(${term.period}, ${term.phase}${term.amplitude === null ? "" : `, ${text(term.amplitude)}`})`;
  }
}

function topologyText(nodes: readonly Drawn<typeof topologyNode>[], ids: readonly string[]): string[] {
  const id = (chosen: number): string => ids[chosen % ids.length]!;
  const lines = ["topology:", "  nodes:"];
  nodes.forEach((node, index) => {
    lines.push(`    - id: Node${index}`, `      kind: ${node.kind}`, "      semantics:");
    lines.push(`        arrivals: ${id(node.arrivals)}`, `        served: ${id(node.served)}`);
    for (const [role, chosen] of Object.entries(node.roles))
      if (chosen !== undefined) lines.push(`        ${role}: ${id(chosen)}`);
    for (const name of ["slaMin", "maxAttempts", "parallelism"] as const) {
      if (node[name] !== null) lines.push(`        ${name}: ${node[name]}`);
    }
    if (node.initial !== null) lines.push("      initialCondition:", `        queueDepth: ${node.initial}`);
    if (node.schedule !== null) {
      lines.push(
        "      dispatchSchedule:",
        `        periodBins: ${node.schedule.period}`,
        `        phaseOffset: ${node.schedule.phase}`,
      );
    }
  });
  const edges = nodes.flatMap((node, index) =>
    node.edgeTo === null
      ? []
      : [
          `    - id: e${index}`,
          `      from: "Node${index}:out"`,
          `      to: "Node${node.edgeTo % nodes.length}:in"`,
          `      type: ${node.edgeType}`,
          ...(node.edgeLag === 0 ? [] : [`      lag: ${node.edgeLag}`]),
        ],
  );
  lines.push(...(edges.length > 0 ? ["  edges:", ...edges] : ["  edges: []"]));
  return lines;
}
