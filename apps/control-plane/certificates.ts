import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createSecureContext, type SecureContext } from "node:tls";
import type { Clock, Vault } from "@gantry/kernel";
import type { Store } from "@gantry/state";
import {
  newAuthority,
  openAuthority,
  replaceAuthority,
  type Authority,
  type AuthorityFiles,
} from "@gantry/tls";
import { ensureLink } from "./link.ts";
import { writeSecretFile } from "./secret-file.ts";

/**
 * The instance's authority, created at its first start and kept in its folder. `ca-key.pem` holds its key and
 * certificates, so that they change together; `ca.pem`, which clients are given, is derived from it.
 */
export async function ensureAuthority(folder: string, clock: Clock): Promise<Authority> {
  const known = readAuthority(folder);
  const files = known ?? (await newAuthority(clock.now()));
  if (known === undefined) writeAuthority(folder, files);
  const path = join(folder, "ca.pem");
  if (!existsSync(path) || readFileSync(path, "utf8") !== files.certificatePem)
    writeFileSync(path, files.certificatePem, { mode: 0o644 });
  return openAuthority(files);
}

/**
 * Replaces the instance's authority. The next start reissues the certificates that the previous one signed.
 */
export async function rotateAuthority(folder: string, clock: Clock): Promise<void> {
  const before = readAuthority(folder);
  if (before === undefined) throw new Error(`There is no authority in ${folder}.`);
  writeAuthority(folder, await replaceAuthority(before, clock.now()));
  await ensureAuthority(folder, clock);
}

/** Earlier versions kept the key alone in `ca-key.pem`. */
function readAuthority(folder: string): AuthorityFiles | undefined {
  const [certificatePath, keyPath] = [join(folder, "ca.pem"), join(folder, "ca-key.pem")];
  if (!existsSync(keyPath)) return undefined;
  const text = readFileSync(keyPath, "utf8");
  const [certificatePem = readFileSync(certificatePath, "utf8"), crossPem] =
    text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----\n?/g) ?? [];
  const keyPem = text.slice(text.indexOf("-----BEGIN PRIVATE KEY-----"));
  return { certificatePem, keyPem, ...(crossPem === undefined ? {} : { crossPem }) };
}

function writeAuthority(folder: string, { certificatePem, crossPem = "", keyPem }: AuthorityFiles): void {
  const parts = [certificatePem, crossPem, keyPem].filter((part) => part !== "");
  writeSecretFile(join(folder, "ca-key.pem"), `${parts.map((part) => part.trimEnd()).join("\n")}\n`);
}

/**
 * Reissues every certificate of ACM that another authority signed, for the same names and under the same ARN:
 * after a rotation, or a crash during one. Imported certificates are left unchanged.
 */
export async function reissueCertificates(deps: {
  store: Store;
  vault: Vault;
  authority: Authority;
  clock: Clock;
}): Promise<number> {
  const { store, vault, authority, clock } = deps;
  const signed = store
    .list("certificate")
    .filter((each) => each.type === "AMAZON_ISSUED" && each.chainPem.trim() !== authority.chainPem.trim());
  for (const { arn, domainName, subjectAlternativeNames } of signed) {
    const names = [...new Set([domainName, ...subjectAlternativeNames])];
    const { keyPem, ...issued } = await authority.issue(names, clock.now());
    store.transact((tx) => {
      const record = tx.get("certificate", arn);
      if (record !== undefined)
        tx.put("certificate", arn, { ...record, ...issued, sealedKey: vault.seal(keyPem) });
    });
  }
  return signed.length;
}

/**
 * Creates the keys that a first start needs in a separate process, so that the control plane need not load
 * the modules that create them.
 */
export async function prepareKeys(folder: string, instance: string, clock: Clock): Promise<void> {
  await ensureAuthority(folder, clock);
  await ensureLink({ folder, instance, now: clock.now() });
}

const CONTEXTS_MAX = 1_000;
/** How long a certificate is used: a small part of its lifetime. */
const CONTEXT_MS = 30 * 24 * 60 * 60_000;

/**
 * Certificates for every AWS name that a task requests. They are signed on demand, cached, and replaced long
 * before they expire.
 */
export function secureContexts(
  authority: Authority,
  clock: Clock,
): (name: string, done: (problem: Error | null, context?: SecureContext) => void) => void {
  const contexts = new Map<string, { readonly made: Promise<SecureContext>; readonly until: number }>();
  return (name, done) => {
    let context = contexts.get(name);
    const now = clock.now();
    if (context === undefined || context.until <= now) {
      if (contexts.size >= CONTEXTS_MAX) contexts.clear();
      const made = authority
        .issue([name], now)
        .then((issued) =>
          createSecureContext({ key: issued.keyPem, cert: `${issued.certificatePem}\n${issued.chainPem}` }),
        );
      context = { made, until: now + CONTEXT_MS };
      contexts.set(name, context);
    }
    context.made.then(
      (made) => done(null, made),
      (thrown: Error) => {
        contexts.delete(name);
        done(thrown);
      },
    );
  };
}
