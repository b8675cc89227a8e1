import { execFileSync } from "node:child_process";
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { type ImportOptions, importRun } from "../../../src/snapshot/import.ts";
import { openArchive } from "../../../src/snapshot/import-archive.ts";
import { openFolder } from "../../../src/snapshot/import-folder.ts";
import { IMPORT_LIMITS, type ImportLimits } from "../../../src/snapshot/import-source.ts";
import { verifyRunFolder } from "../../../src/snapshot/verify.ts";
import { writeSmallRun } from "../../support/small-run.ts";
import { tempFolder } from "../../support/temp-folder.ts";
import { patched, writeZip, type ZipEntry, zip, zipEntries } from "../../support/zip.ts";

const RUN_ID = "run_19700101T000000Z_01020304";
const SYMBOLIC_LINK = 0o120777;
const CHARACTER_DEVICE = 0o020666;

interface Scene {
  readonly scratch: string;
  /** A sound run folder elsewhere. */
  readonly source: string;
  /** Data folder of the import; there is nothing in it yet. */
  readonly root: string;
}

async function scene(): Promise<Scene> {
  const scratch = tempFolder();
  return { scratch, source: await writeSmallRun(path.join(scratch, "there")), root: path.join(scratch, "here/data") };
}

async function importFrom(
  { scratch, root }: Scene,
  source: string | Buffer,
  options: Partial<ImportOptions> = {},
): Promise<Awaited<ReturnType<typeof importRun>>> {
  const limits = options.limits ?? IMPORT_LIMITS;
  await using opened =
    typeof source === "string"
      ? await openFolder(source, limits)
      : await openArchive(writeZip(scratch, source), limits);
  return await importRun(opened, "given-name", { root, stagingRoot: path.join(scratch, "here/staging"), ...options });
}

/** Everything that an import left: run folders, and parts of any aside. */
function leftBehind({ scratch }: Scene): readonly string[] {
  const here = path.join(scratch, "here");
  return existsSync(here)
    ? readdirSync(here, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile() || entry.isSymbolicLink() || /^(run_|staging-)/.test(entry.name))
        .map(({ name }) => name)
    : [];
}

describe("importing", () => {
  test("a folder gives the same run in the data folder", async () => {
    const at = await scene();
    const { runId, directory, files } = await importFrom(at, at.source);
    expect([runId, directory]).toEqual([RUN_ID, path.join(at.root, RUN_ID)]);
    expect(files).toBe(zipEntries(at.source).length);
    expect(zipEntries(directory)).toEqual(zipEntries(at.source));
    expect((await verifyRunFolder(directory)).problems).toEqual([]);
    expect(readdirSync(path.join(at.scratch, "here/staging"))).toEqual([]);
  });

  test.each(["", "inner"])("an archive gives the same run (run in '%s')", async (prefix) => {
    const at = await scene();
    const { directory } = await importFrom(at, await zip(zipEntries(at.source, prefix)));
    expect(zipEntries(directory)).toEqual(zipEntries(at.source));
  });

  test("an archive that Info-ZIP or another common program made is taken", async (context) => {
    const at = await scene();
    const file = path.join(at.scratch, "made.zip");
    const script = "import shutil,sys; shutil.make_archive(sys.argv[1], 'zip', sys.argv[2])";
    try {
      execFileSync("python3", ["-c", script, file.replace(/\.zip$/, ""), at.source]);
    } catch {
      context.skip("python3 is not on this machine");
    }
    const { directory } = await importFrom(at, await readFile(file));
    expect(zipEntries(directory)).toEqual(zipEntries(at.source));
  });

  test("a run that is there is refused, and left alone; replaced when asked", async () => {
    const at = await scene();
    const { directory } = await importFrom(at, at.source);
    writeFileSync(path.join(directory, "mine.txt"), "");
    await expect(importFrom(at, at.source)).rejects.toMatchObject({ code: "run_folder_exists" });
    expect(readdirSync(directory)).toContain("mine.txt");
    await importFrom(at, at.source, { overwrite: true });
    expect(readdirSync(directory)).not.toContain("mine.txt");
  });

  test("a damaged run does not replace the sound one", async () => {
    const at = await scene();
    const { directory } = await importFrom(at, at.source);
    appendFileSync(path.join(at.source, "series/a@A@DEFAULT.csv"), "3,9\n");
    await expect(importFrom(at, at.source, { overwrite: true })).rejects.toMatchObject({ code: "import_not_sound" });
    expect((await verifyRunFolder(directory)).problems).toEqual([]);
  });
});

/** What must not come in. `make` gets the entries of a sound run. */
interface Bad {
  readonly what: string;
  readonly make: (entries: ZipEntry[]) => Promise<Buffer> | Buffer;
  readonly limits?: Partial<ImportLimits>;
  readonly code: string;
  readonly says: RegExp;
}

const extra =
  (name: string, text = "evil", mode?: number) =>
  async (entries: ZipEntry[]) =>
    zip([...entries, { path: name, bytes: Buffer.from(text), ...(mode === undefined ? {} : { mode }) }]);
