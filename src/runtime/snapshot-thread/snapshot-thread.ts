/** The thread that puts run folders together and writes them: what it does holds up no run. */
import { randomBytes } from "node:crypto";
import { parentPort, workerData } from "node:worker_threads";
import { systemClock } from "../../lib/clock.ts";
import type { SnapshotReference } from "../../protocol/run.ts";
import { SnapshotError } from "../../snapshot/snapshot-error.ts";
import { waitingDiskFiles } from "../../snapshot/snapshot-files.ts";
import { rowFileReader } from "../row-file.ts";
import { imageOf, type SnapshotRequest } from "../run-image.ts";
import { FolderSnapshots } from "../snapshots.ts";
import { KeptRuns } from "./kept-runs.ts";
import type { SnapshotFolders, SnapshotQuestion, SnapshotReply } from "./messages.ts";

const { root, stagingRoot } = workerData as SnapshotFolders;
const snapshots = new FolderSnapshots({
  root,
  stagingRoot,
  clock: systemClock,
  random: randomBytes,
  files: waitingDiskFiles,
});
const kept = new KeptRuns();

async function answer(question: SnapshotQuestion): Promise<SnapshotReference | null> {
  switch (question.op) {
    case "write":
      return write(question.request);
    case "remove":
      await snapshots.remove(question.reference);
      return null;
    case "sweep":
      await snapshots.sweep();
      return null;
    case "forget":
      kept.forget(question.runId);
      return null;
  }
}

async function write(request: SnapshotRequest): Promise<SnapshotReference> {
  const { rowFile, rows } = request;
  const { plan, series } = kept.of(request);
  const store = rowFile === null ? null : rowFileReader(rowFile, rows.width);
  try {
    return await snapshots.write(imageOf(request, plan, store), series);
  } finally {
    kept.trim();
  }
}

const port = parentPort!;
/** One after the other: a disk is not quicker with two. */
let last: Promise<void> = Promise.resolve();
port.on("message", ({ id, question }: { id: number; question: SnapshotQuestion }) => {
  last = last.then(async () => {
    try {
      port.postMessage({ id, reference: await answer(question) } satisfies SnapshotReply);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      const refusal =
        error instanceof SnapshotError
          ? { code: error.code, message, retryable: error.retryable }
          : { code: null, message, retryable: false };
      port.postMessage({ id, refusal } satisfies SnapshotReply);
    }
  });
});
