import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { DEFAULT_OVERCOMMIT, type Overcommit } from "@gantry/state/transactions/reservations";
import { isLoopback } from "./loopback.ts";
import { writeSecretFile } from "./secret-file.ts";
import { defaultStateFolder, openStateFolder, readInstanceFile } from "./state-folder.ts";

/** What one instance of Gantry is: where its state lies, on which ports it listens, how its things are labelled. */
export interface InstanceSettings {
  readonly folder: string;
  readonly instance: string;
  readonly port: number;
  readonly registryPort: number;
  readonly consolePort: number;
  readonly tlsPort: number;
  /** Where nodes' agents connect. */
  readonly linkPort: number;
  readonly account: string;
  /** The /24 that public addresses come from. */
  readonly publicPool: string;
  /** Whether task definitions may ask for the node itself; the operator's to say, and off where nothing was said. */
  readonly allowHostAccess: boolean;
  /** How many times its own CPU and memory a node may promise to all of its tasks together; at least 1. */
  readonly overcommit: Overcommit;
  /** An address that others reach, served over TLS beside loopback; undefined: loopback alone. */
  readonly listen: string | undefined;
  /** The version that last started the instance, such as 0.2.0+COMMIT; undefined up to 0.1.0, which did not say. */
  readonly version: string | undefined;
}

const PORT_DEFAULT = 4566;
const ACCOUNT = "000000000000";

/** The ports of an instance: the one that is chosen, and those beside it. */
export function portsOf(
  port = PORT_DEFAULT,
): Pick<InstanceSettings, "port" | "registryPort" | "consolePort" | "tlsPort" | "linkPort"> {
  return { port, registryPort: port - 56, consolePort: port + 14, tlsPort: port + 1, linkPort: port + 2 };
}

/** The instance of a state folder, or undefined where none was ever started there. */
export function readInstance(folder: string): InstanceSettings | undefined {
  const stored = readInstanceFile(folder) as StoredInstance | undefined; // Gantry wrote it: its form is checked.
  if (stored === undefined) return undefined;
  const { agentToken: _retired, ...settings } = { ...DEFAULTS, ...portsOf(stored.port), ...stored, folder };
  return settings;
}

/** What instance.json holds. Earlier versions kept the agent's bearer token in it, and had no port for the link. */
type StoredInstance = InstanceSettings & { readonly agentToken?: string };

/** Settings that a folder of an earlier version does not have. */
const DEFAULTS = {
  allowHostAccess: false,
  overcommit: DEFAULT_OVERCOMMIT,
  listen: undefined,
  version: undefined,
};

/** What `gantry up` may change of an instance. */
export interface StartOptions {
  readonly allowHostAccess?: boolean;
  readonly overcommit?: Partial<Overcommit>;
  /** A loopback address: loopback alone. */
  readonly listen?: string;
  /** The version that starts the instance now. */
  readonly version?: string;
}

/** Reads the instance, or makes it: names and ports are chosen once and kept. What is given replaces what was kept. */
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
  const version = given.version ?? known?.version;
  if (
    known !== undefined &&
    !isOfEarlierVersion(folder) &&
    (port === undefined || port === known.port) &&
    allowHostAccess === known.allowHostAccess &&
    overcommit.cpu === known.overcommit.cpu &&
    overcommit.memory === known.overcommit.memory &&
    listen === known.listen &&
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
    version,
    publicPool:
      known?.publicPool ?? `198.18.${folder === defaultStateFolder() ? 1 : 2 + ((hash[0] ?? 0) % 250)}.0/24`,
  };
  writeSecretFile(
    join(folder, "instance.json"),
    `${JSON.stringify({ ...settings, folder: undefined }, null, 2)}\n`,
  );
  return settings;
}

function outsideOf(address: string): string | undefined {
  return isLoopback(address) ? undefined : address;
}

/** Whether instance.json still holds a secret of an earlier version: it is written again without. */
function isOfEarlierVersion(folder: string): boolean {
  return readFileSync(join(folder, "instance.json"), "utf8").includes('"agentToken"');
}