const edited = (name: string, edit: (text: string) => string) => (entries: ZipEntry[]) =>
  zip(
    entries.map((entry) =>
      entry.path === name ? { ...entry, bytes: Buffer.from(edit(entry.bytes.toString())) } : entry,
    ),
  );
const without = (name: string) => (entries: ZipEntry[]) => zip(entries.filter((entry) => entry.path !== name));

const BAD_ARCHIVES: readonly Bad[] = [
  { what: "no archive", make: () => Buffer.from("hello"), code: "import_unreadable", says: /no zip archive/ },
  { what: "an empty file", make: () => Buffer.alloc(0), code: "import_unreadable", says: /no zip archive/ },
  { what: "an archive of nothing", make: () => zip([]), code: "import_unreadable", says: /holds no run\.json/ },
  {
    what: "an archive cut in the middle",
    make: async (entries) => {
      const whole = await zip(entries);
      return whole.subarray(0, whole.length / 2);
    },
    code: "import_unreadable",
    says: /corrupt or cut/,
  },
  {
    what: "packed bytes that were changed",
    make: async (entries) => {
      const whole = await zip(entries);
      // The data of the first file stands behind its header and name.
      whole[30 + entries[0]!.path.length + 40]! ^= 0xff;
      return whole;
    },
    code: "import_unreadable",
    says: /cannot be unpacked|checksum|corrupt/,
  },
  {
    what: "a checksum that is not the file's",
    make: async (entries) => {
      const whole = await zip([...entries, { path: "note.txt", bytes: Buffer.from("note") }]);
      // CRC-32 of "note", in the directory at the end.
      const at = whole.lastIndexOf("note.txt") - 46 + 16;
      whole[at]! ^= 0xff;
      return whole;
    },
    code: "import_unreadable",
    says: /note\.txt is corrupt: its checksum/,
  },
  {
    what: "a changed series",
    make: edited("series/a@A@DEFAULT.csv", (text) => text.replace("2.5", "9.5")),
    code: "import_not_sound",
    says: /series\/a@A@DEFAULT\.csv: hash is/,
  },
  { what: "a missing series", make: without("series/a@A@DEFAULT.csv"), code: "import_not_sound", says: /not found/ },
  {
    what: "a missing manifest",
    make: without("manifest.json"),
    code: "import_not_sound",
    says: /manifest\.json not found/,
  },
  {
    what: "another version",
    make: edited("run.json", (text) => text.replace('"schemaVersion": 1', '"schemaVersion": 9')),
    code: "import_not_sound",
    says: /'schemaVersion' is 9/,
  },
  {
    what: "run.json that is cut",
    make: edited("run.json", (text) => text.slice(0, 40)),
    code: "import_unreadable",
    says: /run\.json is not JSON/,
  },
  { what: "no run.json", make: without("run.json"), code: "import_unreadable", says: /holds no run\.json/ },
  {
    what: "a run id with a path in it",
    make: edited("run.json", (text) => text.replace(RUN_ID, "../../elsewhere")),
    code: "import_unsafe",
    says: /run id '\.\.\/\.\.\/elsewhere'/,
  },
  {
    what: "a run id that names the engine's own folder",
    make: edited("run.json", (text) => text.replace(RUN_ID, "live")),
    code: "import_unsafe",
    says: /run id 'live'/,
  },
  {
    what: "a hidden run id",
    make: edited("run.json", (text) => text.replace(RUN_ID, ".staging")),
    code: "import_unsafe",
    says: /run id '\.staging'/,
  },
  {
    what: "a path upwards",
    make: async (entries) => patched(await extra("xx/evil")(entries), "xx/evil", "../evil"),
    code: "import_unsafe",
    says: /\.\.\/evil/,
  },
  {
    what: "a path upwards in the middle",
    make: async (entries) => patched(await extra("a/xx/xx/evil")(entries), "a/xx/xx/evil", "a/../../evil"),
    code: "import_unsafe",
    says: /a\/\.\.\/\.\.\/evil/,
  },
  {
    what: "an absolute path",
    make: async (entries) => patched(await extra("xetc/evil")(entries), "xetc/evil", "/etc/evil"),
    code: "import_unsafe",
    says: /absolute path/,
  },
  {
    what: "a drive",
    make: async (entries) => patched(await extra("Cx/evil")(entries), "Cx/evil", "C:/evil"),
    code: "import_unsafe",
    says: /absolute path/,
  },
  {
    what: "a backslash",
    make: async (entries) => patched(await extra("..xevil")(entries), "..xevil", "..\\evil"),
    code: "import_unsafe",
    says: /invalid characters/,
  },
  {
    what: "a NUL in a name",
    make: async (entries) => patched(await extra("evxl")(entries), "evxl", "ev\0l"),
    code: "import_unsafe",
    says: /NUL/,
  },
  {
    what: "a symbolic link",
    make: extra("link", "/etc/passwd", SYMBOLIC_LINK),
    code: "import_unsafe",
    says: /link is a symbolic link/,
  },
  { what: "a device", make: extra("null", "", CHARACTER_DEVICE), code: "import_unsafe", says: /null is a device/ },
  {
    what: "a name twice",
    make: extra("spec.yaml"),
    code: "import_unsafe",
    says: /'spec\.yaml' is in the archive twice/,
  },
  {
    what: "a file that is a folder too",
    make: extra("spec.yaml/x"),
    code: "import_unsafe",
    says: /'spec\.yaml' is both/,
  },
  {
    what: "an endless path",
    make: extra(`${"d/".repeat(40)}x`),
    code: "import_unsafe",
    says: /more than 16 folders deep/,
  },
  {
    what: "a bomb",
    make: async (entries) => zip([...entries, { path: "bomb.csv", bytes: Buffer.alloc(8 * 1024 * 1024) }]),
    code: "import_too_large",
    says: /bomb\.csv unpacks from \d+ to 8388608 bytes/,
  },
  {
    what: "many files",
    make: (entries) => zip(entries),
    limits: { maxEntries: 5 },
    code: "import_too_large",
    says: /more than 5 files/,
  },
  {
    what: "a large file",
    make: (entries) => zip(entries),
    limits: { maxFileBytes: 100 },
    code: "import_too_large",
    says: /more than 100 bytes/,
  },
  {
    what: "many bytes",
    make: (entries) => zip(entries),
    limits: { maxTotalBytes: 1_000 },
    code: "import_too_large",
    says: /more than 1000 bytes together/,
  },
  {
    what: "a large archive",
    make: (entries) => zip(entries),
    limits: { maxArchiveBytes: 100 },
    code: "import_too_large",
    says: /has \d+ bytes/,
  },
];

