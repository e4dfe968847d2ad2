import type * as sdk from "@aws-sdk/client-auto-scaling";
import type { GroupSettings, GroupTemplate, Reader, SubnetRecord } from "@gantry/state";
import { INSTANCE_SIZES } from "@gantry/state/instance-sizes";
import type { Place } from "../common/api-deps.ts";
import { isIn, within } from "../common/place.ts";
import { findTemplate, findVersion } from "../ec2/launch-template-lookups.ts";
import { zonesOf } from "../ec2/zones.ts";
import { validation } from "./api-error.ts";
import { RECORDED_SETTINGS } from "./members.ts";

/** Source: EC2 Auto Scaling User Guide, "Configure termination policies". */
export const TERMINATION_POLICIES = [
  "AllocationStrategy",
  "ClosestToNextInstanceHour",
  "Default",
  "NewestInstance",
  "OldestInstance",
  "OldestLaunchConfiguration",
  "OldestLaunchTemplate",
];
const CAPACITY_MAX = 1_000;
const COOLDOWN_S = 300;

type Given = Partial<sdk.CreateAutoScalingGroupType> & Partial<sdk.UpdateAutoScalingGroupType>;

/** What a caller sets of a group, over what it was before. Errors: ValidationError. */
export function toSettings(
  reader: Reader,
  place: Place,
  input: Given,
  before: GroupSettings | undefined,
): GroupSettings {
  const given = before === undefined ? input : withoutAbsent(input);
  const launched = toLaunched(reader, place, given) ?? before;
  if (launched === undefined)
    throw validation(
      "Valid requests must contain either LaunchTemplate, LaunchConfigurationName, InstanceId or " +
        "MixedInstancesPolicy parameter.",
    );
  const settings: GroupSettings = {
    template: launched.template,
    instanceTypes: launched.instanceTypes,
    mixed: launched.mixed,
    minSize: given.MinSize ?? before?.minSize ?? 0,
    maxSize: given.MaxSize ?? before?.maxSize ?? 0,
    defaultCooldownSeconds: given.DefaultCooldown ?? before?.defaultCooldownSeconds ?? COOLDOWN_S,
    ...toPlaces(reader, place, given, before),
    ...toHealth(given, before),
    terminationPolicies: given.TerminationPolicies ?? before?.terminationPolicies ?? ["Default"],
    protectsNew: given.NewInstancesProtectedFromScaleIn ?? before?.protectsNew ?? false,
    maxLifetimeSeconds: cleared(given.MaxInstanceLifetime, before?.maxLifetimeSeconds, 0),
    warmupSeconds: cleared(given.DefaultInstanceWarmup, before?.warmupSeconds, -1),
    recorded: withoutCleared({ ...before?.recorded, ...recordedOf(given) }),
  };
  check(settings);
  return settings;
}

function withoutAbsent(given: Given): Given {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

/** A number that one value clears. */
function cleared(given: number | undefined, before: number | undefined, none: number): number | undefined {
  const value = given ?? before;
  return value === none ? undefined : value;
}

function recordedOf(given: Given): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    RECORDED_SETTINGS.flatMap((name) => (given[name] === undefined ? [] : [[name, given[name]]])),
  );
}

/** A policy whose percentages are -1 is removed. Source: API_InstanceMaintenancePolicy. */
function withoutCleared(recorded: GroupSettings["recorded"]): GroupSettings["recorded"] {
  const { InstanceMaintenancePolicy: given, ...others } = recorded;
  const policy = given as sdk.InstanceMaintenancePolicy | undefined; // As a request gave it.
  const isCleared = policy?.MinHealthyPercentage === -1 || policy?.MaxHealthyPercentage === -1;
  return policy === undefined || isCleared ? others : recorded;
}

type Launched = Pick<GroupSettings, "template" | "instanceTypes" | "mixed">;

function toLaunched(reader: Reader, place: Place, given: Given): Launched | undefined {
  const { LaunchTemplate: own, MixedInstancesPolicy: mixed } = given;
  if (own !== undefined && mixed !== undefined)
    throw validation(
      "You must use a valid fully-formed launch template or a mixed instances policy, not both.",
    );
  if (own !== undefined)
    return { template: toTemplate(reader, place, own), instanceTypes: [], mixed: undefined };
  if (mixed === undefined) return undefined;
  const named = mixed.LaunchTemplate?.LaunchTemplateSpecification;
  if (named === undefined)
    throw validation("A launch template must be specified in the mixed instances policy.");
  const overrides = mixed.LaunchTemplate?.Overrides ?? [];
  const instanceTypes = overrides.flatMap((each) => each.InstanceType ?? []);
  const unknown = instanceTypes.find((type) => !INSTANCE_SIZES.has(type));
  if (unknown !== undefined) throw validation(`The instance type ${unknown} does not exist.`);
  const template = toTemplate(reader, place, named);
  return { template, instanceTypes, mixed: JSON.parse(JSON.stringify(mixed)) as object as Launched["mixed"] };
}

