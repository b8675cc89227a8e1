/** A chain of service stations, ten computed series a station: the model that speed is judged with. */
export function chainModel(stations: number, bins: number): string {
  let state = 42;
  const random = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  const constant = (id: string, value: () => number): string =>
    `  - id: ${id}\n    kind: const\n    values: [${Array.from({ length: bins }, value).join(", ")}]\n`;
  const expression = (id: string, text: string): string => `  - id: ${id}\n    kind: expr\n    expr: "${text}"\n`;
  const parts = [
    `schemaVersion: 1\ngrid:\n  bins: ${bins}\n  binSize: 5\n  binUnit: minutes\n  start: "2026-01-05T00:00:00Z"\nnodes:\n`,
    constant("demand", () => Math.round(50 + 50 * random())),
    constant("cap", () => Math.round(60 + 30 * random())),
  ];
  for (let station = 0; station < stations; station++) {
    const upstream = station === 0 ? "demand" : `served_${station - 1}`;
    const own = (name: string): string => `${name}_${station}`;
    parts.push(
      expression(own("base"), `${upstream} * 0.98`),
      expression(own("load"), `${own("base")} + SHIFT(${own("base")}, 1) * 0.05`),
      expression(own("eff"), "cap * 1.1"),
      expression(own("lim"), `MIN(${own("load")}, ${own("eff")})`),
      expression(own("err"), `${own("lim")} * 0.02`),
      expression(own("served"), `${own("lim")} - ${own("err")}`),
      expression(own("retry"), `CONV(${own("err")}, [0.0, 0.6, 0.3])`),
      expression(own("util"), `CLAMP(${own("load")} / ${own("eff")}, 0, 1)`),
      expression(own("wave"), `FLOOR(${own("load")} / 10) * STEP(${own("util")}, 0.9)`),
      `  - id: ${own("queue")}\n    kind: serviceWithBuffer\n    inflow: ${own("load")}\n    outflow: ${own("served")}\n    loss: ${own("err")}\n`,
    );
  }
  parts.push("topology:\n  nodes:\n");
  for (let station = 0; station < stations; station++) {
    parts.push(
      `    - id: Station${station}\n      kind: serviceWithBuffer\n      semantics:\n        arrivals: load_${station}\n` +
        `        served: served_${station}\n        errors: err_${station}\n        queueDepth: queue_${station}\n        capacity: eff_${station}\n`,
    );
  }
  parts.push(stations > 1 ? "  edges:\n" : "  edges: []\n");
  for (let station = 0; station + 1 < stations; station++) {
    parts.push(`    - id: e_${station}\n      from: "Station${station}:out"\n      to: "Station${station + 1}:in"\n`);
  }
  parts.push('outputs:\n  - series: "*"\n');
  return parts.join("");
}
