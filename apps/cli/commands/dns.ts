import { Resolver } from "node:dns/promises";
import { connect } from "node:net";
import type { InstanceSettings } from "@gantry/control-plane";
import { readHostResolver } from "@gantry/control-plane/host-resolver";
import { sleep, type Clock } from "@gantry/kernel";
import { hostResolverAddress } from "@gantry/kernel/dns/host-resolver";
import { healthOf } from "../control-plane-process.ts";
import {
  forgetResolver,
  installResolver,
  noteResolver,
  planResolver,
  removeResolver,
  resolverState,
  type ResolverHost,
} from "../host-resolver.ts";
import { ownContainer } from "../own-container.ts";
import { presentInstance } from "../platform.ts";
import { askControlPlane } from "../platform-status.ts";
import { run as runProgram, UserError } from "../run.ts";
import type { Call } from "./command.ts";

const ANSWER_WAIT_MS = 10_000;
const ANSWER_EVERY_MS = 100;
const ASK_MS = 1_000;
/** A name that every instance answers with the address of its own resolver. */
const PROBE_NAME = "sts.amazonaws.com";

/**
 * Shows how names of the instance are answered, makes this host's resolver ask the instance, or undoes that. Exit
 * status 1 where the host should ask the instance and does not get an answer.
 */
export async function run({ deps, folder, words }: Call): Promise<number> {
  const settings = presentInstance(folder);
  const [action] = words;
  if (action === undefined) return show(settings);
  if (ownContainer() !== undefined)
    throw new UserError(
      "The container image cannot change the host's resolver: install Gantry's npm or Debian package on the host.",
    );
  if (process.getuid?.() !== 0)
    throw new UserError(
      `Only root may change this host's resolver: run "sudo gantry dns ${action} --state-dir ${folder}".`,
    );
  if (action === "install") return install(deps.clock, settings);
  const isUndone = await takeOut(settings);
  process.stdout.write(
    isUndone
      ? "This host resolves names as it did before.\n"
      : "This host does not ask the instance for names: nothing was changed.\n",
  );
  return 0;
}

/** Undoes the installation. Errors: UserError. */
export async function takeOut(settings: InstanceSettings): Promise<boolean> {
  const isUndone = await removeResolver(thisHost(), settings);
  forgetResolver(settings.folder);
  // The node stops answering once it is told, or else at its next hello, within a minute.
  if ((await healthOf(settings)) !== undefined) await askControlPlane(settings, "/gantry/resolver", {});
  return isUndone;
}

/** This machine's resolver. */
function thisHost(): ResolverHost {
  return { root: "/", run: (program, parameters) => runProgram(program, parameters) };
}

async function install(clock: Clock, settings: InstanceSettings): Promise<number> {
  if ((await healthOf(settings)) === undefined)
    throw new UserError(
      'Gantry is down: run "gantry up" first. A host must not ask a resolver that is not there.',
    );
  const host = thisHost();
  const before = readHostResolver(settings.folder);
  const file = planResolver(host, settings);
  const address = hostResolverAddress(settings.publicPool);
  noteResolver(settings.folder, file);
  const { zones } = (await askControlPlane(settings, "/gantry/resolver", {})) as Zones; // Our own answer.
  if (!(await answersWithin(clock, address, ANSWER_WAIT_MS))) {
    if (before === undefined) await takeOut(settings);
    throw new UserError(
      `The instance does not answer at ${address} port 53, so this host's resolver is unchanged: see ` +
        `"gantry logs agent", and which program has the port with "ss -lnup sport = :53".`,
    );
  }
  try {
    await installResolver(host, settings, { file, zones });
  } catch (thrown) {
    await takeOut(settings);
    throw thrown;
  }
  process.stdout.write(await describe(settings, zones));
  process.stdout.write(
    '\nNames of AWS lead here now: programs on this host do not reach AWS itself. "gantry dns remove" undoes it.\n' +
      'Programs trust the certificates after "gantry ca install".\n',
  );
  return 0;
}

interface Zones {
  readonly zones: readonly string[];
}

async function show(settings: InstanceSettings): Promise<number> {
  const isUp = (await healthOf(settings)) !== undefined;
  const { zones } = isUp
    ? ((await askControlPlane(settings, "/gantry/resolver")) as Zones) // Our own answer.
    : { zones: [] };
  process.stdout.write(await describe(settings, zones));
  const state = resolverState(thisHost(), settings);
  if (state === "absent") return 0;
  return state === "installed" && (await answers(hostResolverAddress(settings.publicPool))) ? 0 : 1;
}

async function describe(settings: InstanceSettings, zones: readonly string[]): Promise<string> {
  const { dnsPort, publicPool, folder } = settings;
  const address = hostResolverAddress(publicPool);
  const state = resolverState(thisHost(), settings);
  const own = zones.length === 0 ? "no public hosted zone yet" : zones.join(", ");
  const served = [`DNS port        127.0.0.1:${dnsPort}: public hosted zones`, `zones           ${own}`];
  if (state === "absent")
    return lines([
      ...served,
      'this host       does not ask the instance: "gantry dns install", as root, makes it do so',
    ]);
  const upstreams = readHostResolver(folder)?.upstreams.join(", ") ?? "";
  const isAnswered = await answers(address);
  const [tls, http] = await Promise.all([443, 80].map((port) => isOpen(address, port)));
  return lines([
    ...served,
    state === "installed"
      ? `this host       asks ${address}; other names go to ${upstreams === "" ? "nobody" : upstreams}`
      : 'this host       was changed by another program: run "gantry dns install" again',
    isAnswered
      ? `AWS services    https ${servedAt(address, tls, 443)}; http ${servedAt(address, http, 80)}`
      : `                ${address} does not answer: is the instance up ("gantry status")?`,
    "load balancers  *.elb.localhost at 127.0.0.1",
  ]);
}

function servedAt(address: string, isServed: boolean | undefined, port: number): string {
  return isServed === true ? `at ${address}` : `is not served: another program has port ${port}`;
}

function lines(all: readonly string[]): string {
  return all.map((line) => `${line}\n`).join("");
}

async function answersWithin(clock: Clock, address: string, limitMs: number): Promise<boolean> {
  const deadline = clock.now() + limitMs;
  for (;;) {
    if (await answers(address)) return true;
    if (clock.now() > deadline) return false;
    await sleep(clock, ANSWER_EVERY_MS);
  }
}

/** Whether the instance's resolver answers at its address. */
async function answers(address: string): Promise<boolean> {
  const resolver = new Resolver({ timeout: ASK_MS, tries: 1 });
  resolver.setServers([address]);
  const found = await resolver.resolve4(PROBE_NAME).catch((): string[] => []);
  return found.length === 1 && found[0] === address;
}

function isOpen(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: ASK_MS });
    const end = (isThere: boolean): void => {
      socket.destroy();
      resolve(isThere);
    };
    socket.on("connect", () => end(true));
    socket.on("error", () => end(false));
    socket.on("timeout", () => end(false));
  });
}
