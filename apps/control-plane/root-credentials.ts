import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Clock, Ids, Vault } from "@gantry/kernel";
import type { AccessKeyRecord, Store } from "@gantry/state";
import { writeSecretFile } from "./secret-file.ts";

interface RootDeps {
  readonly store: Store;
  readonly vault: Vault;
  readonly ids: Ids;
  readonly clock: Clock;
  readonly folder: string;
  readonly account: string;
}

/**
 * Creates the root user's keys at the first start, seals them in the store, and writes them to the file that
 * the owner reads. A file that a crash left with another key than the store's is rewritten.
 */
export function ensureRootCredentials(deps: RootDeps): void {
  const { store, vault, folder, account } = deps;
  const path = join(folder, "credentials");
  const known = store.list("accessKey").find((key) => isRootKey(key, account));
  if (known === undefined) {
    rotateRootCredentials(deps);
    return;
  }
  const text = credentialsFile(known.accessKeyId, vault.open(known.sealedSecret));
  if (!existsSync(path) || !readFileSync(path, "utf8").includes(known.accessKeyId))
    writeSecretFile(path, text);
}

/** Replaces the root user's key in one transaction, after which the previous key is invalid. */
export function rotateRootCredentials(deps: RootDeps): void {
  const { store, vault, ids, clock, folder, account } = deps;
  const [accessKeyId, secret] = [`AKIA${ids.upper(16)}`, ids.secret(30)];
  store.transact((tx) => {
    for (const key of tx.list("accessKey"))
      if (isRootKey(key, account)) tx.delete("accessKey", key.accessKeyId);
    tx.put("accessKey", accessKeyId, {
      accessKeyId,
      sealedSecret: vault.seal(secret),
      account,
      userArn: undefined,
      status: "Active",
      createdAt: clock.now(),
    });
  });
  writeSecretFile(join(folder, "credentials"), credentialsFile(accessKeyId, secret));
}

function isRootKey(key: AccessKeyRecord, account: string): boolean {
  return key.userArn === undefined && key.account === account;
}

function credentialsFile(accessKeyId: string, secret: string): string {
  return `[default]\naws_access_key_id = ${accessKeyId}\naws_secret_access_key = ${secret}\n`;
}
