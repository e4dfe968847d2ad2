import type { Vault } from "@gantry/kernel";
import type { Kind, RecordOf } from "../records.ts";
import type { Store, Transaction } from "../store.ts";

type SealedField<K extends Kind> = Extract<keyof RecordOf<K>, `sealed${string}`>;

/** Every field that the vault sealed. The type names all fields of that prefix: one that is left out does not compile. */
const SEALED: {
  readonly [K in Kind as [SealedField<K>] extends [never] ? never : K]: Readonly<
    Record<SealedField<K>, true>
  >;
} = {
  accessKey: { sealedSecret: true },
  session: { sealedSecret: true },
  certificate: { sealedKey: true },
  databaseInstance: { sealedPassword: true },
};

/** Seals every secret with the vault's first key, in one transaction. Errors: where one opens with none of its keys. */
export function reseal(store: Store, vault: Vault): void {
  store.transact((tx) => {
    for (const [kind, fields] of Object.entries(SEALED))
      resealKind(tx, vault, { kind: kind as keyof typeof SEALED, fields: Object.keys(fields) }); // Its own keys.
  });
}

function resealKind(
  tx: Transaction,
  vault: Vault,
  { kind, fields }: { kind: keyof typeof SEALED; fields: readonly string[] },
): void {
  for (const key of tx.keys(kind)) {
    const record = tx.get(kind, key);
    if (record === undefined) continue;
    const secrets = Object.entries(record)
      .filter(([field]) => fields.includes(field))
      .map(([field, sealed]) => [field, vault.seal(vault.open(String(sealed)))] as const);
    tx.put(kind, key, { ...record, ...Object.fromEntries(secrets) });
  }
}
