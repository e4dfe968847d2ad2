import { trustsService } from "@gantry/iam";
import { formatArn, realTimeOf, type Reconciler, type Vault } from "@gantry/kernel";
import { issueSession, type Ec2InstanceRecord } from "@gantry/state";
import { watchKinds, type ControllerDeps } from "../controller-deps.ts";

const SESSION_MS = 6 * 60 * 60_000;
const REFRESH_BEFORE_MS = 60 * 60_000;
/** Source: EC2 User Guide, "Terminate Amazon EC2 instances": usually within an hour. */
const TERMINATED_KEPT_MS = 60 * 60_000;

/**
 * Creates and renews the credentials of the roles of instance profiles, and removes terminated instances an
 * hour later.
 */
export function instanceController(deps: ControllerDeps & { vault: Vault }): Reconciler {
  const { store, clock } = deps;
  const all = () => store.keys("ec2Instance");
  return {
    name: "instance",
    keys: all,
    watch: watchKinds(store, { ec2Instance: (key) => [key], instanceProfile: all, role: all }),
    async reconcile(key) {
      const instance = store.get("ec2Instance", key);
      if (instance === undefined) return undefined;
      const real = realTimeOf(clock);
      if (instance.state === "terminated") return removeLater(deps, instance);
      const waitMs = refreshCredentials(deps, instance, real.clock.now());
      return waitMs === undefined ? undefined : real.wait(waitMs);
    },
  };
}

function removeLater({ store, clock }: ControllerDeps, instance: Ec2InstanceRecord): number | undefined {
  const real = realTimeOf(clock);
  const elapsedMs = instance.terminatedAt === undefined ? 0 : real.elapsedSince(instance.terminatedAt);
  const leftMs = TERMINATED_KEPT_MS - (Number.isFinite(elapsedMs) ? elapsedMs : 0);
  store.transact((tx) => {
    if (instance.sessionId !== undefined) tx.delete("session", instance.sessionId);
    if (leftMs > 0) return;
    tx.delete("instanceConsole", instance.id);
    tx.delete("ec2Instance", instance.id);
  });
  return leftMs > 0 ? real.wait(leftMs) : undefined;
}

/** Both times are real, like everything that signatures are checked against. */
function refreshCredentials(
  deps: ControllerDeps & { vault: Vault },
  instance: Ec2InstanceRecord,
  now: number,
): number | undefined {
  const { store } = deps;
  const role = store.get("role", store.get("instanceProfile", instance.profile?.arn)?.roleArn);
  const session = store.get("session", instance.sessionId);
  const sourceArn = formatArn("ec2", instance, `instance/${instance.id}`);
  const caller = { service: "ec2.amazonaws.com", sourceArn, sourceAccount: instance.account, now };
  const isAssumable = role !== undefined && trustsService(role, caller);
  const isOfRole = role !== undefined && session?.roleId === role.id;
  const leftMs = isOfRole && isAssumable ? session.expiresAt - now - REFRESH_BEFORE_MS : 0;
  if (leftMs > 0) return leftMs;
  if (!isAssumable && instance.sessionId === undefined) return undefined;
  return store.transact((tx) => {
    const current = tx.get("ec2Instance", instance.id);
    if (current === undefined) return undefined;
    if (current.sessionId !== undefined) tx.delete("session", current.sessionId);
    const issued = isAssumable
      ? issueSession(tx, deps, {
          ...{ role, sessionName: instance.id, issuedAt: now },
          expiresAt: now + SESSION_MS,
        }).record.accessKeyId
      : undefined;
    tx.put("ec2Instance", instance.id, { ...current, sessionId: issued });
    return issued === undefined ? undefined : SESSION_MS - REFRESH_BEFORE_MS;
  });
}
