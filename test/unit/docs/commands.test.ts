import { readFileSync } from "node:fs";
import path from "node:path";
import type { Command } from "commander";
import { expect, test } from "vitest";
import type { CommandContext } from "../../../src/cli/command.ts";
import { buildProgram } from "../../../src/cli/program.ts";

const readme = readFileSync(path.resolve(import.meta.dirname, "../../../README.md"), "utf8");

function leaves(command: Command, names: readonly string[] = []): [string, Command][] {
  if (command.commands.length === 0) return [[names.join(" "), command]];
  return command.commands.flatMap((child) => leaves(child, [...names, child.name()]));
}

const commands = leaves(buildProgram({ env: {} } as CommandContext, () => {})).filter(([name]) => name !== "help");

test("there are commands", () => {
  expect(commands.map(([name]) => name)).toEqual(expect.arrayContaining(["serve", "stream runs", "telemetry capture"]));
});

test.each(commands)("flowtime %s: an example in its help, and one in the README", (name, command) => {
  let help = "";
  command.configureOutput({ writeOut: (text) => (help += text) });
  command.outputHelp();
  expect(help).toMatch(new RegExp(`^Examples:\\n  .*flowtime ${name}\\b`, "m"));
  expect(help).toContain("--data <dir>");
  expect(readme).toMatch(new RegExp(`^npx flowtime ${name}\\b`, "m"));
});
