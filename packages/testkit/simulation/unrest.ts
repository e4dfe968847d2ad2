import { namingOf, type FakeEngine } from "@gantry/agent";
import { taskSetsOf, type ServiceRecord, type Store, type TaskRecord } from "@gantry/state";
import { registryProblem } from "./names.ts";

interface Watched {
  readonly store: Store;
  readonly nodes: readonly { readonly id: string; readonly engine: FakeEngine }[];
}

/**
 * Lists the reasons why the world has not converged: the service differs from its desired state, or resources
 * of removed tasks remain.
 */
export async function unrest(world: Watched, service: ServiceRecord | undefined): Promise<readonly string[]> {
  if (service === undefined) return ["there is no service"];
  const { store } = world;
  const live = store.listBy("task", "service", service.arn).filter((task) => task.lastStatus !== "STOPPED");
  const taskSets = taskSetsOf(store, service.arn);
  const [primary] = taskSets;
  const taskInterfaces = store.list("networkInterface").filter((eni) => eni.owner.type === "task");
  const containers = await containersOf(world);
  const names = containers.map(({ name }) => name).toSorted();
  const checks: readonly (readonly [problem: string, isRight: boolean])[] = [
    [`${live.length} tasks of ${service.spec.desiredCount}`, live.length === service.spec.desiredCount],
    [
      "not all tasks run",
      live.every((task) => task.lastStatus === "RUNNING" && task.desiredStatus === "RUNNING"),
    ],
    [
      "not all tasks are of the newest version",
      live.every((task) => task.taskDefinitionArn === primary?.taskDefinitionArn),
    ],
    ["the deployment is not complete", taskSets.length === 1 && primary?.rollout.state === "COMPLETED"],
    ["the service is not in a steady state", primary?.stability === "STEADY_STATE"],
    ["interfaces of removed tasks are left", taskInterfaces.length === live.length],
    [
      "targets of removed tasks are left",
      store.list("target").every((target) => live.some((task) => task.arn === target.taskArn)),
    ],
    ["containers are left, or missing", names.join() === expectedContainers(world, live).join()],
    ["a container does not run", containers.every((container) => container.state === "running")],
  ];
  const registry = registryProblem(store, live);
  return [
    ...checks.flatMap(([problem, isRight]) => (isRight ? [] : [problem])),
    ...(registry === undefined ? [] : [registry]),
  ];
}

/** The containers of all engines, each named with its node. */
async function containersOf({ nodes }: Watched) {
  const lists = await Promise.all(
    nodes.map(async ({ id, engine }) =>
      (await engine.list(namingOf("w").label)).map(({ name, state }) => ({ name: `${id} ${name}`, state })),
    ),
  );
  return lists.flat();
}

/** The containers that the tasks, their interfaces and their VPC need, in order of their names. */
function expectedContainers({ store, nodes }: Watched, live: readonly TaskRecord[]): readonly string[] {
  const naming = namingOf("w");
  const interfaces = store.list("networkInterface");
  const first = nodes[0]?.id;
  return [
    ...live.map(
      (task) => `${task.placement?.nodeId} ${naming.container(`pod/${task.arn.split("/").at(-1)}`, "web")}`,
    ),
    ...interfaces
      .filter((eni) => eni.owner.type !== "loadBalancer")
      .map((eni) => `${eni.nodeId} ${naming.pause(eni.id)}`),
    // A node without an interface in the VPC needs no router.
    ...[...new Set(interfaces.map((eni) => eni.nodeId ?? first))].map(
      (id) => `${id} ${naming.router("vpc-1")}`,
    ),
  ].toSorted();
}
