import { X509Certificate } from "node:crypto";
import { checkServerIdentity, type DetailedPeerCertificate, type TLSSocket } from "node:tls";
import type { Clock } from "@gantry/kernel";
import { isForbiddenHost, issuerLookup } from "@gantry/kernel/issuer-address";
import type { JSONWebKeySet } from "jose";

const ANSWER_BYTES_MAX = 128 * 1024;
const WAIT_MS = 5_000;
/** Keys are asked for again after an hour, and at most once a minute for a key that is not among them. */
const FRESH_MS = 3_600_000;
const ASK_AGAIN_MS = 60_000;
const ISSUERS_MAX = 200;

/** An issuer whose keys cannot be read: it is unreachable, its certificate is not valid, or it is not an issuer. */
export class IssuerError extends Error {
  override readonly name = "IssuerError";
}

/** An issuer as an account trusts it. */
export interface TrustedIssuer {
  /** `https://…`, as tokens name it. */
  readonly url: string;
  /**
   * SHA-1 of certificates of which one must be in the issuer's chain, where no authority of the machine
   * vouches for it.
   */
  readonly thumbprints: readonly string[];
}

/** Finds the keys with which an issuer signs; kept for an hour. */
export interface IssuerKeys {
  /** Errors: IssuerError. */
  of(issuer: TrustedIssuer, wants: (keys: JSONWebKeySet) => boolean): Promise<JSONWebKeySet>;
}

/**
 * Asks issuers for their keys: GET of `/.well-known/openid-configuration` and of its `jwks_uri`, both by
 * https with a certificate of the host that an authority of the machine or a thumbprint of the provider
 * vouches for. No redirect is followed, at most 128 KiB are read, and nothing of an answer reaches the
 * caller.
 * Source: OpenID Connect Discovery 1.0, section 4; IAM User Guide, "Obtain the thumbprint for an OpenID
 * Connect identity provider".
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
  if (isForbiddenHost(url)) return Promise.reject(new IssuerError("Not an address of an issuer."));
  const { promise, resolve, reject } = Promise.withResolvers<unknown>();
  const https = process.getBuiltinModule("node:https");
  // The chain is checked below, where a thumbprint may vouch for it: nothing is sent before.
  const agent = new https.Agent({ rejectUnauthorized: false, keepAlive: false, maxCachedSessions: 0 });
  const request = https.request(url, { agent, lookup: issuerLookup, signal: AbortSignal.timeout(WAIT_MS) });
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

/**
 * Errors: IssuerError unless the certificate is the host's, and an authority of the machine or a thumbprint
 * vouches for it.
 */
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
 * Whether a certificate of the chain has one of the thumbprints. A server sends whatever chain it likes: each
 * certificate counts only if it signed the one before.
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
