import { namingOf } from "@gantry/agent";
import type { AutoScalingGroupRecord, Ec2InstanceRecord, Store } from "@gantry/state";
import type { World } from "../world.ts";

const GROUP_TAG = "aws:autoscaling:groupName";
const LIVE: readonly Ec2InstanceRecord["state"][] = ["pending", "running", "stopping", "stopped"];

/** The instances of a group that have not been told to end. */
export function liveInstances(store: Store, groupName: string): readonly Ec2InstanceRecord[] {
  return store
    .list("ec2Instance")
    .filter(({ tags, state }) => tags[GROUP_TAG] === groupName && LIVE.includes(state));
}

/**
 * The safety invariants of Auto Scaling groups, checked at every change of an instance: no launch is carried
 * out twice, no instance is lost, and the instances that are not being ended are never more than the maximum
 * and what a refresh may add. The answer lists what is violated.
 * Source: EC2 Auto Scaling User Guide, "Scaling limits", "How an instance refresh works".
 */
export function checkGroupInvariants({ store, clock }: Pick<World, "store" | "clock">): readonly string[] {
  const broken: string[] = [];
  const breaks = (invariant: string, detail: string): void => {
    if (broken.length < 20) broken.push(`${invariant} (${detail}, at ${clock.now()})`);
  };
  store.watch(({ kind }) => {
    if (kind !== "ec2Instance" && kind !== "groupInstance") return;
    for (const group of store.list("autoScalingGroup")) {
      const records = store.listBy("groupInstance", "group", group.arn);
      const live = liveInstances(store, group.name);
      const tokens = live.map(({ clientToken }) => clientToken);
      if (new Set(tokens).size < tokens.length)
        breaks("a launch makes one instance", `${tokens.length} instances`);
      const isEnding = ({ clientToken }: Ec2InstanceRecord): boolean =>
        records.find((each) => each.clientToken === clientToken)?.state.startsWith("Terminating") === true;
      const staying = live.filter((each) => !isEnding(each)).length;
      const most = group.settings.maxSize + extraOf(group);
      if (staying > most) breaks("a group has no more instances than its maximum", `${staying} of ${most}`);
      for (const { id, clientToken } of live)
        if (!records.some((each) => each.clientToken === clientToken))
          breaks("an instance of a group is not lost", id);
    }
  });
  return broken;
}

/** How many instances a refresh with a maximum above 100 percent may add; also once it has ended. */
function extraOf({ refreshes, settings }: AutoScalingGroupRecord): number {
  const most = Math.max(100, ...refreshes.map(({ maxHealthyPercentage }) => maxHealthyPercentage));
  return most === 100 ? 0 : Math.max(1, Math.floor((settings.maxSize * (most - 100)) / 100));
}

/** Lists how the world differs from what its groups ask for; empty where it has converged. */
export async function groupUnrest({ store, nodes }: World): Promise<readonly string[]> {
  const problems = store.list("autoScalingGroup").flatMap((group) => groupProblems(store, group));
  const naming = namingOf("w");
  const running = (await Promise.all(nodes.map(async ({ engine }) => engine.list(naming.label))))
    .flat()
    .filter(({ state }) => state === "running")
    .map(({ name }) => name);
  const wanted = store.list("ec2Instance").filter(({ state }) => state === "running");
  const missing = wanted.filter(({ id }) => !running.includes(naming.container(`pod/${id}`, "system")));
  const machines = running.filter((name) => name.includes("i-") && name.endsWith("system"));
  if (missing.length > 0) problems.push(`${missing.length} instances have no container`);
  if (machines.length > wanted.length)
    problems.push(`${machines.length} containers of ${wanted.length} instances`);
  return problems;
}

function groupProblems(store: Store, group: AutoScalingGroupRecord): readonly string[] {
  const records = store.listBy("groupInstance", "group", group.arn);
  const inService = records.filter(({ state }) => state === "InService");
  const live = liveInstances(store, group.name);
  const checks: readonly (readonly [problem: string, isRight: boolean])[] = [
    [`${inService.length} in service of ${group.desired}`, inService.length === group.desired],
    [`${records.length} records of ${group.desired}`, records.length === group.desired],
    [`${live.length} instances of ${group.desired}`, live.length === group.desired],
    ["an instance does not run", live.every(({ state, reachable }) => state === "running" && reachable)],
    ["the group is not deleted", !group.isDeleting],
    [
      "a refresh goes on",
      group.refreshes.every(({ status }) => status === "Successful" || status === "Cancelled"),
    ],
  ];
  return checks.flatMap(([problem, isRight]) => (isRight ? [] : [problem]));
}
