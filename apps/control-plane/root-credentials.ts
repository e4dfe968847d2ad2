import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Clock, Ids, Vault } from "@gantry/kernel";
import type { Store } from "@gantry/state";

/** The root user's keys: made at the first start, sealed in the store, and written once where the owner finds them. */
export function ensureRootCredentials(deps: {
  store: Store;
  vault: Vault;
  ids: Ids;
  clock: Clock;
  folder: string;
  account: string;
}): void {
  const { store, vault, ids, clock, folder, account } = deps;
  const path = join(folder, "credentials");
  const known = store.list("accessKey").find((key) => key.userArn === undefined && key.account === account);
  if (known !== undefined && existsSync(path)) return;
  const accessKeyId = known?.accessKeyId ?? `AKIA${ids.upper(16)}`;
  const secret = known === undefined ? ids.secret(30) : vault.open(known.sealedSecret);
  if (known === undefined) {
    store.transact((tx) =>
      tx.put("accessKey", accessKeyId, {
        accessKeyId,
        sealedSecret: vault.seal(secret),
        account,
        userArn: undefined,
        status: "Active",
        createdAt: clock.now(),
      }),
    );
  }
  writeFileSync(path, `[default]\naws_access_key_id = ${accessKeyId}\naws_secret_access_key = ${secret}\n`, {
    mode: 0o600,
  });
}
