import { hkdfSync, randomBytes, X509Certificate } from "node:crypto";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { controlPlaneIdentity, nodeIdentity, type NodeCredentials } from "@gantry/agent-protocol";
import { messageOf, type Clock, type Logger } from "@gantry/kernel";
import { issueLinkCertificate, newLinkAuthority, type AuthorityFiles } from "@gantry/tls";
import { writeSecretFile } from "./secret-file.ts";

/**
 * The keys of the link between the control plane and its nodes: an authority used only for the link, the
 * control plane's certificate, and one certificate for each node.
 */
export interface Link {
  readonly instance: string;
  readonly authority: AuthorityFiles;
  readonly controlPlane: AuthorityFiles;
  readonly nodes: Readonly<Record<string, NodeKeys>>;
}

/**
 * A node's certificate with its key, and the keys that encrypt its agent's stored notes. These outlive
 * certificates.
 */
interface NodeKeys extends AuthorityFiles {
  /** Undefined in folders of an earlier version. */
  readonly memoryKeys?: NodeCredentials["memoryKeys"];
}

const DAY_MS = 24 * 60 * 60_000;
const LEAF_DAYS = 90;
/** A certificate is renewed when fewer days than this remain. */
const LEAF_RENEWAL_DAYS = 30;
const AUTHORITY_RENEWAL_DAYS = 365;
const KEY_BYTES = 32;
/**
 * The number of keys kept. An agent that does not run while keys are replaced can open its notes after up to
 * one replacement fewer than this.
 */
const MEMORY_KEYS_MAX = 4;
const LINK_FILE = "link.json";
/** The folder that the node's agent mounts: it contains only that node's credentials. */
export const NODE_FOLDER = "node";

/** The id of the node on this machine. */
export function localNodeId(instance: string): string {
  return `node-${instance}`;
}

/**
 * Creates the link's keys at the first start and renews them before they expire. `replace` creates new ones
 * on demand: those of the node, or the authority and all other keys. The keys of the agent's notes survive
 * renewal; a replacement prepends a new one. All keys are in one file that is replaced atomically, and the
 * node's own file is derived from it: a crash leaves old keys or new keys, and the next start updates the
 * node's file.
 */
export async function ensureLink(options: {
  folder: string;
  instance: string;
  now: number;
  replace?: "authority" | "node";
}): Promise<Link> {
  const { folder, instance, now, replace } = options;
  const known = readLink(folder, instance);
  const link = await renewed(known, { instance, now, replace });
  if (link !== known) writeSecretFile(join(folder, LINK_FILE), `${JSON.stringify(link)}\n`);
  giveToNode(folder, link);
  return link;
}

const LOOK_EVERY_MS = DAY_MS;

/**
 * Renews the link's certificates while the control plane runs: checks once a day, and calls back with renewed
 * keys.
 */
export function keepFresh(
  options: { folder: string; instance: string; clock: Clock; log: Logger },
  onRenewed: (link: Link) => void,
): void {
  const { folder, instance, clock, log } = options;
  const look = async (): Promise<void> => {
    const before = readLink(folder, instance);
    const link = await ensureLink({ folder, instance, now: clock.now() });
    if (JSON.stringify(link) === JSON.stringify(before)) return;
    onRenewed(link);
    log.info("The link's certificates were renewed");
  };
  clock.after(LOOK_EVERY_MS, () => {
    look()
      .catch((thrown: unknown) =>
        log.warn("The link's certificates could not be renewed", { reason: messageOf(thrown) }),
      )
      .finally(() => keepFresh(options, onRenewed));
  });
}

