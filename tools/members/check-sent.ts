import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { SENT_FOLDER } from "@gantry/testkit/sent-folder";

const SHOWN_MAX = 40;

/**
 * Compares what the tests of a run sent with what operations accept: answers what is wrong where a member, or a
 * value of one, was not sent. A process of its own computes the members, because a reporter runs where the sources of
 * the tests are not loaded.
 */
export function checkSent(): string | undefined {
  const folder = process.env[SENT_FOLDER];
  if (folder === undefined) return undefined;
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    [join(import.meta.dirname, "unsent-members.ts"), folder],
    { encoding: "utf8" },
  );
  if (status !== 0) return `The members that tests send cannot be compared: ${stderr}`;
  return problemOf(stdout.split("\n").filter(Boolean));
}

/** What is wrong with members that no test sends, each as `service Operation member.path value`. */
export function problemOf(unsent: readonly string[]): string | undefined {
  if (unsent.length === 0) return undefined;
  const more = unsent.length > SHOWN_MAX ? [`  and ${unsent.length - SHOWN_MAX} more`] : [];
  return [
    "No in-process test sends these members of inputs. Write a test that shows their effect, or refuse or record them:",
    ...unsent.slice(0, SHOWN_MAX).map((line) => `  ${line}`),
    ...more,
  ].join("\n");
}