describe("an archive is refused, and nothing of it stays:", () => {
  test.each(BAD_ARCHIVES)("$what", async ({ make, limits, code, says }) => {
    const at = await scene();
    const archive = await make(zipEntries(at.source));
    await expect(importFrom(at, archive, { limits: { ...IMPORT_LIMITS, ...limits } })).rejects.toMatchObject({
      code,
      message: expect.stringMatching(says),
    });
    expect(leftBehind(at)).toEqual([]);
    expect(existsSync(path.join(at.scratch, "evil"))).toBe(false);
  });

  test("one that unpacks to more than it announces", async () => {
    const at = await scene();
    const text = "x".repeat(5_000);
    const archive = await zip([...zipEntries(at.source), { path: "note.txt", bytes: Buffer.from(text) }]);
    const entry = archive.lastIndexOf("note.txt") - 46;
    archive.writeUInt32LE(10, entry + 24);
    await expect(importFrom(at, archive)).rejects.toMatchObject({ code: "import_unreadable" });
    expect(leftBehind(at)).toEqual([]);
  });
});

describe("a folder is refused, and nothing of it stays:", () => {
  const refused = async (
    spoil: (source: string) => void,
    code: string,
    says: RegExp,
    limits?: Partial<ImportLimits>,
  ) => {
    const at = await scene();
    spoil(at.source);
    await expect(importFrom(at, at.source, { limits: { ...IMPORT_LIMITS, ...limits } })).rejects.toMatchObject({
      code,
      message: expect.stringMatching(says),
    });
    expect(leftBehind(at)).toEqual([]);
  };

  test("with a link out of it", () =>
    refused((source) => symlinkSync("/etc/passwd", path.join(source, "series/x")), "import_unsafe", /symbolic link/));
  test("with a link to a folder", () =>
    refused((source) => symlinkSync("/etc", path.join(source, "more")), "import_unsafe", /symbolic link/));
  test("with a pipe", () =>
    refused(
      (source) => execFileSync("mkfifo", [path.join(source, "pipe")]),
      "import_unsafe",
      /a device, pipe or socket/,
    ));
  test("without run.json", () =>
    refused((source) => rmSync(path.join(source, "run.json")), "import_unreadable", /holds no run\.json/));
  test("with a changed series", () =>
    refused(
      (source) => appendFileSync(path.join(source, "series/a@A@DEFAULT.csv"), "3,9\n"),
      "import_not_sound",
      /hash is/,
    ));
  test("with more files than allowed", () =>
    refused(() => {}, "import_too_large", /more than 3 files/, { maxEntries: 3 }));
});

test("a run without an id of its own gets the name that is given", async () => {
  const at = await scene();
  const file = path.join(at.source, "run.json");
  await writeFile(file, (await readFile(file, "utf8")).replace(RUN_ID, " "));
  const { runId } = await importFrom(at, at.source, { runId: "asked-for" });
  expect(runId).toBe("asked-for");
  await expect(importFrom(at, at.source, { runId: "../x" })).rejects.toMatchObject({ code: "import_unsafe" });
});

test("the first of several runs in a folder is imported", async () => {
  const at = await scene();
  const outer = path.join(at.scratch, "outer");
  mkdirSync(outer);
  for (const name of ["b", "a"]) cpSync(at.source, path.join(outer, name), { recursive: true });
  appendFileSync(path.join(outer, "b/spec.yaml"), "damaged: true\n");
  expect((await importFrom(at, outer)).directory).toBe(path.join(at.root, RUN_ID));
});
