import { constants, existsSync } from "node:fs";
import { access, statfs } from "node:fs/promises";
import { lookup } from "node:dns/promises";
import { totalmem } from "node:os";
import { dirname } from "node:path";
import { isPortFree } from "@gantry/agent";
import { portsOf, readInstance } from "@gantry/control-plane";
import { damageOf } from "../examine-data.ts";
import { healthOf } from "../control-plane-process.ts";
import { run as runProgram, succeeds } from "../run.ts";
import type { Call } from "./command.ts";

/** One precondition: whether it holds, what was found, and the remedy where it does not hold. */
interface Finding {
  readonly name: string;
  readonly holds: boolean;
  /** Gantry works without it; the finding states which feature is lost. */
  readonly optional: boolean;
  readonly seen: string;
  readonly remedy: string;
}

const DISK_MIN_GIB = 4;
const MEMORY_MIN_GIB = 2;
const ENGINE_MIN = 20;
const ENGINE_ANSWER_MS = 10_000;

/**
 * Reports every precondition, whether it holds, and the remedy. Exit status 1 where a required one does not
 * hold.
 */
export async function run({ folder, flag }: Call): Promise<number> {
  const findings = await examine(folder);
  const sick = findings.some((finding) => !finding.holds && !finding.optional);
  if (flag("json")) process.stdout.write(`${JSON.stringify({ healthy: !sick, findings })}\n`);
  else
    for (const { name, holds, optional, seen, remedy } of findings) {
      process.stdout.write(`${holds ? "ok     " : optional ? "note   " : "missing"}  ${name}: ${seen}\n`);
      if (!holds) process.stdout.write(`         ${remedy}\n`);
    }
  return sick ? 1 : 0;
}

async function examine(folder: string): Promise<readonly Finding[]> {
  return [
    platform(),
    await engine(),
    await packages(),
    await networking(),
    await stateFolder(folder),
    await disk(folder),
    ...(await data(folder)),
    memory(),
    ...(await ports(folder)),
    await names(),
    await client(),
  ];
}

function finding(name: string, holds: boolean, seen: string, remedy: string, optional = false): Finding {
  return { name, holds, optional, seen, remedy };
}

function platform(): Finding {
  const seen = `${process.platform} ${process.arch}`;
  return finding(
    "operating system",
    ["linux x64", "linux arm64", "darwin arm64"].includes(seen),
    seen,
    "Use Linux on x86-64 or arm64, or macOS on arm64.",
  );
}

async function engine(): Promise<Finding> {
  let hangs = false;
  const docker = (...parameters: readonly string[]) =>
    runProgram("docker", parameters, { timeout: ENGINE_ANSWER_MS }).catch((thrown: { killed?: boolean }) => {
      hangs ||= thrown.killed === true; // execFile kills a program that exceeds its timeout.
      return undefined;
    });
  const version = ((await docker("version", "-f", "{{.Server.Version}}")) ?? "").trim();
  // An engine whose containers are deadlocked still reports its version, so the check also lists and inspects
  // a container.
  const id = version === "" ? "" : ((await docker("ps", "-aq", "-n", "1")) ?? "").trim();
  if (id !== "") await docker("inspect", id);
  if (hangs)
    return finding(
      "Docker Engine",
      false,
      `${version === "" ? "running" : version}, but it did not answer within ${ENGINE_ANSWER_MS / 1000} s`,
      'Restart it ("systemctl restart docker"): the tasks are started again.',
    );
  if (version !== "")
    return finding(
      "Docker Engine",
      Number.parseInt(version, 10) >= ENGINE_MIN,
      version,
      `Install Docker Engine ${ENGINE_MIN} or newer.`,
    );
  const installed = await succeeds("sh", ["-c", "command -v dockerd"]);
  const asRoot = process.getuid?.() === 0;
  const remedy = asRoot
    ? 'Nothing to do: "gantry up" installs and starts it.'
    : 'Start it and check that you may use it ("docker version"), or run "gantry up" as root, which ' +
      "installs and starts it.";
  return finding(
    "Docker Engine",
    false,
    installed ? "installed, but it does not answer" : "not installed",
    remedy,
    asRoot,
  );
}

async function packages(): Promise<Finding> {
  const there = await succeeds("sh", ["-c", "command -v apt-get && command -v dpkg-deb"]);
  return finding(
    "Debian's packages",
    there,
    there ? "apt-get is installed" : "no apt-get",
    "Gantry builds its own images from Debian's packages: use Debian or a system derived from it.",
  );
}