/** Returns the link unchanged, or with new certificates in place of those that expire soon. */
async function renewed(
  known: Link | undefined,
  options: { instance: string; now: number; replace: "authority" | "node" | undefined },
): Promise<Link> {
  const { instance, now, replace } = options;
  const nodeId = localNodeId(instance);
  const keepsAuthority = replace !== "authority" && isFresh(known?.authority, now, AUTHORITY_RENEWAL_DAYS);
  const keeps = keepsAuthority ? known : undefined;
  const node = replace === "node" ? undefined : keeps?.nodes[nodeId];
  const hasControlPlane = isFresh(keeps?.controlPlane, now, LEAF_RENEWAL_DAYS);
  const hasNode = isFresh(node, now, LEAF_RENEWAL_DAYS);
  if (keeps !== undefined && hasControlPlane && hasNode && node?.memoryKeys !== undefined) return keeps;
  const authority = keeps?.authority ?? (await newLinkAuthority(now));
  const lifetime = { from: now - DAY_MS, to: now + LEAF_DAYS * DAY_MS };
  return {
    instance,
    authority,
    controlPlane:
      keeps !== undefined && hasControlPlane
        ? keeps.controlPlane
        : await issueLinkCertificate(authority, {
            identity: controlPlaneIdentity(instance),
            usage: "server",
            ...lifetime,
          }),
    nodes: {
      ...keeps?.nodes,
      [nodeId]: {
        ...(node !== undefined && hasNode
          ? node
          : await issueLinkCertificate(authority, {
              identity: nodeIdentity(instance, nodeId),
              usage: "client",
              ...lifetime,
            })),
        memoryKeys: memoryKeysAfter(known?.nodes[nodeId], { isReplaced: replace !== undefined }),
      },
    },
  };
}

/**
 * The keys of the agent's notes: the existing ones, preceded by a new one where they are replaced or missing.
 */
function memoryKeysAfter(node: NodeKeys | undefined, { isReplaced }: { isReplaced: boolean }) {
  if (node?.memoryKeys !== undefined && !isReplaced) return node.memoryKeys;
  const known = node === undefined ? [] : (node.memoryKeys ?? [memoryKeyOfEarlierVersion(node.keyPem)]);
  return [randomBytes(KEY_BYTES).toString("hex"), ...known].slice(0, MEMORY_KEYS_MAX);
}

/** An earlier version derived the key of the agent's notes from the key of the node's certificate. */
function memoryKeyOfEarlierVersion(keyPem: string): string {
  return Buffer.from(hkdfSync("sha256", keyPem, "", "gantry agent memory", KEY_BYTES)).toString("hex");
}

/**
 * Whether a certificate is valid now and for the given number of days. A certificate is not yet valid where
 * the clock was set back.
 */
function isFresh(files: AuthorityFiles | undefined, now: number, days: number): boolean {
  if (files === undefined) return false;
  const certificate = new X509Certificate(files.certificatePem);
  return (
    certificate.validFromDate.getTime() <= now && certificate.validToDate.getTime() - days * DAY_MS > now
  );
}

/**
 * Reads the link of this instance from the folder; undefined where it cannot be read, so that a new one is
 * created.
 */
function readLink(folder: string, instance: string): Link | undefined {
  const path = join(folder, LINK_FILE);
  if (!existsSync(path)) return undefined;
  try {
    const link = JSON.parse(readFileSync(path, "utf8")) as Link; // Gantry wrote the file.
    return link.instance === instance ? link : undefined;
  } catch {
    return undefined;
  }
}

/** Writes the node's credentials to the file that its agent reads, unless they are there already. */
function giveToNode(folder: string, link: Link): void {
  const node = link.nodes[localNodeId(link.instance)];
  if (node === undefined) return;
  const credentials: NodeCredentials = {
    caPem: link.authority.certificatePem,
    certificatePem: node.certificatePem,
    keyPem: node.keyPem,
    memoryKeys: node.memoryKeys ?? [],
  };
  const text = `${JSON.stringify(credentials)}\n`;
  const path = join(folder, NODE_FOLDER, LINK_FILE);
  mkdirSync(join(folder, NODE_FOLDER), { recursive: true, mode: 0o700 });
  if (!existsSync(path) || readFileSync(path, "utf8") !== text) writeSecretFile(path, text);
}
