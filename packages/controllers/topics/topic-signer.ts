import { createHash } from "node:crypto";
import type { Clock, Vault } from "@gantry/kernel";
import type { Store, TopicSignerRecord } from "@gantry/state";

/** A key that ends sooner is replaced. Its certificate stays: messages that it signed are verified later. */
const LEFT_MS = 30 * 86_400_000;
const SIGNER_NAME = "sns.amazonaws.com";

/** Finds the key that signs notifications, and makes one where there is none. The vault seals its private part. */
export function topicSigner(deps: {
  readonly store: Store;
  readonly vault: Vault;
  readonly clock: Clock;
  readonly authority: {
    issueSigner(
      name: string,
      now: number,
    ): Promise<{ readonly certificatePem: string; readonly keyPem: string; readonly notAfter: number }>;
  };
}): () => Promise<{ readonly id: string; readonly keyPem: string }> {
  const { store, vault, clock, authority } = deps;
  let issuing: Promise<TopicSignerRecord> | undefined;
  const issue = async (): Promise<TopicSignerRecord> => {
    const { certificatePem, keyPem, notAfter } = await authority.issueSigner(SIGNER_NAME, clock.now());
    const id = createHash("sha256").update(certificatePem).digest("hex").slice(0, 32);
    const record = { id, certificatePem, sealedKey: vault.seal(keyPem), notAfter };
    store.transact((tx) => tx.put("topicSigner", id, record));
    return record;
  };
  let opened: { readonly id: string; readonly keyPem: string } | undefined;
  return async () => {
    const [latest] = store.list("topicSigner").toSorted((a, b) => b.notAfter - a.notAfter);
    const isGood = latest !== undefined && latest.notAfter - clock.now() > LEFT_MS;
    const signer = isGood ? latest : await (issuing ??= issue().finally(() => (issuing = undefined)));
    if (opened?.id !== signer.id) opened = { id: signer.id, keyPem: vault.open(signer.sealedKey) };
    return opened;
  };
}
