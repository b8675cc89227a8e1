import type { Finding } from "../../snapshot/findings.ts";
import { type CommandContext, type CommonOptions, counted } from "../command.ts";
import { EXIT, type ExitCode } from "../exit-code.ts";
import { runDirectory } from "../run-directory.ts";

export interface VerifyOptions extends CommonOptions {
  readonly replay?: boolean;
  readonly json?: boolean;
}

/** Problems that are shown; `--json` has all. */
const MAX_SHOWN = 20;

/** Says whether a run folder is whole and, with `--replay`, whether its figures follow from its inputs. */
export async function verify(name: string, options: VerifyOptions, context: CommandContext): Promise<ExitCode> {
  const directory = await runDirectory(name, options);
  const { verifyRunFolder } = await import("../../snapshot/verify.ts");
  const { problems: damage, checkedFiles } = await verifyRunFolder(directory);
  const replay = options.replay === true ? await replayed(directory) : null;
  const problems = [...damage, ...(replay?.problems ?? []).filter((found) => !isKnown(found, damage))];
  const isSound = problems.length === 0;
  if (options.json === true) {
    const checked = replay === null ? null : { ...replay, problems: undefined };
    await context.out(`${JSON.stringify({ directory, isSound, problems, checkedFiles, replay: checked })}\n`);
    return isSound ? EXIT.ok : EXIT.no;
  }
  const lines = problems.slice(0, MAX_SHOWN).map(({ path, problem }) => `${path}: ${problem}`);
  if (problems.length > MAX_SHOWN) lines.push(`… and ${problems.length - MAX_SHOWN} more; --json lists them all`);
  if (isSound) {
    lines.push(`${directory} is sound: ${counted(checkedFiles, "file")} hashed`);
    if (replay !== null) {
      const chain = replay.isChainCompared ? " and the hash chain" : "";
      lines.push(
        `  evaluated again: ${`${replay.comparedSeries} series`}${chain} equal in ${counted(replay.bins, "bin")}`,
      );
    }
  }
  await context.out(`${lines.join("\n")}\n`);
  if (!isSound) context.say(`flowtime: ${directory} is not sound: ${counted(problems.length, "difference")}`);
  return isSound ? EXIT.ok : EXIT.no;
}

async function replayed(directory: string) {
  const { verifyReplay } = await import("../../runtime/verify-replay.ts");
  return verifyReplay(directory);
}

/** What keeps a folder from being evaluated again is said once. */
function isKnown(found: Finding, damage: readonly Finding[]): boolean {
  return damage.some(({ problem }) => problem === found.problem);
}
