import { X509Certificate } from "node:crypto";
import { lookup } from "node:dns";
import { BlockList, isIP, type LookupFunction } from "node:net";
import { checkServerIdentity, type DetailedPeerCertificate, type TLSSocket } from "node:tls";
import type { Clock } from "@gantry/kernel";
import type { JSONWebKeySet } from "jose";

const ANSWER_BYTES_MAX = 128 * 1024;
const WAIT_MS = 5_000;
/** Keys are asked for again after an hour, and at most once a minute for a key that is not among them. */
const FRESH_MS = 3_600_000;
const ASK_AGAIN_MS = 60_000;
const ISSUERS_MAX = 200;

/**
 * Addresses that no issuer has: the machine's own network and metadata of clouds (link-local), and addresses that are none.
 * Private addresses and loopback are allowed: an issuer of the operator's own has one.
 */
const FORBIDDEN = blockList(
  // The last but one are the platform's own addresses in VPCs.
  ["0.0.0.0/8", "169.254.0.0/16", "100.64.0.0/10", "224.0.0.0/3"],
  ["::/128", "fe80::/10", "fd00:ec2::/32", "ff00::/8"],
);

function blockList(ipv4: readonly string[], ipv6: readonly string[]): BlockList {
  const list = new BlockList();
  const add = (type: "ipv4" | "ipv6") => (range: string) => {
    const [address = "", prefix] = range.split("/");
    list.addSubnet(address, Number(prefix), type);
  };
  ipv4.forEach(add("ipv4"));
  ipv6.forEach(add("ipv6"));
  return list;
}

/** An issuer whose keys cannot be had: unreachable, not what its certificate says, or not an issuer. */
export class IssuerError extends Error {
  override readonly name = "IssuerError";
}

/** An issuer as an account trusts it. */
export interface TrustedIssuer {
  /** `https://…`, as tokens name it. */
  readonly url: string;
  /** SHA-1 of certificates of which one must be in the issuer's chain, where no authority of the machine vouches for it. */
  readonly thumbprints: readonly string[];
}

/** Finds the keys with which an issuer signs; kept for an hour. */
export interface IssuerKeys {
  /** Errors: IssuerError. */
  of(issuer: TrustedIssuer, wants: (keys: JSONWebKeySet) => boolean): Promise<JSONWebKeySet>;
}

/**
 * Asks issuers for their keys: GET of `/.well-known/openid-configuration` and of its `jwks_uri`, both by https with a
 * certificate of the host that an authority of the machine or a thumbprint of the provider vouches for. No redirect is
 * followed, at most 128 KiB are read, and nothing of an answer reaches the caller.
 * Source: OpenID Connect Discovery 1.0, section 4; IAM User Guide, "Obtain the thumbprint for an OpenID Connect identity provider".
 */
export function issuerKeys(clock: Clock): IssuerKeys {
  const known = new Map<string, { readonly keys: JSONWebKeySet; readonly at: number }>();
  const asking = new Map<string, Promise<JSONWebKeySet>>();
  const ask = async (issuer: TrustedIssuer, id: string): Promise<JSONWebKeySet> => {
    const configuration = await getJson(
      `${issuer.url.replace(/\/$/, "")}/.well-known/openid-configuration`,
      issuer,
      clock.now(),
    );
    const { issuer: name, jwks_uri: address } = configuration as { issuer?: unknown; jwks_uri?: unknown };
    if (name !== issuer.url || typeof address !== "string")
      throw new IssuerError("The issuer's configuration names another issuer, or no keys.");
    const keys = await getJson(address, issuer, clock.now());
    if (!Array.isArray((keys as { keys?: unknown }).keys))
      throw new IssuerError("The issuer's keys are none.");
    if (known.size >= ISSUERS_MAX) known.clear();
    known.set(id, { keys: keys as JSONWebKeySet, at: clock.now() }); // jose checks each key.
    return keys as JSONWebKeySet; // As above.
  };
  return {
    async of(issuer, wants) {
      const id = JSON.stringify([issuer.url, issuer.thumbprints]);
      const there = known.get(id);
      const age = there === undefined ? Infinity : clock.now() - there.at;
      if (there !== undefined && age < FRESH_MS && (wants(there.keys) || age < ASK_AGAIN_MS))
        return there.keys;
      const asked = asking.get(id) ?? ask(issuer, id).finally(() => asking.delete(id));
      asking.set(id, asked);
      return asked;
    },
  };
}

