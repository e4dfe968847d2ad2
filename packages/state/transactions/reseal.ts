import type { Vault } from "@gantry/kernel";
import type { Kind, RecordOf } from "../records.ts";
import type { Store } from "../store.ts";

/** `true` if a value has a field that the vault sealed, at any depth: such fields are named `sealed…`. */
type Sealed<T> = T extends readonly (infer Item)[]
  ? Sealed<Item>
  : T extends object
    ? { [F in keyof T]-?: F extends `sealed${string}` ? true : Sealed<T[F]> }[keyof T]
    : never;

/** Every kind of record with a sealed field. The type requires all of them: an omission does not compile. */
const KINDS: { readonly [K in Kind as [Sealed<RecordOf<K>>] extends [never] ? never : K]: true } = {
  accessKey: true,
  session: true,
  userSession: true,
  mfaDevice: true,
  certificate: true,
  serverCertificate: true,
  databaseInstance: true,
  databaseSnapshot: true,
  loadBalancer: true,
  listener: true,
  rule: true,
  kmsKey: true,
  secretVersion: true,
  parameterVersion: true,
  taskSecrets: true,
  logGroup: true,
  queue: true,
  topicMessage: true,
  topicSigner: true,
  eventRule: true,
  eventDelivery: true,
  eventArchive: true,
  eventConnection: true,
  schedule: true,
};

/**
 * Seals every secret with the vault's first key, in one transaction. A secret that none of the keys opens is
 * lost and stays unchanged: it must not keep a leaked key in use for the others.
 */
export function reseal(store: Store, vault: Vault): void {
  store.transact((tx) => {
    for (const kind of Object.keys(KINDS) as (keyof typeof KINDS)[])
      // Its own keys.
      for (const key of tx.keys(kind)) {
        const record = tx.get(kind, key);
        if (record !== undefined) tx.put(kind, key, sealedAnew(record, vault) as typeof record); // Only texts change.
      }
  });
}

/** The value with every sealed field sealed by the vault's first key. */
function sealedAnew(value: unknown, vault: Vault): unknown {
  if (Array.isArray(value)) return value.map((item) => sealedAnew(item, vault));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([field, held]) => [
      field,
      field.startsWith("sealed") && typeof held === "string"
        ? sealedTextAnew(held, vault)
        : sealedAnew(held, vault),
    ]),
  );
}

function sealedTextAnew(held: string, vault: Vault): string {
  try {
    return vault.seal(vault.open(held));
  } catch {
    return held;
  }
}
