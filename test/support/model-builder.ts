/**
 * Models in short form, for tests: `a=[1,2,3]`, `x: a + 1`, `q=buf(in,out,loss)`,
 * `p=pmf{10:.5,20:.5}`, `r=route(in; a*3; b@Gold+Std)`. Hour bins.
 */
export interface ShortModel {
  readonly nodes: readonly string[];
  readonly bins?: number;
  readonly binSize?: number;
  readonly binUnit?: "minutes" | "hours";
  /** YAML of the topology block's inside, indented by two spaces. */
  readonly topology?: string;
  /** Dispatch schedules of buffers: id → `period,phase[,capacity]`. */
  readonly schedules?: Readonly<Record<string, string>>;
  /** Classes of source nodes, as `node: class`, in order. */
  readonly arrivals?: readonly string[];
}

export function modelText(model: ShortModel): string {
  const parsed = model.nodes.map(parseNode);
  const bins = model.bins ?? Math.max(...parsed.map((node) => node.length));
  const lines = [
    "schemaVersion: 1",
    "grid:",
    `  bins: ${bins}`,
    `  binSize: ${model.binSize ?? 1}`,
    `  binUnit: ${model.binUnit ?? "hours"}`,
    '  start: "2026-01-05T00:00:00Z"',
    "nodes:",
  ];
  for (const node of parsed) {
    lines.push(`  - id: ${node.id}`, ...node.lines(bins).map((line) => `    ${line}`));
    const schedule = model.schedules?.[node.id];
    if (schedule !== undefined)
      lines.push("    dispatchSchedule:", ...scheduleLines(schedule).map((line) => `      ${line}`));
  }
  if (model.arrivals !== undefined) lines.push("traffic:", "  arrivals:", ...model.arrivals.flatMap(arrivalLines));
  if (model.topology !== undefined) lines.push("topology:", model.topology.replace(/\n+$/, ""));
  return `${lines.join("\n")}\n`;
}

const WIP_FIELDS = ["wipLimit", "wipLimitSeries", "wipOverflow"];

/**
 * YAML of topology nodes in short form, for `ShortModel.topology`: `Desk:queue arrivals=a served=b initial=2
 * schedule=3,-1 parallelism=2 slaMin=90`. `initial`, `schedule`, `wipLimit`, `wipLimitSeries`, `wipOverflow` and
 * `constraint` belong to the node, the others to its semantics.
 */
export function topologyNodes(...nodes: readonly string[]): string {
  const lines = nodes.flatMap((node) => {
    const [head, ...fields] = node.split(/ +(?=\w+=)/);
    const [id, kind] = head!.split(":");
    const pairs = fields.map((field) => field.split("=") as [string, string]);
    const own = new Map(pairs);
    const semantics = pairs.filter(([name]) => !["initial", "schedule", ...WIP_FIELDS, "constraint"].includes(name));
    return [
      `    - id: ${id}`,
      `      kind: ${kind}`,
      ...(own.has("initial") ? ["      initialCondition:", `        queueDepth: ${own.get("initial")}`] : []),
      ...(own.has("schedule")
        ? ["      dispatchSchedule:", ...scheduleLines(own.get("schedule")!).map((line) => `        ${line}`)]
        : []),
      ...WIP_FIELDS.filter((field) => own.has(field)).map((field) => `      ${field}: ${own.get(field)}`),
      ...(own.has("constraint") ? [`      constraints: [${own.get("constraint")}]`] : []),
      "      semantics:",
      ...semantics.map(([name, value]) => `        ${name}: ${value}`),
    ];
  });
  return ["  nodes:", ...lines].join("\n");
}

function scheduleLines(schedule: string): string[] {
  const [period, phase, capacity] = schedule.split(",").map((part) => part.trim());
  return [`periodBins: ${period}`, `phaseOffset: ${phase}`, ...(capacity ? [`capacitySeries: ${capacity}`] : [])];
}

function arrivalLines(arrival: string): string[] {
  const [nodeId, classId] = arrival.split(":").map((part) => part.trim());
  return [`    - nodeId: ${nodeId}`, `      classId: ${classId}`, "      pattern: { kind: constant, ratePerBin: 1 }"];
}

function routeLines(route: string): string[] {
  const [, target, weight, classes] = /^(\w+)(?:\*([\d.]+))?(?:@([\w+]+))?$/.exec(route.trim())!;
  const extras = [weight ? `, weight: ${weight}` : "", classes ? `, classes: [${classes.replaceAll("+", ", ")}]` : ""];
  return [`  - { target: ${target}${extras.join("")} }`];
}

interface ShortNode {
  readonly id: string;
  /** Bins the node itself implies; 1 when it implies none. */
  readonly length: number;
  lines(bins: number): string[];
}

function parseNode(text: string): ShortNode {
  const constant = /^(\w+)=\[(.*)\]$/.exec(text);
  if (constant) {
    const values = constant[2]!.split(",").map((value) => value.trim());
    return { id: constant[1]!, length: values.length, lines: () => ["kind: const", `values: [${values.join(", ")}]`] };
  }
  const repeated = /^(\w+)=(-?[\d.]+)s$/.exec(text);
  if (repeated) {
    return {
      id: repeated[1]!,
      length: 1,
      lines: (bins) => ["kind: const", `values: [${Array.from({ length: bins }, () => repeated[2]).join(", ")}]`],
    };
  }
  const buffer = /^(\w+)=buf\((\w+),(\w+)(?:,(\w+))?\)$/.exec(text);
  if (buffer) {
    const [, id, inflow, outflow, loss] = buffer;
    return {
      id: id!,
      length: 1,
      lines: () => [
        "kind: serviceWithBuffer",
        `inflow: ${inflow}`,
        `outflow: ${outflow}`,
        ...(loss ? [`loss: ${loss}`] : []),
      ],
    };
  }
  const router = /^(\w+)=route\((\w+);(.*)\)$/.exec(text);
  if (router) {
    const [, id, queue, routes] = router;
    return {
      id: id!,
      length: 1,
      lines: () => [
        "kind: router",
        `inputs: { queue: ${queue} }`,
        "routes:",
        ...routes!.split(";").flatMap(routeLines),
      ],
    };
  }
  const pmf = /^(\w+)=pmf\{(.*)\}$/.exec(text);
  if (pmf) {
    const pairs = pmf[2]!.split(",").map((pair) => pair.split(":").map(Number));
    return {
      id: pmf[1]!,
      length: 1,
      lines: () => [
        "kind: pmf",
        "pmf:",
        `  values: [${pairs.map(([value]) => value).join(", ")}]`,
        `  probabilities: [${pairs.map(([, probability]) => probability).join(", ")}]`,
      ],
    };
  }
  const expression = /^(\w+): (.*)$/.exec(text);
  if (!expression) throw new Error(`no node in short form: ${text}`);
  return { id: expression[1]!, length: 1, lines: () => ["kind: expr", `expr: "${expression[2]}"`] };
}