function getJson(address: string, { thumbprints }: TrustedIssuer, now: number): Promise<unknown> {
  const url = URL.parse(address);
  if (url?.protocol !== "https:" || url.username !== "" || url.password !== "")
    return Promise.reject(new IssuerError("Keys are read by https alone."));
  const literal = url.hostname.replace(/^\[|\]$/g, "");
  if (isIP(literal) !== 0 && isForbidden(literal))
    return Promise.reject(new IssuerError("Not an address of an issuer."));
  const { promise, resolve, reject } = Promise.withResolvers<unknown>();
  const https = process.getBuiltinModule("node:https");
  // The chain is checked below, where a thumbprint may vouch for it: nothing is sent before.
  const agent = new https.Agent({ rejectUnauthorized: false, keepAlive: false, maxCachedSessions: 0 });
  const request = https.request(url, { agent, lookup: checkedLookup, signal: AbortSignal.timeout(WAIT_MS) });
  const fail = (thrown: unknown): void => {
    request.destroy();
    reject(
      thrown instanceof IssuerError
        ? thrown
        : new IssuerError("The issuer cannot be reached.", { cause: thrown }),
    );
  };
  request.on("error", fail);
  request.on("socket", (socket) =>
    socket.on("secureConnect", () => {
      try {
        checkPeer(socket as TLSSocket, { host: literal, thumbprints, now }); // An https request has no other.
        request.end();
      } catch (thrown) {
        fail(thrown);
      }
    }),
  );
  request.on("response", (response) => {
    if (response.statusCode !== 200)
      return fail(new IssuerError(`The issuer answered ${response.statusCode}.`));
    const chunks: Buffer[] = [];
    let length = 0;
    response.on("data", (chunk: Buffer) => {
      length += chunk.length;
      if (length > ANSWER_BYTES_MAX) fail(new IssuerError("The issuer answers too much."));
      else chunks.push(chunk);
    });
    response.on("error", fail);
    response.on("end", () => {
      try {
        resolve(JSON.parse(Buffer.concat(chunks).toString()));
      } catch (thrown) {
        fail(thrown);
      }
    });
  });
  return promise;
}

/** Every address of the name is one that an issuer may have: the connection uses none that was not checked. */
const checkedLookup: LookupFunction = (name, options, callback) => {
  lookup(name, { ...options, all: true }, (problem, addresses) => {
    if (problem !== null) return callback(problem, []);
    const [first] = addresses;
    if (first === undefined || addresses.some(({ address }) => isForbidden(address)))
      return callback(new IssuerError("Not an address of an issuer."), []);
    if (options.all === true) callback(null, addresses);
    else callback(null, first.address, first.family);
  });
};

/** Whether an address is none of an issuer; one of IPv4 that is written as IPv6 is that of IPv4. */
export function isForbidden(address: string): boolean {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return FORBIDDEN.check(mapped, "ipv4");
  return isIP(address) === 6
    ? FORBIDDEN.check(address, "ipv6") || address.toLowerCase().startsWith("::ffff:")
    : FORBIDDEN.check(address, "ipv4");
}

/** Errors: IssuerError unless the certificate is the host's, and an authority of the machine or a thumbprint vouches for it. */
function checkPeer(
  socket: TLSSocket,
  { host, thumbprints, now }: { host: string; thumbprints: readonly string[]; now: number },
): void {
  const peer = socket.getPeerCertificate(true);
  if (checkServerIdentity(host, peer) !== undefined)
    throw new IssuerError("The certificate is not the host's.");
  if (socket.authorized || isPinned(peer, thumbprints, now)) return;
  throw new IssuerError("Nobody vouches for the issuer's certificate.");
}

/**
 * Whether a certificate of the chain has one of the thumbprints. A server sends whatever chain it likes: each certificate
 * counts only if it signed the one before.
 */
function isPinned(peer: DetailedPeerCertificate, thumbprints: readonly string[], now: number): boolean {
  let link: DetailedPeerCertificate | undefined = peer;
  const seen = new Set<string>();
  while (link !== undefined && !seen.has(link.fingerprint256)) {
    seen.add(link.fingerprint256);
    const certificate: X509Certificate = new X509Certificate(link.raw);
    const isValid = Date.parse(certificate.validFrom) <= now && now <= Date.parse(certificate.validTo);
    const above: Buffer | undefined = link.issuerCertificate?.raw;
    const issuer = above === undefined ? undefined : new X509Certificate(above);
    if (!isValid) return false;
    if (thumbprints.includes(link.fingerprint.replaceAll(":", "").toLowerCase())) return true;
    if (
      issuer === undefined ||
      !issuer.ca ||
      !certificate.checkIssued(issuer) ||
      !certificate.verify(issuer.publicKey)
    )
      return false;
    link = link.issuerCertificate;
  }
  return false;
}