/** Errors: ValidationError, with EC2's sentence. */
export function toTemplate(
  reader: Reader,
  place: Place,
  given: sdk.LaunchTemplateSpecification,
): GroupTemplate {
  const { LaunchTemplateId, LaunchTemplateName, Version = "$Default" } = given;
  try {
    const template = findTemplate(reader, place, { LaunchTemplateId, LaunchTemplateName });
    findVersion(reader, template, Version);
    return { id: template.id, name: template.name, version: Version };
  } catch (thrown) {
    const reason = thrown instanceof Error ? thrown.message : "it cannot be read";
    throw validation(`You must use a valid fully-formed launch template. ${reason}`);
  }
}

/** The subnets, or the default ones of the zones. */
function toPlaces(
  reader: Reader,
  place: Place,
  given: Given,
  before: GroupSettings | undefined,
): Pick<GroupSettings, "zones" | "subnetIds"> {
  const { VPCZoneIdentifier: list, AvailabilityZones: zones = [] } = given;
  if (list === undefined && zones.length === 0) {
    if (before !== undefined) return { zones: before.zones, subnetIds: before.subnetIds };
    throw validation("At least one Availability Zone or VPC Subnet is required.");
  }
  const unknown = zones.find((zone) => !zonesOf(place.region).includes(zone));
  if (unknown !== undefined) throw validation(`Invalid availability zones - [${unknown}]`);
  const ids = (list ?? "").split(",").map((id) => id.trim());
  const subnets = ids.filter(Boolean).map((id) => subnetOf(reader, place, id));
  if (new Set(subnets.map(({ vpcId }) => vpcId)).size > 1)
    throw validation("The subnets must all be in the same VPC.");
  if (subnets.length > 0)
    return {
      zones: [...new Set(subnets.map((each) => each.availabilityZone))].toSorted(),
      subnetIds: subnets.map(({ id }) => id),
    };
  const defaults = reader
    .list("subnet")
    .filter((each) => isIn(each, place) && each.defaultForAz && zones.includes(each.availabilityZone));
  if (defaults.length < zones.length) throw validation("No default VPC for this user");
  return { zones, subnetIds: [] };
}

function subnetOf(reader: Reader, place: Place, id: string): SubnetRecord {
  const subnet = within(reader.get("subnet", id), place);
  if (subnet === undefined) throw validation(`The subnet ID '${id}' does not exist`);
  return subnet;
}

function toHealth(
  given: Given,
  before: GroupSettings | undefined,
): Pick<GroupSettings, "checksBalancers" | "graceSeconds"> {
  const types = given.HealthCheckType?.split(",").map((each) => each.trim());
  const wrong = types?.find((each) => each !== "EC2" && each !== "ELB");
  if (wrong !== undefined)
    throw validation(`Gantry checks the health of instances by EC2 and ELB, not by ${wrong}.`);
  return {
    checksBalancers: types?.includes("ELB") ?? before?.checksBalancers ?? false,
    graceSeconds: given.HealthCheckGracePeriod ?? before?.graceSeconds ?? 0,
  };
}

function check({ minSize, maxSize, terminationPolicies, graceSeconds, ...settings }: GroupSettings): void {
  if (minSize > maxSize) throw validation("Max bound, must be greater than or equal to min bound");
  if (minSize < 0 || maxSize > CAPACITY_MAX)
    throw validation(`MinSize and MaxSize must be between 0 and ${CAPACITY_MAX}.`);
  const unknown = terminationPolicies.find((each) => !TERMINATION_POLICIES.includes(each));
  if (unknown !== undefined) throw validation(`Termination policy "${unknown}" is not supported.`);
  if (graceSeconds < 0 || settings.defaultCooldownSeconds < 0)
    throw validation("HealthCheckGracePeriod and DefaultCooldown must not be negative.");
  const { maxLifetimeSeconds: lifetime } = settings;
  if (lifetime !== undefined && lifetime < 86_400)
    throw validation("The maximum instance lifetime must be 0, or at least 86400 seconds.");
}

/** Errors: ValidationError for a desired capacity outside the bounds. */
export function checkedDesired(desired: number, { minSize, maxSize }: GroupSettings): number {
  if (desired < minSize)
    throw validation(
      `New SetDesiredCapacity value ${desired} is below min value ${minSize} for the AutoScalingGroup.`,
    );
  if (desired > maxSize)
    throw validation(
      `New SetDesiredCapacity value ${desired} is above max value ${maxSize} for the AutoScalingGroup.`,
    );
  return desired;
}
