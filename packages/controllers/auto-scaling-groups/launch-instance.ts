import { messageOf } from "@gantry/kernel";
import type {
  AutoScalingGroupRecord,
  Ec2InstanceRecord,
  GroupInstanceRecord,
  GroupTemplate,
  LaunchTemplateVersionRecord,
  Reader,
} from "@gantry/state";
import { endGroupActivity, groupInstanceKey } from "@gantry/state/transactions/auto-scaling-groups";
import { servicePrincipal } from "../service-principal.ts";
import type { GroupDeps } from "./group-deps.ts";

/** Launches that fail wait longer each time. */
const RETRY_MS = 15_000;
const RETRY_MAX_MS = 15 * 60_000;

/** The version of a template that the group's setting stands for now; undefined where it is gone. */
export function versionOf(
  reader: Reader,
  { id, version }: GroupTemplate,
): LaunchTemplateVersionRecord | undefined {
  const all = reader.listBy("launchTemplateVersion", "template", id);
  if (version === "$Latest") return all.toSorted((a, b) => b.number - a.number)[0];
  const number = version === "$Default" ? reader.get("launchTemplate", id)?.defaultVersion : Number(version);
  return all.find((each) => each.number === number);
}

/** Runs an operation of EC2 as the service-linked role. Errors: as the operation's. */
export async function callEc2(
  { store, clock, callApi }: GroupDeps,
  group: AutoScalingGroupRecord,
  call: { readonly operation: string; readonly input: Record<string, unknown> },
): Promise<object> {
  const { account, region, arn } = group;
  const roleArn =
    `arn:aws:iam::${account}:role/aws-service-role/autoscaling.amazonaws.com/` +
    "AWSServiceRoleForAutoScaling";
  const principal = servicePrincipal(store, roleArn, {
    ...{ service: "autoscaling.amazonaws.com", sourceArn: arn, account },
    ...{ session: "AutoScaling", now: clock.now() },
  });
  if (principal === undefined) throw new Error(`The role ${roleArn} does not exist or cannot be assumed.`);
  return callApi({ service: "ec2", ...call, principal, region });
}

/** The instance that the launch has made, also where a crash came before its id was recorded. */
export function launchedBy(
  reader: Reader,
  { clientToken, account }: GroupInstanceRecord,
): Ec2InstanceRecord | undefined {
  return reader
    .list("ec2Instance")
    .find((each) => each.clientToken === clientToken && each.account === account);
}

/**
 * Launches the instance that a record asks for. A launch that fails removes the record, and the group waits before the
 * next one.
 */
export async function launchInstance(deps: GroupDeps, wanted: GroupInstanceRecord): Promise<void> {
  const { store } = deps;
  const group = store.get("autoScalingGroup", wanted.groupArn);
  if (group === undefined) return;
  const there = launchedBy(store, wanted);
  if (there !== undefined) return recordLaunched(deps, wanted, there);
  const types = group.settings.instanceTypes;
  let reason = "The launch template version does not exist.";
  for (const InstanceType of types.length === 0 ? [undefined] : types) {
    const input = runInput(store, group, wanted);
    if (input === undefined) break;
    try {
      await callEc2(deps, group, { operation: "RunInstances", input: { ...input, InstanceType } });
    } catch (thrown) {
      reason = messageOf(thrown);
    }
    // A call that fails may have launched the instance all the same, as where its answer was lost.
    const launched = launchedBy(store, wanted);
    if (launched !== undefined) return recordLaunched(deps, wanted, launched);
  }
  recordFailed(deps, wanted, reason);
}

/** Source: API_RunInstances; the interface of a template keeps its settings in the subnet of the launch. */
function runInput(
  reader: Reader,
  group: AutoScalingGroupRecord,
  wanted: GroupInstanceRecord,
): Record<string, unknown> | undefined {
  const version = versionOf(reader, group.settings.template);
  if (version === undefined) return undefined;
  const interfaces = version.data["NetworkInterfaces"];
  const propagated = group.propagated.map((Key) => ({ Key, Value: group.tags[Key] ?? "" }));
  const Tags = [...propagated, { Key: "aws:autoscaling:groupName", Value: group.name }];
  return {
    LaunchTemplate: { LaunchTemplateId: version.templateId, Version: String(version.number) },
    ...{ MinCount: 1, MaxCount: 1, ClientToken: wanted.clientToken },
    ...(Array.isArray(interfaces) && interfaces.length > 0
      ? {
          NetworkInterfaces: interfaces.map((each) => ({ ...(each as object), SubnetId: wanted.subnetId })),
        }
      : { SubnetId: wanted.subnetId }),
    TagSpecifications: [{ ResourceType: "instance", Tags }],
  };
}

function recordLaunched(
  { store }: GroupDeps,
  wanted: GroupInstanceRecord,
  launched: Ec2InstanceRecord,
): void {
  store.transact((tx) => {
    const key = groupInstanceKey(wanted);
    const current = tx.get("groupInstance", key);
    const group = tx.get("autoScalingGroup", wanted.groupArn);
    if (current === undefined) return;
    const version = launched.tags["aws:ec2launchtemplate:version"] ?? current.template.version;
    const template = { ...current.template, version };
    const { instanceType, id: instanceId } = launched;
    tx.put("groupInstance", key, { ...current, instanceId, instanceType, template });
    if (group?.failures !== undefined)
      tx.put("autoScalingGroup", group.arn, { ...group, failures: undefined });
    const activity = tx.get("groupActivity", current.activityKey);
    if (activity?.statusCode === "WaitingForInstanceId")
      tx.put("groupActivity", current.activityKey, {
        ...activity,
        description: `Launching a new EC2 instance: ${instanceId}`,
        statusCode: "InProgress",
      });
  });
}

function recordFailed({ store, clock, log }: GroupDeps, wanted: GroupInstanceRecord, reason: string): void {
  const now = clock.now();
  log.warn("An Auto Scaling group could not launch an instance", { group: wanted.groupArn, reason });
  store.transact((tx) => {
    const group = tx.get("autoScalingGroup", wanted.groupArn);
    endGroupActivity(tx, wanted.activityKey, {
      ...{ now, statusCode: "Failed", statusMessage: `${reason} Launching EC2 instance failed.` },
      notify: { type: "autoscaling:EC2_INSTANCE_LAUNCH_ERROR", instanceId: "" },
    });
    tx.delete("groupInstance", groupInstanceKey(wanted));
    if (group === undefined) return;
    const count = (group.failures?.count ?? 0) + 1;
    const until = now + Math.min(RETRY_MS * 2 ** (count - 1), RETRY_MAX_MS);
    tx.put("autoScalingGroup", group.arn, { ...group, failures: { count, until } });
  });
}
