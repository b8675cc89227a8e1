import { describe, expect, test } from "vitest";
import type { RunFolder } from "../../../src/snapshot/assemble.ts";
import type { SnapshotFiles } from "../../../src/snapshot/snapshot-files.ts";
import { writeRunFolder } from "../../../src/snapshot/writer.ts";

/**
 * A disk of path → text, durable or not. Every step counts; `crashAt` makes that step and all later ones fail, as a killed
 * process would see it, and `failAt` makes one step fail with a system error.
 */
class ScriptedDisk implements SnapshotFiles {
  readonly files = new Map<string, string>();
  readonly folders = new Set<string>(["/"]);
  readonly durable = new Set<string>();
  freeSpace = Number.POSITIVE_INFINITY;
  steps = 0;
  crashAt = Number.POSITIVE_INFINITY;
  failAt: { readonly step: number; readonly code: string } | null = null;
  #names = 0;

  async roomBytes(): Promise<number> {
    return this.freeSpace;
  }
  async createFolder(path: string): Promise<void> {
    this.#step();
    for (let at = path; at !== "/"; at = parentOf(at)) this.folders.add(at);
  }
  async writeFile(path: string, bytes: Uint8Array): Promise<void> {
    this.#step();
    if (!this.folders.has(parentOf(path))) throw new Error(`no folder for ${path}`);
    this.files.set(path, Buffer.from(bytes).toString());
  }
  async sync(path: string): Promise<void> {
    this.#step();
    this.durable.add(path);
  }
  async rename(from: string, to: string): Promise<void> {
    this.#step();
    if (this.folders.has(to)) throw Object.assign(new Error("not empty"), { code: "ENOTEMPTY" });
    for (const [path, text] of [...this.files]) {
      if (!isWithin(path, from)) continue;
      this.files.delete(path);
      this.files.set(to + path.slice(from.length), text);
    }
    for (const set of [this.folders, this.durable]) {
      for (const path of [...set]) {
        if (!isWithin(path, from)) continue;
        set.delete(path);
        set.add(to + path.slice(from.length));
      }
    }
  }
  async remove(path: string): Promise<void> {
    this.#step();
    for (const name of [...this.files.keys()]) if (isWithin(name, path)) this.files.delete(name);
    for (const name of [...this.folders]) if (isWithin(name, path)) this.folders.delete(name);
  }
  async exists(path: string): Promise<boolean> {
    this.#step();
    return this.folders.has(path) || this.files.has(path);
  }
  async list(path: string): Promise<readonly string[]> {
    this.#step();
    return this.children(path);
  }
  uniqueName(): string {
    this.#names += 1;
    return `u${this.#names}`;
  }

  children(path: string): string[] {
    return [...this.files.keys(), ...this.folders]
      .filter((name) => name !== "/" && parentOf(name) === path)
      .map(nameOf);
  }
  textsUnder(path: string): Record<string, string> {
    return Object.fromEntries(
      [...this.files]
        .filter(([name]) => isWithin(name, path))
        .map(([name, text]) => [name.slice(path.length + 1), text]),
    );
  }
  #step(): void {
    this.steps += 1;
    if (this.steps >= this.crashAt) throw new Error("the process is gone");
    if (this.failAt?.step === this.steps) throw Object.assign(new Error("system error"), { code: this.failAt.code });
  }
}

function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/")) || "/";
}
function nameOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}
function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(`${folder}/`);
}

function runFolder(mark: string): RunFolder {
  const files = ["spec.yaml", "model/model.yaml", "series/a.csv", "manifest.json"].map((path) => ({
    path,
    bytes: Buffer.from(`${mark} ${path}`),
  }));
  return {
    runId: "run_x",
    folderName: "run_x",
    files,
    emptyFolders: ["aggregates"],
    scenarioHash: "",
    modelHash: "",
    seriesHashes: new Map(),
  };
}

function whole(mark: string): Record<string, string> {
  return Object.fromEntries(runFolder(mark).files.map(({ path, bytes }) => [path, Buffer.from(bytes).toString()]));
}

const places = { root: "/runs", stagingRoot: "/staging" };

async function stepsOf(prepare: (disk: ScriptedDisk) => Promise<void>, overwrite: boolean): Promise<number> {
  const disk = new ScriptedDisk();
  await prepare(disk);
  disk.steps = 0;
  await writeRunFolder(runFolder("new"), { ...places, overwrite, files: disk });
  return disk.steps;
}

const nothingThere = async (): Promise<void> => {};
const oldThere = async (disk: ScriptedDisk): Promise<void> => {
  await writeRunFolder(runFolder("old"), { ...places, files: disk });
};

/** As if the process that left it had died: the tag of a process that started at another time. */
function disownStaging(disk: ScriptedDisk): void {
  for (const name of disk.children("/staging")) {
    const other = name.replace(/^staging-(\d+)-\d+-/, "staging-$1-1-");
    for (const set of [disk.folders]) {
      for (const path of [...set]) {
        if (!isWithin(path, `/staging/${name}`)) continue;
        set.delete(path);
        set.add(path.replace(name, other));
      }
    }
    for (const [path, text] of [...disk.files]) {
      if (!isWithin(path, `/staging/${name}`)) continue;
      disk.files.delete(path);
      disk.files.set(path.replace(name, other), text);
    }
  }
}

