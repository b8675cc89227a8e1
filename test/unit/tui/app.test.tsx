import { render } from "ink-testing-library";
import { afterEach, describe, expect, test } from "vitest";
import { App } from "../../../src/tui/app.tsx";
import { UNICODE_GLYPHS } from "../../../src/tui/glyphs.ts";
import { pipelineScene } from "../../support/tui-scene.ts";

const mounted: (() => void)[] = [];
afterEach(() => {
  for (const unmount of mounted.splice(0)) unmount();
});

function show(options: { readonly hasColor?: boolean; readonly hasKeys?: boolean } = {}) {
  const { scene, pipeline } = pipelineScene({ columns: 100, rows: 24 });
  const { hasColor = false, hasKeys = true } = options;
  const app = render(<App model={scene.model} glyphs={UNICODE_GLYPHS} hasColor={hasColor} hasKeys={hasKeys} />);
  mounted.push(app.unmount);
  const frame = () => app.lastFrame() ?? "";
  /** Waits for content, not for time. */
  const until = async (text: string) => {
    for (let turn = 0; turn < 500 && !frame().includes(text); turn++) await new Promise((done) => setImmediate(done));
    expect(frame()).toContain(text);
  };
  return { ...app, scene, pipeline, frame, until };
}

describe("the painted screen", () => {
  test("shows the model's lines, one per row", async () => {
    const { frame, until, scene } = show();
    await until("billing");
    const lines = frame().split("\n");
    expect(lines).toHaveLength(scene.model.frame().size.rows - 1);
    expect(lines[0]).toContain("flowtime  run_20261123T090000Z_a1b2c3d4");
    expect(lines[4]).toContain("QUEUE▼");
  });

  test("follows the pictures", async () => {
    const { until, scene, pipeline } = show();
    await until("bin 69 ");
    pipeline.advance(5);
    scene.catchUp();
    await until("bin 74 ");
  });

  test("reads keys: characters, arrows, several at once", async () => {
    const { until, stdin, scene } = show();
    await until("billing");
    stdin.write("?");
    await until("any key closes this");
    stdin.write("?");
    await until("QUEUE");
    stdin.write("/ship\r");
    await until("[ship]");
    expect(scene.model.frame().screen.order).toEqual(["ship"]);
    stdin.write("\u001b[B");
    stdin.write("q");
    for (let turn = 0; turn < 100 && scene.effects.length === 0; turn++)
      await new Promise((done) => setImmediate(done));
    expect(scene.effects).toEqual(["quit"]);
  });

  test("without a keyboard it reads none", async () => {
    const { until, stdin, scene } = show({ hasKeys: false });
    await until("billing");
    stdin.write("q");
    await new Promise((done) => setImmediate(done));
    expect(scene.effects).toEqual([]);
  });
});
