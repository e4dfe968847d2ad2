import { createHash, randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";

/** What one instance of Gantry is: where its state lies, on which ports it listens, how its things are labelled. */
export interface InstanceSettings {
  readonly folder: string;
  readonly instance: string;
  readonly port: number;
  readonly registryPort: number;
  readonly consolePort: number;
  readonly tlsPort: number;
  readonly account: string;
  readonly agentToken: string;
  /** The /24 that public addresses come from. */
  readonly publicPool: string;
  /** Whether task definitions may ask for the node itself; the operator's to say, and off where nothing was said. */
  readonly allowHostAccess: boolean;
}

const PORT_DEFAULT = 4566;
const ACCOUNT = "000000000000";

/** The ports of an instance: the one that is chosen, and those beside it. */
export function portsOf(
  port = PORT_DEFAULT,
): Pick<InstanceSettings, "port" | "registryPort" | "consolePort" | "tlsPort"> {
  return { port, registryPort: port - 56, consolePort: port + 14, tlsPort: port + 1 };
}

/** The state folder of an instance: `--state-dir`, else $GANTRY_HOME, else ~/.gantry. */
export function stateFolder(given: string | undefined): string {
  return resolve(given ?? process.env["GANTRY_HOME"] ?? join(homedir(), ".gantry"));
}

/** The instance of a state folder, or undefined where none was ever started there. */
export function readInstance(folder: string): InstanceSettings | undefined {
  const path = join(folder, "instance.json");
  if (!existsSync(path)) return undefined;
  return { ...NOT_SAID, ...(JSON.parse(readFileSync(path, "utf8")) as InstanceSettings), folder }; // We wrote it.
}

/** What a folder of an earlier version does not say. */
const NOT_SAID = { allowHostAccess: false };

/** Reads the instance, or makes it: names and ports are chosen once and kept. What is given replaces what was kept. */
export function ensureInstance(
  folder: string,
  port: number | undefined,
  given: { allowHostAccess?: boolean } = {},
): InstanceSettings {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const known = readInstance(folder);
  const allowHostAccess = given.allowHostAccess ?? known?.allowHostAccess ?? false;
  if (
    known !== undefined &&
    (port === undefined || port === known.port) &&
    allowHostAccess === known.allowHostAccess
  )
    return known;
  const hash = createHash("sha256").update(folder).digest();
  const settings: InstanceSettings = {
    folder,
    instance:
      known?.instance ??
      (folder === join(homedir(), ".gantry") ? "default" : hash.toString("hex").slice(0, 8)),
    ...portsOf(port ?? known?.port),
    account: ACCOUNT,
    agentToken: known?.agentToken ?? randomBytes(32).toString("hex"),
    allowHostAccess,
    publicPool:
      known?.publicPool ??
      `198.18.${folder === join(homedir(), ".gantry") ? 1 : 2 + ((hash[0] ?? 0) % 250)}.0/24`,
  };
  writeFileSync(
    join(folder, "instance.json"),
    `${JSON.stringify({ ...settings, folder: undefined }, null, 2)}\n`,
    { mode: 0o600 },
  );
  return settings;
}

/** A file of random bytes that is made once: keys that must not lie in the database. */
export function ensureSecretFile(path: string, bytes: number): Buffer {
  if (!existsSync(path)) writeFileSync(path, randomBytes(bytes), { mode: 0o600, flag: "wx" });
  return readFileSync(path);
}