async function networking(): Promise<Finding> {
  if (process.platform !== "linux")
    return finding("network namespaces", true, "provided by the engine's machine", "");
  const there = existsSync("/proc/self/ns/net");
  return finding(
    "network namespaces",
    there,
    there ? "supported by the kernel" : "none",
    "Use a kernel with network namespaces, veth and nf_tables.",
  );
}

/** The folder, or its nearest ancestor that exists. */
function nearestFolder(folder: string): string {
  return existsSync(folder) ? folder : nearestFolder(dirname(folder));
}

async function stateFolder(folder: string): Promise<Finding> {
  const there = nearestFolder(folder);
  const writable = await access(there, constants.W_OK).then(
    () => true,
    () => false,
  );
  return finding(
    "state folder",
    writable,
    folder,
    `Make ${there} writable, or choose another folder with --state-dir.`,
  );
}

async function disk(folder: string): Promise<Finding> {
  const there = nearestFolder(folder);
  const { bavail, bsize } = await statfs(there);
  const free = (bavail * bsize) / 2 ** 30;
  return finding(
    "disk space",
    free >= DISK_MIN_GIB,
    `${free.toFixed(1)} GiB free`,
    `Free at least ${DISK_MIN_GIB} GiB for images, databases and files.`,
  );
}

/** Reads and checks every database, record, object and image of the state folder. */
async function data(folder: string): Promise<readonly Finding[]> {
  if (readInstance(folder) === undefined) return [];
  const problems = await damageOf(folder);
  const remedy =
    'Restore a backup ("gantry down --purge", "gantry restore FILE"), or upload the damaged object or image again.';
  if (problems.length === 0) return [finding("stored data", true, "all checksums match", remedy)];
  return problems.map((problem) => finding("stored data", false, `damaged: ${problem}`, remedy));
}

function memory(): Finding {
  const gib = totalmem() / 2 ** 30;
  return finding(
    "memory",
    gib >= MEMORY_MIN_GIB,
    `${gib.toFixed(1)} GiB`,
    `Give the machine at least ${MEMORY_MIN_GIB} GiB.`,
  );
}

async function ports(folder: string): Promise<readonly Finding[]> {
  const settings = readInstance(folder);
  if (settings !== undefined && (await healthOf(settings)) !== undefined)
    return [finding("ports", true, `this Gantry answers at http://127.0.0.1:${settings.port}`, "")];
  const { port, tlsPort, linkPort, dnsPort, registryPort, consolePort } = settings ?? portsOf();
  const wanted = [port, tlsPort, linkPort, dnsPort, registryPort, consolePort];
  const [taken, busy] = [await takenOf(wanted), await takenOf([80, 443])];
  return [
    finding(
      "ports",
      taken.length === 0,
      taken.length === 0 ? `${wanted.join(", ")} are free` : `${taken.join(", ")} taken`,
      "Stop the programs that listen on them, or choose other ports with --port.",
    ),
    finding(
      "load balancers' ports",
      busy.length === 0,
      busy.length === 0 ? "80 and 443 are free" : `${busy.join(", ")} taken or not permitted`,
      'Listeners on these ports are served on other ports of this host: see "gantry status".',
      true,
    ),
  ];
}

async function takenOf(wanted: readonly number[]): Promise<readonly number[]> {
  const free = await Promise.all(wanted.map(isPortFree));
  return wanted.filter((_, index) => !free[index]);
}

async function names(): Promise<Finding> {
  const address = await lookup("name.elb.localhost").then(
    (found) => found.address,
    () => "no address",
  );
  return finding(
    "names under .localhost",
    ["127.0.0.1", "::1"].includes(address),
    `name.elb.localhost is ${address}`,
    "Browsers and curl resolve these names themselves; for other programs install libnss-myhostname, " +
      "or send the name in the Host header.",
    true,
  );
}

async function client(): Promise<Finding> {
  const version = (await runProgram("aws", ["--version"]).catch(() => "")).trim().split(" ")[0] ?? "";
  return finding(
    "AWS CLI",
    version !== "",
    version === "" ? "not installed" : version,
    "Gantry does not need it; install awscli to call the API from a shell.",
    true,
  );
}
