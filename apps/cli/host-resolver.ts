import {
  closeSync,
  existsSync,
  fchownSync,
  ftruncateSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { dirname, join } from "node:path";
import type { InstanceSettings } from "@gantry/control-plane";
import {
  hostResolverPath,
  readHostResolver,
  type HostResolverFile,
} from "@gantry/control-plane/host-resolver";
import { hostResolverAddress, isHostResolver, nameServersIn } from "@gantry/kernel/dns/host-resolver";
import { UserError } from "./run.ts";

/** The machine whose resolver is changed; tests have a folder of their own as its root. */
export interface ResolverHost {
  readonly root: string;
  readonly run: (program: string, parameters: readonly string[]) => Promise<unknown>;
}

/** How the host resolves names through the instance. */
export type ResolverState =
  | "installed"
  /** `gantry dns install` has run, and another program has replaced what it wrote. */
  | "overwritten"
  | "absent";

/** The address at which systemd-resolved answers. Source: systemd-resolved.service(8). */
const RESOLVED_STUB = "127.0.0.53";
const RESOLVED_SERVERS = "run/systemd/resolve/resolv.conf";
/** Names of AWS, which the drop-in of systemd-resolved sends to the instance alone. */
const AWS_DOMAINS = ["amazonaws.com", "api.aws"];

/**
 * What an installation would do to the host: a drop-in where programs ask systemd-resolved, else the file that they
 * read. Nothing is changed. Errors: UserError where another instance is installed, or the host has no resolver.
 */
export function planResolver(host: ResolverHost, settings: InstanceSettings): HostResolverFile {
  const now = readText(resolvConf(host));
  const known = readHostResolver(settings.folder)?.method;
  const before = known?.type === "file" && known.written === now ? known.before : withoutOwn(now, settings);
  const given = nameServersIn(before);
  if (given.some(isHostResolver))
    throw new UserError(
      'Another instance is the resolver: run "gantry dns remove --state-dir FOLDER" with its state folder first.',
    );
  const isResolved = given.includes(RESOLVED_STUB);
  const upstreams = isResolved
    ? nameServersIn(readText(join(host.root, RESOLVED_SERVERS))).filter(
        (each) => each !== RESOLVED_STUB && !isHostResolver(each),
      )
    : given;
  const method = isResolved
    ? ({ type: "resolved" } as const)
    : ({ type: "file", before, written: withOwn(before, settings) } as const);
  return { upstreams, method };
}

/**
 * Notes in the state folder what is about to be done, so that a crash leaves nothing that cannot be undone. Root writes
 * here in the folder of the user whose control plane reads the note: the file is a new one, and no link is followed.
 */
export function noteResolver(folder: string, file: HostResolverFile): void {
  const path = hostResolverPath(folder);
  const { uid, gid } = statSync(folder);
  rmSync(path, { force: true });
  const opened = openSync(path, "wx", 0o600);
  try {
    writeFileSync(opened, `${JSON.stringify(file, null, 2)}\n`);
    fchownSync(opened, uid, gid);
  } finally {
    closeSync(opened);
  }
}

/** Forgets the installation: the node stops answering the host. */
export function forgetResolver(folder: string): void {
  rmSync(hostResolverPath(folder), { force: true });
}

/** Changes the host as planned. `zones` are names that systemd-resolved asks the instance alone. */
export async function installResolver(
  host: ResolverHost,
  settings: InstanceSettings,
  { file, zones }: { readonly file: HostResolverFile; readonly zones: readonly string[] },
): Promise<void> {
  if (file.method.type === "file") return writeInPlace(resolvConf(host), file.method.written);
  const path = dropIn(host, settings);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, renderDropIn(settings, zones), { mode: 0o644 });
  await host.run("systemctl", ["restart", "systemd-resolved"]);
}

/**
 * Restores the host: the content that was there before, byte for byte. Where another program has changed the file
 * since, only the lines of this instance are taken out. Returns whether anything was there to undo.
 */
