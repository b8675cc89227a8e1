import { describe, expect, test } from "vitest";
import { KEYMAP } from "../../../src/tui/keymap.ts";
import { nodeEntries, parseFilter } from "../../../src/tui/node-table.ts";
import { initialScreen, NOTICE_MS, ORDER_HOLD_MS, press, selectedNode } from "../../../src/tui/screen-state.ts";
import { FakeRun } from "../../support/fake-engine.ts";
import { pipelineScene, TuiScene } from "../../support/tui-scene.ts";

const size = { columns: 80, rows: 24 };
const screenOf = (scene: TuiScene) => scene.model.frame().screen;
const selected = (scene: TuiScene) => selectedNode(screenOf(scene));

/** A run of `count` nodes whose queues are as long as their number, and may be changed. */
function queues(count: number, rows = 24) {
  const nodes = Array.from({ length: count }, (_, at) => ({
    id: `n${String(at).padStart(3, "0")}`,
    kind: "queue",
    category: "queue",
    slaMin: null,
  }));
  const run = new FakeRun({ runId: "run_a", nodes });
  const scene = new TuiScene(run, { columns: 80, rows });
  const seal = (depth: (at: number) => number) => {
    run.seal(nodes.map(({ id }, at) => ({ id, metrics: { queueDepth: depth(at) } })));
    scene.catchUp();
  };
  seal((at) => at);
  return { scene, seal };
}

describe("moving", () => {
  test("down, up, first, last, and not beyond", () => {
    const { scene } = queues(5);
    expect(selected(scene)).toBe("n004");
    expect(selected(scene.keys("down", "j"))).toBe("n002");
    expect(selected(scene.keys("k"))).toBe("n003");
    expect(selected(scene.keys("G"))).toBe("n000");
    expect(selected(scene.keys("down"))).toBe("n000");
    expect(selected(scene.keys("g", "up"))).toBe("n004");
  });

  test("pages, and the rows follow the cursor", () => {
    const { scene } = queues(200);
    scene.keys("pagedown");
    const first = screenOf(scene);
    expect(first.top).toBe(0);
    scene.keys("pagedown");
    expect(screenOf(scene).top).toBeGreaterThan(0);
    scene.keys("pageup", "pageup");
    expect(screenOf(scene).top).toBe(0);
  });

  test("without having moved, the cursor stays on the first row", () => {
    const { scene, seal } = queues(5);
    seal((at) => -at);
    expect(selected(scene)).toBe("n000");
  });

  test("once moved, it follows its node, and the order stands still for a while", () => {
    const { scene, seal } = queues(5);
    scene.keys("down");
    seal((at) => -at);
    expect(screenOf(scene).order[0]).toBe("n004");
    scene.clock.advance(ORDER_HOLD_MS);
    seal((at) => -at);
    expect(screenOf(scene).order[0]).toBe("n000");
    expect(selected(scene)).toBe("n003");
  });

  test("a smaller terminal keeps the cursor in sight", () => {
    const { scene } = queues(50, 60);
    scene.keys("pagedown");
    scene.model.resize({ columns: 80, rows: 14 });
    const { screen } = scene.model.frame();
    const index = screen.order.indexOf(selected(scene)!);
    expect(index).toBeGreaterThanOrEqual(screen.top);
    expect(index).toBeLessThan(screen.top + 5);
  });
});

describe("sorting", () => {
  test("by number, reversed by the same number, by neighbours", () => {
    const { scene } = pipelineScene(size);
    expect(screenOf(scene.keys("1")).order).toEqual([
      "billing",
      "intake",
      "notify",
      "order-queue",
      "refund-dlq",
      "ship",
    ]);
    expect(screenOf(scene.keys("1")).order[0]).toBe("ship");
    expect(screenOf(scene.keys(">")).sort?.column).toBe("kind");
    expect(screenOf(scene.keys("<", "<")).sort?.column).toBe("errors");
    expect(screenOf(scene.keys("9")).sort?.column).toBe("errors");
  });

  test("nodes without a value come last, whichever way", () => {
    const { scene } = pipelineScene(size);
    expect(screenOf(scene.keys("6")).order.at(-1)).toBe("notify");
    expect(screenOf(scene.keys("r")).order.at(-1)).toBe("notify");
  });

  test("the order of a held picture does not change", () => {
    const { scene, seal } = queues(5);
    scene.keys(" ");
    seal((at) => -at);
    expect(screenOf(scene).order[0]).toBe("n004");
    scene.keys(" ");
    expect(screenOf(scene).order[0]).toBe("n000");
  });
});

