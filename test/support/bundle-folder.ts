import { createHash } from "node:crypto";
import { appendFileSync, mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";

export interface ManifestEntry {
  readonly nodeId: string;
  readonly metric: string;
  readonly path: string;
  readonly classId?: string;
  /** Default: of `csv`. */
  readonly hash?: string | null;
}

/** A telemetry bundle that a test writes file by file, or row by row. */
export class BundleBuilder {
  readonly dir: string;
  readonly #texts = new Map<string, string>();

  constructor(dir: string) {
    this.dir = dir;
    mkdirSync(dir, { recursive: true });
  }

  write(file: string, text: string): this {
    const target = path.join(this.dir, file);
    mkdirSync(path.dirname(target), { recursive: true });
    writeFileSync(target, text);
    this.#texts.set(file, text);
    return this;
  }

  append(file: string, text: string): this {
    appendFileSync(path.join(this.dir, file), text);
    this.#texts.set(file, (this.#texts.get(file) ?? "") + text);
    return this;
  }

  /** A CSV with one row a bin; `undefined` leaves the row out. */
  csv(file: string, values: readonly (number | string | undefined)[]): this {
    const rows = values.flatMap((value, bin) => (value === undefined ? [] : [`${bin},DEFAULT,${value}\n`]));
    return this.write(file, `bin_index,classId,value\n${rows.join("")}`);
  }

  hashOf(file: string): string {
    return `sha256:${createHash("sha256")
      .update(this.#texts.get(file) ?? "")
      .digest("hex")}`;
  }

  manifest(entries: readonly ManifestEntry[], bins: number | null = null, extra: object = {}): this {
    const files = entries.map(({ hash, ...entry }) => ({
      ...entry,
      ...(hash === null ? {} : { hash: hash ?? this.hashOf(entry.path) }),
      points: bins ?? 0,
    }));
    const grid = bins === null ? {} : { grid: { bins, binSize: 5, binUnit: "minutes" } };
    return this.write("manifest.json", JSON.stringify({ schemaVersion: 2, window: {}, ...grid, files, ...extra }));
  }
}
