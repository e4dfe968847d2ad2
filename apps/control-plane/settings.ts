import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { DEFAULT_OVERCOMMIT, type Overcommit } from "@gantry/state/transactions/reservations";
import { isLoopback } from "./loopback.ts";
import { writeSecretFile } from "./secret-file.ts";
import { defaultStateFolder, openStateFolder, readInstanceFile } from "./state-folder.ts";

/**
 * The settings of one instance of Gantry: the location of its state, the ports it listens on, and the labels
 * of its resources.
 */
export interface InstanceSettings {
  readonly folder: string;
  readonly instance: string;
  readonly port: number;
  readonly registryPort: number;
  readonly consolePort: number;
  readonly tlsPort: number;
  /** The port that nodes' agents connect to. */
  readonly linkPort: number;
  /** The port at which nodes' agents answer public hosted zones. */
  readonly dnsPort: number;
  readonly account: string;
  /** The /24 from which public addresses are allocated. */
  readonly publicPool: string;
  /**
   * Whether task definitions may request access to the node itself; set by the operator, and off by default.
   */
  readonly allowHostAccess: boolean;
  /** The factors by which the tasks' total reservations may exceed a node's CPU and memory; at least 1. */
  readonly overcommit: Overcommit;
  /**
   * An address that other machines reach, served over TLS in addition to loopback; undefined: loopback only.
   */
  readonly listen: string | undefined;
  /**
   * How policies see plain HTTP over loopback: as secure transport (`aws:SecureTransport` is true), which it
   * is as far as the network is concerned, or not.
   */
  readonly plainHttp: "secure" | "insecure";
  /**
   * The version that last started the instance, such as 0.2.0+COMMIT; undefined up to 0.1.0, which did not
   * record it.
   */
  readonly version: string | undefined;
}

const PORT_DEFAULT = 4566;
const ACCOUNT = "000000000000";

/** The ports of an instance: the chosen port, and those derived from it. */
export function portsOf(
  port = PORT_DEFAULT,
): Pick<InstanceSettings, "port" | "registryPort" | "consolePort" | "tlsPort" | "linkPort" | "dnsPort"> {
  const derived = { registryPort: port - 56, consolePort: port + 14 };
  return { port, ...derived, tlsPort: port + 1, linkPort: port + 2, dnsPort: port + 3 };
}

/** Reads the instance of a state folder; undefined where none was ever started there. */
export function readInstance(folder: string): InstanceSettings | undefined {
  const stored = readInstanceFile(folder) as StoredInstance | undefined; // Its form is checked.
  if (stored === undefined) return undefined;
  const { agentToken: _retired, ...settings } = { ...DEFAULTS, ...portsOf(stored.port), ...stored, folder };
  return settings;
}

/**
 * The content of instance.json. Earlier versions stored the agent's bearer token in it, and had no port for
 * the link.
 */
type StoredInstance = InstanceSettings & { readonly agentToken?: string };

/** Defaults for settings that a folder of an earlier version lacks. */
const DEFAULTS = {
  allowHostAccess: false,
  overcommit: DEFAULT_OVERCOMMIT,
  listen: undefined,
  plainHttp: "secure",
  version: undefined,
} as const;

/** The settings that `gantry up` may change. */
export interface StartOptions {
  readonly allowHostAccess?: boolean;
  readonly overcommit?: Partial<Overcommit>;
  /** The address to listen on; a loopback address means loopback only. */
  readonly listen?: string;
  readonly plainHttp?: InstanceSettings["plainHttp"];
  /** The version that is starting the instance. */
  readonly version?: string;
}

/**
 * Reads or creates the instance. Names and ports are chosen once and kept; given options replace stored ones.
 */
export function ensureInstance(
  folder: string,
  port: number | undefined,
  given: StartOptions = {},
): InstanceSettings {
  openStateFolder(folder);
  const known = readInstance(folder);
  const allowHostAccess = given.allowHostAccess ?? known?.allowHostAccess ?? false;
  const overcommit = { ...(known?.overcommit ?? DEFAULT_OVERCOMMIT), ...given.overcommit };
  const listen = given.listen === undefined ? known?.listen : outsideOf(given.listen);
  const plainHttp = given.plainHttp ?? known?.plainHttp ?? DEFAULTS.plainHttp;
  const version = given.version ?? known?.version;
  if (
    known !== undefined &&
    !isOfEarlierVersion(folder) &&
    (port === undefined || port === known.port) &&
    allowHostAccess === known.allowHostAccess &&
    overcommit.cpu === known.overcommit.cpu &&
    overcommit.memory === known.overcommit.memory &&
    listen === known.listen &&
    plainHttp === known.plainHttp &&
    version === known.version
  )
    return known;
  const hash = createHash("sha256").update(folder).digest();
  const settings: InstanceSettings = {
    folder,
    instance:
      known?.instance ?? (folder === defaultStateFolder() ? "default" : hash.toString("hex").slice(0, 8)),
    ...portsOf(port ?? known?.port),
    account: ACCOUNT,
    allowHostAccess,
    overcommit,
    listen,
    plainHttp,
    version,
    publicPool: known?.publicPool ?? publicPoolOf(folder),
  };
  writeSecretFile(
    join(folder, "instance.json"),
    `${JSON.stringify({ ...settings, folder: undefined }, null, 2)}\n`,
  );
  return settings;
}

/**
 * The public addresses of a new instance, by its state folder: two instances on a machine may have the same.
 * Source: RFC 2544, which keeps 198.18.0.0/15 off the Internet.
 */
export function publicPoolOf(folder: string): string {
  const [first = 0] = createHash("sha256").update(folder).digest();
  return `198.18.${folder === defaultStateFolder() ? 1 : 2 + (first % 250)}.0/24`;
}

function outsideOf(address: string): string | undefined {
  return isLoopback(address) ? undefined : address;
}

/** Whether instance.json still contains a secret of an earlier version, and must be rewritten without it. */
function isOfEarlierVersion(folder: string): boolean {
  return readFileSync(join(folder, "instance.json"), "utf8").includes('"agentToken"');
}
