import { describe, expect, test } from "vitest";
import type { NodeInfo } from "../../../src/protocol/run.ts";
import type { NodeDelta } from "../../../src/protocol/run-event.ts";
import { ASCII_GLYPHS, type Glyphs, UNICODE_GLYPHS } from "../../../src/tui/glyphs.ts";
import type { ScreenSize } from "../../../src/tui/screen-size.ts";
import { lineText, lineWidth } from "../../../src/tui/text.ts";
import { renderScreen } from "../../../src/tui/views/screen.ts";
import { FakeRun } from "../../support/fake-engine.ts";
import { pipelineScene, TuiScene } from "../../support/tui-scene.ts";

function linesOf(scene: TuiScene, glyphs: Glyphs = UNICODE_GLYPHS): string[] {
  const { picture, screen, size } = scene.model.frame();
  return renderScreen(picture, screen, size, glyphs).map(lineText);
}

const SIZES: readonly ScreenSize[] = [
  { columns: 80, rows: 24 },
  { columns: 120, rows: 40 },
  { columns: 60, rows: 15 },
  { columns: 50, rows: 10 },
  { columns: 66, rows: 12 },
  { columns: 109, rows: 30 },
  { columns: 110, rows: 14 },
  { columns: 250, rows: 80 },
];

const WIDE_NAMES: readonly NodeInfo[] = [
  { id: "注文受付キュー", kind: "queue", category: "queue", slaMin: null },
  { id: "결제-서비스-노드-이름이-아주-긴-경우입니다", kind: "serviceWithBuffer", category: "queue", slaMin: 5 },
  { id: "👩‍👩‍👧‍👦-family", kind: "service", category: "service", slaMin: null },
  { id: "e\u0301clair\u001b[31m\n", kind: "service", category: "service", slaMin: null },
];

function wideNames(size: ScreenSize): TuiScene {
  const run = new FakeRun({ runId: "run_日本語", nodes: WIDE_NAMES });
  const scene = new TuiScene(run, size);
  for (let bin = 0; bin < 30; bin++) {
    const nodes: NodeDelta[] = WIDE_NAMES.map(({ id }, at) => ({
      id,
      metrics: {
        arrivals: 1e9 * bin,
        served: -bin,
        queueDepth: at * bin,
        utilization: bin / 10,
        latencyMinutes: 99 ** at,
      },
    }));
    const warning = {
      key: `w${bin}`,
      code: "served_exceeds_capacity",
      nodeId: WIDE_NAMES[bin % 4]!.id,
      message: "容量を超えました".repeat(30),
      severity: "error",
      bins: [bin],
      value: 1,
    } as const;
    run.seal(nodes, [{ action: "raised", warning }]);
  }
  return scene.catchUp();
}

const CHOICES: readonly (readonly [string, readonly string[]])[] = [
  ["as it opens", []],
  ["with details", ["return"]],
  ["paused", [" "]],
  ["with help", ["?"]],
  ["while a filter is typed", ["/", "i"]],
  ["at a warning", ["tab", "w", "w"]],
  ["sorted by the fourth column", ["4"]],
];

describe("every line fits", () => {
  for (const size of SIZES) {
    for (const [choice, keys] of CHOICES) {
      test.each([
        ["the pipeline", (of: ScreenSize) => pipelineScene(of).scene],
        ["wide characters", wideNames],
      ])(`${size.columns}x${size.rows} ${choice}: %s`, (_name, build) => {
        const scene = build(size).keys(...keys);
        const { picture, screen } = scene.model.frame();
        for (const glyphs of [UNICODE_GLYPHS, ASCII_GLYPHS]) {
          const lines = renderScreen(picture, screen, size, glyphs);
          if (!screen.isHelp) expect(lines).toHaveLength(size.rows - 1);
          expect(lines.length).toBeLessThan(size.rows);
          for (const line of lines) {
            expect(lineWidth(line), lineText(line)).toBeLessThanOrEqual(size.columns);
            expect(lineText(line)).not.toMatch(/[\u0000-\u001f\u007f]/);
          }
        }
      });
    }
  }

  test("ASCII is ASCII", () => {
    const { scene } = pipelineScene({ columns: 120, rows: 40 });
    for (const line of linesOf(scene, ASCII_GLYPHS)) expect(line).toMatch(/^[\x20-\x7e]*$/);
  });
});

describe("80x24", () => {
  const { scene } = pipelineScene({ columns: 80, rows: 24 });
  const lines = linesOf(scene);

  test("says which run, that it is live and how old the numbers are", () => {
    expect(lines[0]).toMatch(/^ flowtime {2}run_20261123T090000Z_a1b2c3d4 {2}live +● LIVE {2}lag 0\.\ds $/);
    expect(lines[1]).toContain("bin 69  2026-11-23 10:09Z · 1 min bins · 70 of 1440 sealed (4%) · seq 70");
    expect(lines[2]).toContain("warnings 2 · no checkpoint");
  });

  test("columns as documented, sorted by queue, no rates per second", () => {
    expect(lines[4]).toMatch(/^ {2}NODE +ARR +SRV +QUEUE▼ +UTIL +LATENCY {2}LAST 20 BINS +! *$/);
    const nodes = lines.slice(5, 11).map((line) => line.slice(2, 14).trim());
    expect(nodes.slice(3)).toEqual(["intake", "ship", "notify"]);
    expect(nodes).toHaveLength(6);
  });

  test("a node without telemetry says so and does not show zero", () => {
    const notify = lines.find((line) => line.includes("notify "))!;
    expect(notify.match(/n\/a/g)).toHaveLength(3);
    expect(notify).toContain("····················");
    expect(notify.trimEnd()).toMatch(/i\?$/);
  });

  test("an undefined value is neither", () => {
    expect(lines.find((line) => line.includes("refund-dlq"))).toMatch(/0\.0 +0\.0 +0\.0 +– /);
  });

  test("the key line names how to leave", () => {
    expect(lines.at(-1)).toContain("? help  q quit");
  });
});

