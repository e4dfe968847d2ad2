import type { AutoScalingGroupRecord, GroupInstanceRecord, SubnetRecord } from "@gantry/state";

/** What the decision on a group's instances is made from. */
export interface GroupSituation {
  readonly group: AutoScalingGroupRecord;
  readonly instances: readonly GroupInstanceRecord[];
  /** The subnets that instances may be launched in. */
  readonly subnets: readonly Pick<SubnetRecord, "id" | "availabilityZone">[];
  /** The version number that the group's template stands for now. */
  readonly version: string;
  readonly now: number;
}