describe("a write that succeeds", () => {
  test("puts the whole folder in place, empty folders included, every folder durable, nothing left aside", async () => {
    const disk = new ScriptedDisk();
    expect(await writeRunFolder(runFolder("new"), { ...places, files: disk })).toBe("/runs/run_x");
    expect(disk.textsUnder("/runs/run_x")).toEqual(whole("new"));
    expect(disk.children("/runs/run_x").sort()).toEqual([
      "aggregates",
      "manifest.json",
      "model",
      "series",
      "spec.yaml",
    ]);
    for (const folder of ["", "/model", "/series", "/aggregates"])
      expect(disk.durable).toContain(`/runs/run_x${folder}`);
    expect(disk.durable).toContain("/runs");
    expect(disk.children("/staging")).toEqual([]);
  });

  test("replaces a folder only when told to", async () => {
    const disk = new ScriptedDisk();
    await oldThere(disk);
    await expect(writeRunFolder(runFolder("new"), { ...places, files: disk })).rejects.toMatchObject({
      code: "run_folder_exists",
      message: "Run directory '/runs/run_x' already exists. Enable Overwrite to replace it.",
    });
    expect(disk.textsUnder("/runs")).toEqual(prefixed(whole("old")));
    await writeRunFolder(runFolder("new"), { ...places, overwrite: true, files: disk });
    expect(disk.textsUnder("/runs")).toEqual(prefixed(whole("new")));
    expect(disk.children("/staging")).toEqual([]);
  });
});

describe("a write that dies", () => {
  test.each([
    ["a new folder", nothingThere, false],
    ["a replaced folder", oldThere, true],
  ])("at any step leaves %s whole or absent, and the next write puts things right", async (_, prepare, overwrite) => {
    const steps = await stepsOf(prepare, overwrite);
    let absent = 0;
    for (let step = 1; step <= steps; step += 1) {
      const disk = new ScriptedDisk();
      await prepare(disk);
      disk.steps = 0;
      disk.crashAt = step;
      const outcome = await writeRunFolder(runFolder("new"), { ...places, overwrite, files: disk }).catch(() => null);
      const seen = disk.textsUnder("/runs/run_x");
      const allowed = [whole("new"), ...(overwrite ? [whole("old")] : [{}])];
      if (overwrite && Object.keys(seen).length === 0) absent += 1;
      else expect(allowed, `crash at step ${step}`).toContainEqual(seen);
      if (outcome !== null) expect(seen, `crash at step ${step}`).toEqual(whole("new"));

      disk.crashAt = Number.POSITIVE_INFINITY;
      disownStaging(disk);
      const next = { ...runFolder("next"), folderName: "run_y" };
      await writeRunFolder(next, { ...places, files: disk });
      const after = disk.textsUnder("/runs/run_x");
      expect(allowed, `recovery after step ${step}`).toContainEqual(after);
      expect(disk.children("/staging"), `recovery after step ${step}`).toEqual([]);
    }
    // Between moving the old folder aside and the new one in, and nowhere else.
    expect(absent).toBeLessThanOrEqual(1);
  });

  test("a living writer's staging is left alone", async () => {
    const disk = new ScriptedDisk();
    const parent = `/staging/staging-${process.ppid}-1-u`;
    await disk.createFolder(parent);
    await writeRunFolder(runFolder("new"), { ...places, files: disk });
    expect(disk.children("/staging")).toEqual([nameOf(parent)]);
  });
});

describe("a step that fails", () => {
  test.each(["EACCES", "ENOSPC", "EIO"])("with %s leaves things as they were", async (code) => {
    const expected = {
      EACCES: "run_folder_access_denied",
      ENOSPC: "run_folder_no_space",
      EIO: "run_folder_write_failed",
    }[code];
    const steps = await stepsOf(oldThere, true);
    for (let step = 1; step <= steps; step += 1) {
      const disk = new ScriptedDisk();
      await oldThere(disk);
      disk.steps = 0;
      disk.failAt = { step, code };
      const error = await writeRunFolder(runFolder("new"), { ...places, overwrite: true, files: disk }).catch((e) => e);
      const seen = disk.textsUnder("/runs/run_x");
      if (typeof error === "string") {
        expect(seen).toEqual(whole("new"));
        continue;
      }
      expect(error).toMatchObject({ code: expected, facts: { path: "/runs/run_x", systemCode: code } });
      // Only the last step, making the name durable, fails with the new folder already in place.
      expect([whole("old"), whole("new")], `${code} at step ${step}`).toContainEqual(seen);
    }
  });

  test("says what to do", async () => {
    const disk = new ScriptedDisk();
    disk.failAt = { step: 1, code: "EXDEV" };
    await expect(writeRunFolder(runFolder("new"), { ...places, files: disk })).rejects.toMatchObject({
      message: expect.stringContaining("put both on one"),
    });
    disk.failAt = { step: disk.steps + 6, code: "ENOSPC" };
    await expect(writeRunFolder(runFolder("new"), { ...places, files: disk })).rejects.toMatchObject({
      retryable: true,
      message: expect.stringContaining("free some space"),
    });
  });

  test("a folder name with a separator is refused before anything is written", async () => {
    const disk = new ScriptedDisk();
    const folder = { ...runFolder("new"), folderName: "../run_x" };
    await expect(writeRunFolder(folder, { ...places, files: disk })).rejects.toMatchObject({ code: "id_unsafe" });
    expect(disk.steps).toBe(0);
  });
});

function prefixed(files: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(files).map(([path, text]) => [`run_x/${path}`, text]));
}
