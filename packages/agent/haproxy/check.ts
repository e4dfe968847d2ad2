import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { messageOf } from "@gantry/kernel";
import type { Verdict } from "./isolate.ts";

const run = promisify(execFile);
const CHECK_TIMEOUT_MS = 10_000;
const REASON_LENGTH_MAX = 300;

/**
 * Runs the proxy's own check of a configuration file. Returns its output, or undefined where it accepts the
 * file.
 */
export type RunCheck = (path: string) => Promise<string | undefined>;

export const runHaproxyCheck: RunCheck = async (path) => {
  try {
    // The quiet option is not used: the messages state which line is rejected.
    await run("haproxy", ["-c", "-f", path], { timeout: CHECK_TIMEOUT_MS });
    return undefined;
  } catch (thrown) {
    const printed = (thrown as { stderr?: string }).stderr ?? ""; // What execFile adds to its error.
    return printed === "" ? messageOf(thrown) : printed;
  }
};

/** Parses the check's messages: each names a line of the annotated configuration, or a certificate's file. */
export function readVerdict(
  printed: string | undefined,
  annotated: string,
  partOfFile: (file: string) => string | undefined,
): Verdict {
  if (printed === undefined) return { type: "accepted" };
  const lines = annotated.split("\n");
  const alerts = printed.split("\n").filter((line) => line.startsWith("[ALERT]"));
  const suspects = new Map<string, string>();
  for (const alert of alerts) {
    // The condition's own line was already reported: the action that refers to it is not the cause.
    if (alert.includes("no such ACL")) continue;
    const file = /cert_[0-9a-f]+\.pem/.exec(alert)?.[0];
    const line = /\.cfg:(\d+)\]/.exec(alert)?.[1];
    const marked = / # ((?:group|target|listener|certificate|condition|transform|action)\/[0-9a-f]+)$/.exec(
      lines[Number(line) - 1] ?? "",
    )?.[1];
    // A certificate is loaded by the bind line of its listener, which is not the cause; the certificate list
    // has its own line.
    const key = file !== undefined ? partOfFile(file) : alert.includes("crtlist_") ? undefined : marked;
    if (key !== undefined && !suspects.has(key)) suspects.set(key, reasonOf(alert));
  }
  return { type: "rejected", reason: reasonOf(alerts[0] ?? printed), suspects };
}

/** The message without process id, paths and line numbers. */
function reasonOf(alert: string): string {
  return alert
    .replace(/^\[ALERT\]\s*\(\d+\)\s*:\s*/, "")
    .replace(/^config\s*:\s*/, "")
    .replace(/parsing \[[^\]]*\]\s*:\s*/, "")
    .replaceAll(/(?:\/[\w.-]+)+\//g, "")
    .trim()
    .slice(0, REASON_LENGTH_MAX);
}
