import { namingOf } from "@gantry/agent";
import { rootSnapshotImage } from "@gantry/agent-protocol";
import { machineImages } from "@gantry/api/common/machine-images";
import { silentLogger } from "@gantry/kernel";
import { groupCalls, operationsOver } from "./simulation/group-calls.ts";
import { PLACE } from "./simulation/place.ts";
import { newWorld, type World } from "./world.ts";

const RETRY_MS = 2_000;
const TRIES_MAX = 300;

/**
 * A world with one running EC2 instance, a container of a fake engine. Its caller repeats what is
 * refused, as one does who waits for the state that an operation needs.
 */
export async function newInstanceSimulation(seed = 1) {
  const world = newWorld({ seed, nodeCount: 1, checked: false, callsOf: groupCalls });
  const { store, clock, ids } = world;
  for (const { engine } of world.nodes) engine.addImage("machine");
  const run = operationsOver({ store, clock, ids, log: silentLogger });
  store.transact((tx) =>
    tx.put("securityGroup", "sg-1", {
      ...{ ...PLACE, id: "sg-1", vpcId: "vpc-1", name: "default", description: "", rules: [], tags: {} },
    }),
  );
  /** Calls an operation until it is not refused. */
  const call = async <Answer extends object>(operation: string, input: object): Promise<Answer> => {
    for (let tries = 1; ; tries += 1)
      try {
        return (await run("ec2", operation, { ...input })) as Answer; // The operation's own structure.
      } catch (thrown) {
        if (tries === TRIES_MAX) throw thrown;
        await clock.advance(RETRY_MS);
      }
  };
  const launched = await call<{ Instances: readonly { InstanceId: string }[] }>("RunInstances", {
    ...{ ImageId: machineImages(PLACE.region)[0]?.id, InstanceType: "t3.small", SubnetId: "subnet-1" },
    ...{ MinCount: 1, MaxCount: 1 },
  });
  return {
    ...world,
    call,
    instanceId: launched.Instances[0]?.InstanceId ?? "",
    unrest: () => instanceUnrest(world),
  };
}

export type InstanceSimulation = Awaited<ReturnType<typeof newInstanceSimulation>>;

/** Lists operations in progress and differences between engine and records; empty once the world has converged. */
async function instanceUnrest({ store, nodes }: World): Promise<readonly string[]> {
  const naming = namingOf("w");
  const problems: string[] = [];
  const isMoving = (state: string) => !["running", "stopped", "terminated"].includes(state);
  for (const { id, state, rebooting, reachable } of store.list("ec2Instance"))
    if (isMoving(state) || rebooting || (state === "running" && !reachable))
      problems.push(`${id} is ${state}`);
  for (const { id, attachment, isRoot, storedBytes } of store.list("volume")) {
    if (attachment?.state !== undefined) problems.push(`${id} is ${attachment.state}`);
    if (isRoot === false && storedBytes === undefined) problems.push(`${id} has no file`);
  }
  for (const { id, attachment } of store.list("networkInterface"))
    if (attachment?.state !== undefined) problems.push(`${id} is ${attachment.state}`);
  for (const { id, completedAt } of store.list("snapshot"))
    if (completedAt === undefined) problems.push(`${id} is pending`);
  const engine = nodes[0]?.engine;
  for (const { id, rootOf } of store.list("snapshot"))
    if (rootOf !== undefined && (await engine?.image(rootSnapshotImage(id))) === undefined)
      problems.push(`${id} has no image`);
  const wanted = store.list("ec2Instance").filter(({ state }) => state === "running");
  const kept = store.list("ec2Instance").filter(({ state }) => state !== "terminated");
  const machines = ((await engine?.list(naming.label)) ?? []).filter(({ name }) => name.endsWith("system"));
  const running = machines.filter(({ state }) => state === "running");
  if (running.length !== wanted.length) problems.push(`${running.length} containers of ${wanted.length} run`);
  if (machines.length !== kept.length)
    problems.push(`${machines.length} containers of ${kept.length} are kept`);
  return problems;
}
