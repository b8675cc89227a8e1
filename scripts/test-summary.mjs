// node scripts/test-summary.mjs RESULTS STATUS: what a test run came to, as the last line "N passed, N failed".
// RESULTS is what vitest's JSON reporter wrote, STATUS the exit code of everything that ran. Runs on any Node.
//
// Counted as failed: tests that failed; tests that did not run (CI leaves none out); files that could not be read; and,
// when none of these explains a bad exit code or a run without tests, the run itself.
import { existsSync, readFileSync } from "node:fs";

const [file, statusText] = process.argv.slice(2);
const status = Number(statusText);
const { passed, failed } = count(file);
const isBad = status !== 0 || passed === 0;
const failures = failed === 0 && isBad ? 1 : failed;
if (failed === 0 && status !== 0) console.log(`the command ended with exit code ${status}`);
console.log(`${passed} passed, ${failures} failed`);
process.exitCode = failures > 0 ? 1 : 0;

function count(name) {
  if (!existsSync(name)) {
    console.log(`no test ran: there is no ${name}`);
    return { passed: 0, failed: 0 };
  }
  const results = JSON.parse(readFileSync(name, "utf8"));
  let ok = 0;
  let bad = 0;
  for (const { name: testFile, status: fileStatus, message, assertionResults } of results.testResults) {
    const wrong = assertionResults.filter((test) => test.status !== "passed");
    ok += assertionResults.length - wrong.length;
    bad += wrong.length;
    for (const test of wrong) console.log(`${test.status}: ${test.fullName} (${testFile})`);
    if (wrong.length === 0 && (fileStatus !== "passed" || assertionResults.length === 0)) {
      bad++;
      console.log(`failed: ${testFile}: ${message || "no test in it"}`);
    }
  }
  return { passed: ok, failed: bad };
}
