import { mkdirSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SENT_FOLDER } from "@gantry/testkit/sent-folder";

/**
 * Lets the processes of a test run record the members of inputs that its tests send, each in a file of its
 * own; in the folder that is named already, if one is.
 */
export function setup(): void {
  if (process.env[SENT_FOLDER] !== undefined) return;
  const folder = join(process.env["TMPDIR"] ?? mkdtempSync(join(tmpdir(), "gantry-sent-")), "sent-members");
  mkdirSync(folder, { recursive: true });
  process.env[SENT_FOLDER] = folder;
}
