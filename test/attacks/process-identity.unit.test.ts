import { spawn, type ChildProcess } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { healthOf, stopControlPlane } from "@gantry/cli/control-plane-process";
import { Progress } from "@gantry/cli/progress";
import { challengeOf, ensureInstance, identityOf, PROOF_HEADER, proofOf } from "@gantry/control-plane";
import { SystemClock } from "@gantry/kernel";
import { afterEach, beforeEach, expect, it } from "vitest";

// `gantry down` and the process that it stops: another program answers on the port, or has the recorded process id.

let root: string;
let victim: ChildProcess;
let server: Server | undefined;
let said = "";
const deps = {
  clock: new SystemClock(),
  progress: new Progress(new SystemClock(), (text) => (said += text)),
};

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "gantry-process-"));
  victim = spawn("sleep", ["60"]);
  said = "";
});
afterEach(() => {
  victim.kill("SIGKILL");
  server?.close();
  rmSync(root, { recursive: true, force: true });
});

const isAlive = (): boolean => identityOf(victim.pid ?? 0) !== undefined;

/** A program on a port of the instance, which answers each request as it is told. */
async function impostor(answer: (request: IncomingMessage) => { body: object; proof?: string }) {
  const requests: IncomingMessage[] = [];
  const started = createServer((request, response) => {
    requests.push(request);
    const { body, proof } = answer(request);
    response.writeHead(200, proof === undefined ? {} : { [PROOF_HEADER]: proof });
    response.end(JSON.stringify(body));
  });
  server = started;
  await new Promise<void>((done) => started.listen(0, "127.0.0.1", done));
  const settings = {
    ...ensureInstance(join(root, "state"), 31_666),
    port: (started.address() as AddressInfo).port,
  };
  writeFileSync(join(settings.folder, "key"), Buffer.alloc(32, 7));
  return { settings, requests };
}

it("does not kill a process that another program on the port names", async () => {
  // Before: with the control plane killed and its port taken, `gantry down` killed the `sleep` whose id was
  // in the answer, and the agent sent its bearer token to whoever had the port.
  const { settings, requests } = await impostor(() => ({
    body: { ...identityOf(victim.pid ?? 0), instance: settings.instance, agents: [] },
    proof: "0".repeat(64),
  }));
  expect(await healthOf(settings)).toBeUndefined();
  await stopControlPlane(deps, settings);
  expect(isAlive()).toBe(true);
  expect(said).toContain("did not prove that it is this Gantry's control plane");
  expect(requests.every((request) => request.headers.authorization === undefined)).toBe(true);
});

it("refuses a proof of another request or another response", async () => {
  const key = Buffer.alloc(32, 7);
  const real = { ...identityOf(process.pid), status: "ok", instance: "", agents: [] };
  const proofs: string[] = [];
  const { settings } = await impostor((request) => {
    const challenge = challengeOf(request.url ?? "") ?? "";
    const honest = { ...real, instance: settings.instance };
    proofs.push(proofOf(key, challenge, JSON.stringify(honest)));
    // The first answer is a replay; the second one changes what was proven.
    return proofs.length === 1
      ? { body: honest, proof: proofOf(key, "0".repeat(64), JSON.stringify(honest)) }
      : { body: { ...honest, pid: victim.pid }, proof: proofs.at(-1) ?? "" };
  });
  expect(await healthOf(settings)).toBeUndefined();
  expect(await healthOf(settings)).toBeUndefined();
});

it("accepts the proof of the key's owner", async () => {
  const { settings } = await impostor((request) => {
    const body = { status: "ok", instance: settings.instance, ...identityOf(victim.pid ?? 0), agents: [] };
    const proof = proofOf(Buffer.alloc(32, 7), challengeOf(request.url ?? "") ?? "", JSON.stringify(body));
    return { body, proof };
  });
  expect((await healthOf(settings))?.pid).toBe(victim.pid);
  await stopControlPlane(deps, settings);
  expect(isAlive()).toBe(false);
});

it.each([
  ["a later process with the recorded id", (pid: number) => JSON.stringify({ pid, startedAt: "boot:1" })],
  ["a process with an id that an earlier version recorded", (pid: number) => `${pid}\n`],
  ["all processes, by an id that is a group", () => JSON.stringify({ pid: -1, startedAt: "" })],
  ["anything, by a damaged file", () => "{"],
])("does not kill %s", async (_, content) => {
  const settings = { ...ensureInstance(join(root, "state"), 31_666), port: 1 };
  writeFileSync(join(settings.folder, "control-plane.pid"), content(victim.pid ?? 0));
  await stopControlPlane(deps, settings);
  expect(isAlive()).toBe(true);
});

it("stops the recorded process, and one that an earlier version recorded", async () => {
  const settings = { ...ensureInstance(join(root, "state"), 31_666), port: 1 };
  writeFileSync(join(settings.folder, "control-plane.pid"), JSON.stringify(identityOf(victim.pid ?? 0)));
  await stopControlPlane(deps, settings);
  expect(isAlive()).toBe(false);
  const program = join(root, "apps/control-plane/main.ts");
  mkdirSync(join(root, "apps/control-plane"), { recursive: true });
  writeFileSync(program, "sleep 60; exit 1\n");
  victim = spawn("sh", [program, settings.folder]);
  writeFileSync(join(settings.folder, "control-plane.pid"), `${victim.pid ?? 0}\n`);
  await stopControlPlane(deps, settings);
  expect(isAlive()).toBe(false);
});
