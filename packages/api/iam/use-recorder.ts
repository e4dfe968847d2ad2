import type { Principal } from "@gantry/iam";
import { messageOf, type Clock, type Logger } from "@gantry/kernel";
import type { IdentityUseRecord, Reader, Store } from "@gantry/state";
import type { ClientCall } from "@gantry/wire";

/** How long uses are collected before they are written. AWS shows the use of a key after up to 4 hours. */
const WRITE_AFTER_MS = 1_000;

type Use = Omit<IdentityUseRecord, "lastUsed"> & { lastUsed: IdentityUseRecord["lastUsed"] };
type Entry = IdentityUseRecord["services"][string];
interface Collected extends Use {
  readonly services: Record<string, Entry>;
  readonly actions: Record<string, Entry>;
}

/**
 * Records when access keys, users and roles are used. A call is noted in memory, and all that were noted in a
 * second are written in one transaction, so that no request waits for it. Uses of the last second are lost with
 * the process.
 */
export function useRecorder({
  store,
  clock,
  log,
}: {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Logger;
}): (call: ClientCall, action: string | undefined) => void {
  let collected = new Map<string, Collected>();
  const write = (): void => {
    const uses = collected;
    collected = new Map();
    try {
      writeUses(store, uses);
    } catch (thrown) {
      log.warn("The use of access keys could not be written", { reason: messageOf(thrown) });
    }
  };
  const usesOf = (id: string, account: string, first: Use["lastUsed"]): Collected => {
    const known = collected.get(id);
    if (known !== undefined) return known;
    if (collected.size === 0) clock.after(WRITE_AFTER_MS, write);
    const use = { id, account, lastUsed: first, services: {}, actions: {} };
    collected.set(id, use);
    return use;
  };
  return ({ principal, signed, service: { descriptor }, region }, action) => {
    if (principal.type === "anonymous") return;
    const service = descriptor.iamPrefix;
    const lastUsed = { at: clock.now(), region, service };
    const accessKeyId = signed?.accessKeyId;
    if (accessKeyId?.startsWith("AKIA") === true)
      usesOf(accessKeyId, principal.account, lastUsed).lastUsed = lastUsed;
    const id = identityIdOf(principal);
    if (id === undefined) return;
    const use = usesOf(id, principal.account, lastUsed);
    use.lastUsed = lastUsed;
    const entry = { at: lastUsed.at, region, principalArn: principal.roleArn ?? principal.arn };
    use.services[service] = entry;
    if (action !== undefined) use.actions[action] = entry;
  };
}

/** The unique id of the user or the role behind a call; undefined for root. */
function identityIdOf({ type, id, user }: Principal): string | undefined {
  switch (type) {
    case "user":
      return id;
    case "assumed-role":
      return id.split(":")[0];
    case "federated-user":
      return user?.id.startsWith("AIDA") === true ? user.id : undefined;
    case "root":
    case "anonymous":
      return undefined;
  }
}

function writeUses(store: Store, uses: ReadonlyMap<string, Collected>): void {
  store.transact((tx) => {
    for (const use of uses.values()) {
      const before = tx.get("identityUse", use.id);
      // It may have been deleted since, with its uses.
      if (before === undefined && !isThere(tx, use)) continue;
      tx.put("identityUse", use.id, {
        ...use,
        services: { ...before?.services, ...use.services },
        actions: { ...before?.actions, ...use.actions },
      });
    }
  });
}

function isThere(reader: Reader, { id, account }: Use): boolean {
  if (id.startsWith("AKIA")) return reader.get("accessKey", id) !== undefined;
  return [...reader.list("user"), ...reader.list("role")].some(
    (identity) => identity.id === id && identity.account === account,
  );
}
