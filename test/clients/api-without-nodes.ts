import { serviceController, taskController } from "@gantry/controllers";
import { randomIds, silentLogger, SystemClock } from "@gantry/kernel";
import { startApi } from "@gantry/testkit";

/** How often services are looked at, in ms: Terraform waits until a deleted service is INACTIVE. */
const LOOK_MS = 200;

/**
 * The API with the controllers of services and tasks, for large configurations: there is no node. Its environment lets
 * Terraform work on 40 resources at once, because most of the time passes in waits of the provider.
 */
export async function startApiWithoutNodes(
  more: Pick<Parameters<typeof startApi>[0] & {}, "allowHostAccess"> = {},
) {
  // Plain HTTP over loopback counts as secure, as on an instance: policies of buckets and queues demand TLS.
  const api = await startApi({ countsAsSecure: () => true, ...more });
  const deps = { store: api.store, clock: new SystemClock(), ids: randomIds(), log: silentLogger };
  const controllers = [
    serviceController({ ...deps, permissions: { deniedBecause: () => undefined } }),
    taskController({ ...deps, vault: api.vault }),
  ];
  const looking = setInterval(() => {
    for (const controller of controllers) for (const key of controller.keys()) void controller.reconcile(key);
  }, LOOK_MS);
  // No node serves load balancers: each is active as soon as it exists.
  const activate = api.store.watch(({ kind, key }) => {
    const balancer = kind === "loadBalancer" ? api.store.get("loadBalancer", key) : undefined;
    if (balancer?.state === "provisioning")
      api.store.transact((tx) => tx.put("loadBalancer", key, { ...balancer, state: "active" }));
  });
  const parallel = { TF_CLI_ARGS_apply: "-parallelism=40", TF_CLI_ARGS_destroy: "-parallelism=40" };
  return {
    api,
    environment: { ...api.environment, ...parallel },
    close: () => {
      activate();
      clearInterval(looking);
      api.close();
    },
  };
}
