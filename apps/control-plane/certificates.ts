import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Clock, Vault } from "@gantry/kernel";
import type { Store } from "@gantry/state";
import {
  newAuthority,
  openAuthority,
  replaceAuthority,
  type Authority,
  type AuthorityFiles,
  keyTypeOf,
} from "@gantry/tls";
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
  for (const { arn, domainName, subjectAlternativeNames, certificatePem } of signed) {
    const names = [...new Set([domainName, ...subjectAlternativeNames])];
    const { keyPem, ...issued } = await authority.issue(names, clock.now(), {
      keyType: keyTypeOf(certificatePem),
    });
    store.transact((tx) => {
      const record = tx.get("certificate", arn);
      if (record !== undefined)
        tx.put("certificate", arn, { ...record, ...issued, sealedKey: vault.seal(keyPem) });
    });
  }
  return signed.length;
}