export async function removeResolver(host: ResolverHost, settings: InstanceSettings): Promise<boolean> {
  const known = readHostResolver(settings.folder);
  const path = resolvConf(host);
  const now = readText(path);
  const method = known?.method.type === "file" ? known.method : undefined;
  const restored = now === method?.written ? method.before : withoutOwn(now, settings);
  if (restored !== now) writeInPlace(path, restored);
  const drop = dropIn(host, settings);
  const hadDropIn = existsSync(drop);
  if (hadDropIn) {
    rmSync(drop);
    await host.run("systemctl", ["restart", "systemd-resolved"]);
  }
  return known !== undefined || hadDropIn || restored !== now;
}

/** Whether the host resolves names through the instance now. */
export function resolverState(host: ResolverHost, settings: InstanceSettings): ResolverState {
  const known = readHostResolver(settings.folder);
  const text = readText(resolvConf(host));
  const isThere = existsSync(dropIn(host, settings)) || withoutOwn(text, settings) !== text;
  if (isThere) return "installed";
  return known === undefined ? "absent" : "overwritten";
}

function resolvConf({ root }: ResolverHost): string {
  return join(root, "etc/resolv.conf");
}

function dropIn({ root }: ResolverHost, { instance }: InstanceSettings): string {
  return join(root, `etc/systemd/resolved.conf.d/gantry-${instance}.conf`);
}

function readText(path: string): string {
  return existsSync(path) ? readFileSync(path, "utf8") : "";
}

function beginOf({ instance }: InstanceSettings): string {
  return `# Written by "gantry dns install" (instance ${instance}); "gantry dns remove" takes it out.`;
}

/**
 * The text with the instance's resolver before the others: while it does not answer, programs ask the next one. The
 * option `rotate` would spread queries over all of them. Source: resolv.conf(5).
 */
function withOwn(text: string, settings: InstanceSettings): string {
  const others = text.replaceAll(/^(options\b.*?)[ \t]+rotate\b/gm, "$1");
  return `${beginOf(settings)}\nnameserver ${hostResolverAddress(settings.publicPool)}\n${others}`;
}

function withoutOwn(text: string, settings: InstanceSettings): string {
  const lines = text.split("\n");
  const at = lines.indexOf(beginOf(settings));
  if (at < 0) return text;
  const isServer = lines[at + 1] === `nameserver ${hostResolverAddress(settings.publicPool)}`;
  return lines.toSpliced(at, isServer ? 2 : 1).join("\n");
}

/**
 * Source: resolved.conf(5). A domain with a `~` decides only where a query is sent, and its names are asked of the
 * instance alone. All other names go to the instance as well as to the links' servers, and the first one found counts.
 */
function renderDropIn(settings: InstanceSettings, zones: readonly string[]): string {
  const domains = [...AWS_DOMAINS, ...zones].map((each) => `~${each}`);
  return `${beginOf(settings)}
[Resolve]
DNS=${hostResolverAddress(settings.publicPool)}
Domains=${domains.join(" ")}
`;
}

/**
 * Writes a file where it is. In a container /etc/resolv.conf is a mount, which no file can be renamed to. The new text
 * is there before the end of the old one is cut off, so that the file is never empty. Errors: UserError.
 */
function writeInPlace(path: string, text: string): void {
  try {
    const isThere = lstatSync(path, { throwIfNoEntry: false }) !== undefined;
    const file = openSync(path, isThere ? "r+" : "w", 0o644);
    try {
      const bytes = Buffer.from(text);
      for (let at = 0; at < bytes.length;) at += writeSync(file, bytes, at, bytes.length - at, at);
      ftruncateSync(file, bytes.length);
    } finally {
      closeSync(file);
    }
  } catch (thrown) {
    throw new UserError(`${path} cannot be written: make it writable, and run the command again.`, {
      cause: thrown,
    });
  }
}