describe("filtering", () => {
  const { scene } = pipelineScene(size);
  const entries = nodeEntries(scene.store.picture().view);
  const ids = (text: string) => entries.filter(parseFilter(text)).map(({ info }) => info.id);

  test.each([
    ["", 6],
    ["bill", 1],
    ["BILL", 1],
    ["^s|^n", 2],
    ["[half", 0],
    ["kind:queue", 2],
    ["kind:service", 4],
    ["is:warning", 2],
    ["is:gap", 1],
    ["kind:service ^n", 1],
    ["kind:", 0],
  ])("%j lets %d nodes through", (text, count) => expect(ids(text)).toHaveLength(count));

  test("typed live; Enter keeps it, Esc clears it, then Esc quits", () => {
    const { scene: typed } = pipelineScene(size);
    typed.keys("/", "b", "i", "x", "backspace");
    expect(screenOf(typed)).toMatchObject({ typing: "bi", filter: "bi", order: ["billing"] });
    typed.keys("return");
    expect(screenOf(typed)).toMatchObject({ typing: null, filter: "bi" });
    typed.keys("escape");
    expect(screenOf(typed)).toMatchObject({ filter: "" });
    expect(typed.effects).toEqual([]);
    typed.keys("escape");
    expect(typed.effects).toEqual(["quit"]);
  });

  test("letters are text while typing, q and ? included; Ctrl-C still quits", () => {
    const { scene: typed } = pipelineScene(size);
    typed.keys("/", "q", "?", " ", "up");
    expect(screenOf(typed)).toMatchObject({ typing: "q? ", isHelp: false });
    expect(typed.effects).toEqual([]);
    typed.keys("ctrl-c");
    expect(typed.effects).toEqual(["quit"]);
  });
});

describe("warnings", () => {
  test("w steps through them and takes the cursor along", () => {
    const { scene } = pipelineScene(size);
    scene.keys("w");
    expect(screenOf(scene).warningKey).toBe("notify/gap");
    expect(selected(scene)).toBe("notify");
    scene.keys("W", "W");
    expect(screenOf(scene).warningKey).toBe("notify/gap");
  });

  test("without any, a notice says so, and goes again", () => {
    const { scene } = pipelineScene(size, 5);
    scene.keys("w");
    expect(screenOf(scene).notice?.text).toBe("no active warnings");
    scene.clock.advance(NOTICE_MS + 1_000);
    expect(screenOf(scene).notice).toBeNull();
  });
});

test("help covers everything and any known key closes it", () => {
  const { scene } = pipelineScene(size);
  expect(screenOf(scene.keys("?")).isHelp).toBe(true);
  expect(screenOf(scene.keys("q")).isHelp).toBe(false);
  expect(scene.effects).toEqual([]);
});

test("Esc closes one thing at a time", () => {
  const { scene } = pipelineScene(size);
  scene.keys("return", "tab", " ");
  scene.keys("escape");
  expect(screenOf(scene)).toMatchObject({ isDetail: false, panel: "warnings" });
  scene.keys("escape");
  expect(screenOf(scene).panel).toBe("table");
  scene.keys("escape");
  expect(screenOf(scene).frozen).toBeNull();
  expect(scene.effects).toEqual([]);
});

test("c asks for a checkpoint, q quits, Ctrl-L redraws", () => {
  const { scene } = pipelineScene(size);
  scene.keys("c", "ctrl-l", "q");
  expect(scene.effects).toEqual(["checkpoint", "redraw", "quit"]);
});

test("every key of the table does something, no key is in it twice", () => {
  const keys = KEYMAP.flatMap((binding) => binding.keys);
  expect(new Set(keys).size).toBe(keys.length);
  const { scene } = pipelineScene(size);
  const context = { live: scene.store.picture().view, nowMs: 0, tableRows: 5 };
  for (const key of keys) {
    const before = { ...initialScreen(), order: ["intake", "ship"], selectedId: "intake" };
    const { state, effect } = press(before, key, context);
    const again = press({ ...before, selectedId: "ship" }, key, context);
    expect(effect !== null || state !== before || again.state !== before, key).toBe(true);
  }
});
