import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { run, succeeds, UserError } from "@gantry/cli/run";
import { median } from "./question.ts";

/** What a load generator saw. */
export interface Load {
  readonly requestsPerSecond: number;
  readonly p99Ms: number;
  readonly failed: number;
  /** Of which kinds: answers that are no success, connections, reads, time-outs. */
  readonly failures: string;
}

/** The middle one of what several loads saw. */
export function medianOf(loads: readonly Load[], what: "requestsPerSecond" | "p99Ms"): number {
  return median(loads.map((each) => each[what]));
}

/** wrk from Debian's packages, where it is missing. */
export async function ensureLoadGenerator(): Promise<void> {
  if (await succeeds("sh", ["-c", "command -v wrk"])) return;
  const environment = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  try {
    await run("apt-get", ["-q", "-y", "--no-install-recommends", "install", "wrk"], { env: environment });
  } catch (thrown) {
    throw new UserError(
      "The load generator wrk is not installed and could not be: install it (apt-get install wrk), " +
        "then run this again.",
      {
        cause: thrown,
      },
    );
  }
}

/** Asks one address as fast as it answers, over kept connections, for some seconds. */
export async function load(options: {
  folder: string;
  url: string;
  connections: number;
  seconds: number;
  method?: string;
  headers?: Readonly<Record<string, string>>;
  body?: string;
}): Promise<Load> {
  const script = join(options.folder, "wrk.lua");
  const headers = Object.entries(options.headers ?? {}).map(
    ([name, value]) => `wrk.headers[${lua(name)}] = ${lua(value)}`,
  );
  const done =
    `done = function(summary, latency) io.write(string.format("RESULT %f %f %d ` +
    `status=%d,connect=%d,read=%d,timeout=%d\\n", summary.requests / summary.duration * 1e6, ` +
    "latency:percentile(99) / 1000, summary.errors.status + summary.errors.connect + summary.errors.read " +
    "+ summary.errors.timeout, summary.errors.status, summary.errors.connect, summary.errors.read, " +
    "summary.errors.timeout)) end";
  writeFileSync(
    script,
    [
      `wrk.method = ${lua(options.method ?? "GET")}`,
      ...headers,
      ...(options.body === undefined ? [] : [`wrk.body = ${lua(options.body)}`]),
      done,
    ].join("\n"),
  );
  const output = await run("wrk", [
    "-t",
    "1",
    "-c",
    String(options.connections),
    "-d",
    `${options.seconds}s`,
    "-s",
    script,
    options.url,
  ]);
  const [, rate = "", p99 = "", failed = "", failures = ""] =
    /RESULT (\S+) (\S+) (\S+) (\S+)/.exec(output) ?? [];
  if (rate === "") throw new Error(`The load generator said nothing that could be read: ${output}`);
  return { requestsPerSecond: Number(rate), p99Ms: Number(p99), failed: Number(failed), failures };
}

function lua(text: string): string {
  return `"${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n")}"`;
}