describe("120x40", () => {
  const { scene } = pipelineScene({ columns: 120, rows: 40 });
  const lines = linesOf(scene);

  test("has kind, errors, more of the trend, and a chart beside the warnings", () => {
    expect(lines[4]).toMatch(/NODE +KIND +ARR +SRV +QUEUE▼ +UTIL +LATENCY +ERR {2}LAST 34 BINS/);
    expect(lines.join("\n")).toMatch(/ (billing|order-queue) · queueDepth +│ {2}warnings/);
    expect(lines.join("\n")).toContain("latencyMinutes");
    expect(lines[1]).toContain("conn up");
  });

  test("details lie above the warnings", () => {
    const { scene: other } = pipelineScene({ columns: 120, rows: 40 });
    const text = linesOf(other.keys("/", "n", "o", "t", "i", "return", "return")).join("\n");
    expect(text).toContain("no telemetry for: arrivals, served, errors");
    expect(text).toContain("capacity");
    expect(text).toContain("warnings (w/W next/prev)");
  });
});

describe("narrow", () => {
  test("drops the trend first, then arrivals and served and the second line", () => {
    const at = (columns: number) => linesOf(pipelineScene({ columns, rows: 20 }).scene);
    expect(at(79)[4]).toMatch(/ARR +SRV +QUEUE▼ +UTIL +LATENCY +!/);
    expect(at(65)[3]).toMatch(/NODE +QUEUE▼ +UTIL +LATENCY +!/);
    expect(at(65)[1]).toContain("bin 69");
  });

  test.each([
    [49, 24],
    [80, 9],
    [10, 3],
  ])("%dx%d is one line that says what it needs", (columns, rows) => {
    const lines = linesOf(pipelineScene({ columns, rows }).scene);
    expect(lines).toHaveLength(1);
    expect("need 50x10, have").toContain(lines[0]!.slice(0, 10));
  });
});

describe("standing", () => {
  const size = { columns: 80, rows: 24 };
  const head = (scene: TuiScene) => linesOf(scene)[0]!;

  test("paused: what is seen stands, what came since is counted", () => {
    const { scene, pipeline } = pipelineScene(size);
    scene.keys(" ");
    pipeline.advance(3);
    scene.catchUp();
    expect(head(scene)).toContain("|| PAUSED at bin 69  +3 bins since");
    expect(linesOf(scene)[1]).toContain("bin 69 ");
    scene.keys(" ");
    expect(head(scene)).toContain("● LIVE");
    expect(linesOf(scene)[1]).toContain("bin 72 ");
  });

  test("reconnecting, with cause and countdown", () => {
    const { scene } = pipelineScene(size);
    const event = { event: "lost", reason: "network", message: "ECONNREFUSED", failures: 2, retryInMs: 4000 } as const;
    scene.store.apply({ source: "connection", event });
    scene.clock.advance(1_000);
    expect(head(scene)).toMatch(/○ RECONNECTING in [34]s \(try 3\)/);
    expect(linesOf(scene)[2]).toContain("ECONNREFUSED");
  });

  test("completed, failed, disconnected", () => {
    const of = (...items: Parameters<TuiScene["apply"]>[0][]) => {
      const { scene } = pipelineScene(size);
      for (const item of items) scene.apply(item);
      return head(scene);
    };
    const bye = (code: "completed" | "failed") =>
      ({ source: "run", event: { event: "bye", data: { code } }, cursor: null }) as const;
    const ended = (code: "completed" | "failed") =>
      ({ source: "connection", event: { event: "ended", code, message: null } }) as const;
    expect(of(bye("completed"), ended("completed"))).toContain("■ COMPLETED");
    expect(of(bye("failed"), ended("failed"))).toContain("× FAILED");
    const stopped = { event: "stopped", reason: "resync-loop", message: "over and over", status: null } as const;
    expect(of({ source: "connection", event: stopped })).toContain("× DISCONNECTED");
  });

  test("a broken promise of the stream is said", () => {
    const { scene, pipeline } = pipelineScene(size);
    pipeline.advance(2);
    scene.run.events.splice(-2, 1);
    scene.catchUp();
    expect(linesOf(scene)[2]).toContain("stream fault: event 72 came after 70");
  });

  test("before anything has come", () => {
    const run = new FakeRun({ runId: "run_a", nodes: [] });
    const lines = linesOf(new TuiScene(run, size));
    expect(lines[1]).toContain("no bin sealed yet");
    expect(lines[5]).toContain("waiting for the run");
  });
});

test("a model without topology has one value a node", () => {
  const nodes = ["demand", "served"].map((id) => ({ id, kind: "expr", category: "expression", slaMin: null }));
  const run = new FakeRun({ runId: "run_a", nodes });
  const scene = new TuiScene(run, { columns: 80, rows: 24 });
  for (let bin = 0; bin < 5; bin++) run.seal(nodes.map(({ id }) => ({ id, metrics: { value: bin * 1000 } })));
  const lines = linesOf(scene.catchUp());
  expect(lines[4]).toMatch(/NODE▲ +VALUE {2}LAST \d+ BINS/);
  expect(lines[5]).toMatch(/> demand +4\.00k/);
});
