import type * as sdk from "@aws-sdk/client-rds";
import { formatArn } from "@gantry/kernel";
import type { Reader } from "@gantry/state";
import { on, tagOnCreate, type Caller, type Need, type PermissionTable } from "../common/permissions.ts";
import {
  instanceArnOf,
  optionGroupArnOf,
  parameterGroupArnOf,
  snapshotArnOf,
  subnetGroupArnOf,
  subscriptionArnOf,
  taggedOf,
} from "./lookups.ts";
import { passedMonitoringRole } from "./monitoring.ts";

type Given = string | undefined;

/** Source: Service Authorization Reference, "Actions, resources, and condition keys for Amazon RDS". */
export function rdsPermissions(store: Reader) {
  const tagged = (input: { ResourceName?: Given }, place: Caller): readonly Need[] =>
    on(taggedOf(store, place, input.ResourceName)?.record.arn ?? input.ResourceName ?? "*");
  return {
    CreateDBInstance: (input, place) => [
      ...ofInstance(input, place),
      ...on(subnetGroupArnOf(place, input.DBSubnetGroupName ?? "default")),
      ...namedGroup(input, place),
      ...tagging(input.Tags, instanceArnOf(place, input.DBInstanceIdentifier)),
      ...passedMonitoringRole(input),
    ],
    DescribeDBInstances: ofInstance,
    ModifyDBInstance: (input, place) => [
      ...ofInstance(input, place),
      ...namedGroup(input, place),
      ...passedMonitoringRole(input),
    ],
    DeleteDBInstance: ofInstance,
    RebootDBInstance: ofInstance,
    StopDBInstance: (input, place) => [
      ...ofInstance(input, place),
      ...(input.DBSnapshotIdentifier === undefined ? [] : ofSnapshot(input, place)),
    ],
    StartDBInstance: ofInstance,
    DescribeDBLogFiles: ofInstance,
    DownloadDBLogFilePortion: ofInstance,
    DescribeDBEngineVersions: "*",

    CreateDBSubnetGroup: (input, place) => [
      ...ofSubnetGroup(input, place),
      ...tagging(input.Tags, subnetGroupArnOf(place, input.DBSubnetGroupName)),
    ],
    DescribeDBSubnetGroups: ofSubnetGroup,
    ModifyDBSubnetGroup: ofSubnetGroup,
    DeleteDBSubnetGroup: ofSubnetGroup,

    ...GROUPS,
    ...SNAPSHOTS,
    ...REPLICAS,
    ...pointInTime(store),
    ...EVENTS,

    DescribeOrderableDBInstanceOptions: "*",
    DescribeCertificates: "*",
    DescribeEventCategories: "*",
    DescribeDBClusters: (input, place) =>
      on(formatArn("rds", place, `cluster:${input.DBClusterIdentifier ?? "*"}`)),

    AddTagsToResource: tagged,
    RemoveTagsFromResource: tagged,
    ListTagsForResource: tagged,
  } satisfies PermissionTable<typeof sdk>;
}

const GROUPS = {
  CreateDBParameterGroup: (input, place) => [
    ...ofParameterGroup(input, place),
    ...tagging(input.Tags, parameterGroupArnOf(place, input.DBParameterGroupName)),
  ],
  CopyDBParameterGroup: (input, place) => {
    const target = parameterGroupArnOf(place, input.TargetDBParameterGroupIdentifier);
    const source = parameterGroupArnOf(place, input.SourceDBParameterGroupIdentifier);
    return [...on(source), ...on(target), ...tagging(input.Tags, target)];
  },
  DescribeDBParameterGroups: ofParameterGroup,
  DescribeDBParameters: ofParameterGroup,
  DescribeEngineDefaultParameters: "*",
  ModifyDBParameterGroup: ofParameterGroup,
  ResetDBParameterGroup: ofParameterGroup,
  DeleteDBParameterGroup: ofParameterGroup,

  CreateOptionGroup: (input, place) => [
    ...ofOptionGroup(input, place),
    ...tagging(input.Tags, optionGroupArnOf(place, input.OptionGroupName)),
  ],
  CopyOptionGroup: (input, place) => {
    const target = optionGroupArnOf(place, input.TargetOptionGroupIdentifier);
    const source = optionGroupArnOf(place, input.SourceOptionGroupIdentifier);
    return [...on(source), ...on(target), ...tagging(input.Tags, target)];
  },
  DescribeOptionGroups: ofOptionGroup,
  DescribeOptionGroupOptions: "*",
  ModifyOptionGroup: ofOptionGroup,
  DeleteOptionGroup: ofOptionGroup,
} satisfies PermissionTable<typeof sdk>;

const SNAPSHOTS = {
  CreateDBSnapshot: (input, place) => [
    ...ofInstance(input, place),
    ...ofSnapshot(input, place),
    ...tagging(input.Tags, snapshotArnOf(place, input.DBSnapshotIdentifier)),
  ],
  CopyDBSnapshot: (input, place) => {
    const target = snapshotArnOf(place, input.TargetDBSnapshotIdentifier);
    const source = sharedArn(place, input.SourceDBSnapshotIdentifier);
    return [...on(source), ...on(target), ...tagging(input.Tags, target)];
  },
  DescribeDBSnapshots: (input, place) => [
    ...(input.DBInstanceIdentifier === undefined ? [] : ofInstance(input, place)),
    ...ofSnapshot(input, place),
  ],
  DeleteDBSnapshot: ofSnapshot,
  ModifyDBSnapshotAttribute: ofSnapshot,
  DescribeDBSnapshotAttributes: ofSnapshot,
  RestoreDBInstanceFromDBSnapshot: (input, place) => [
    ...ofInstance(input, place),
    ...on(sharedArn(place, input.DBSnapshotIdentifier)),
    ...on(subnetGroupArnOf(place, input.DBSubnetGroupName ?? "default")),
    ...namedGroup(input, place),
    ...tagging(input.Tags, instanceArnOf(place, input.DBInstanceIdentifier)),
  ],
} satisfies PermissionTable<typeof sdk>;

const REPLICAS = {
  CreateDBInstanceReadReplica: (input, place) => [
    ...ofInstance(input, place),
    ...on(instanceArnOf(place, input.SourceDBInstanceIdentifier)),
    ...(input.DBSubnetGroupName === undefined ? [] : on(subnetGroupArnOf(place, input.DBSubnetGroupName))),
    ...namedGroup(input, place),
    ...tagging(input.Tags, instanceArnOf(place, input.DBInstanceIdentifier)),
  ],
  PromoteReadReplica: ofInstance,
  DescribeDBInstanceAutomatedBackups: (input, place) => [
    ...(input.DBInstanceIdentifier === undefined ? [] : ofInstance(input, place)),
    ...on(input.DBInstanceAutomatedBackupsArn ?? formatArn("rds", place, "auto-backup:*")),
  ],
} satisfies PermissionTable<typeof sdk>;

function pointInTime(store: Reader) {
  /** The instance that is restored: its name or its resource id names it. */
  const sourceOf = (
    { SourceDBInstanceIdentifier: name, SourceDbiResourceId: id }: sdk.RestoreDBInstanceToPointInTimeMessage,
    place: Caller,
  ) => {
    const { account, region } = place;
    return id === undefined
      ? store.get("databaseInstance", instanceArnOf(place, name))
      : store
          .list("databaseInstance")
          .find((each) => each.resourceId === id && each.account === account && each.region === region);
  };
  return {
    RestoreDBInstanceToPointInTime: (input, place) => {
      const target = instanceArnOf(place, input.TargetDBInstanceIdentifier);
      const source = sourceOf(input, place);
      return [
        ...on(target),
        ...on(source?.arn ?? instanceArnOf(place, input.SourceDBInstanceIdentifier ?? "*")),
        ...on(subnetGroupArnOf(place, input.DBSubnetGroupName ?? source?.subnetGroupName ?? "default")),
        ...namedGroup(input, place),
        ...tagging(input.Tags, target),
      ];
    },
  } satisfies PermissionTable<typeof sdk>;
}

const EVENTS = {
  DescribeEvents: "*",
  CreateEventSubscription: (input, place) => [
    ...ofSubscription(input, place),
    ...tagging(input.Tags, subscriptionArnOf(place, input.SubscriptionName)),
  ],
  ModifyEventSubscription: ofSubscription,
  AddSourceIdentifierToSubscription: ofSubscription,
  RemoveSourceIdentifierFromSubscription: ofSubscription,
  DescribeEventSubscriptions: ofSubscription,
  DeleteEventSubscription: ofSubscription,
} satisfies PermissionTable<typeof sdk>;

function ofSubscription(input: { SubscriptionName?: Given }, place: Caller): readonly Need[] {
  return on(subscriptionArnOf(place, input.SubscriptionName ?? "*"));
}

function ofSnapshot(input: { DBSnapshotIdentifier?: Given }, place: Caller): readonly Need[] {
  return on(snapshotArnOf(place, input.DBSnapshotIdentifier ?? "*"));
}

/** The ARN of a snapshot that may be another account's, which shares it. */
function sharedArn(place: Caller, given: Given): string {
  const isForeign =
    given?.startsWith("arn:") === true && !given.startsWith(formatArn("rds", place, "snapshot:"));
  return isForeign ? given : snapshotArnOf(place, given);
}

/** The instance that is named; a description that names none is of any. */
function ofInstance(input: { DBInstanceIdentifier?: Given }, place: Caller): readonly Need[] {
  return on(instanceArnOf(place, input.DBInstanceIdentifier ?? "*"));
}

/** The parameter group and the option group that a request gives an instance. */
function namedGroup(
  {
    DBParameterGroupName: parameters,
    OptionGroupName: options,
  }: { DBParameterGroupName?: Given; OptionGroupName?: Given },
  place: Caller,
): readonly Need[] {
  return [
    ...(parameters === undefined ? [] : on(parameterGroupArnOf(place, parameters))),
    ...(options === undefined ? [] : on(optionGroupArnOf(place, options))),
  ];
}

function ofOptionGroup(input: { OptionGroupName?: Given }, place: Caller): readonly Need[] {
  return on(optionGroupArnOf(place, input.OptionGroupName ?? "*"));
}

function ofSubnetGroup(input: { DBSubnetGroupName?: Given }, place: Caller): readonly Need[] {
  return on(subnetGroupArnOf(place, input.DBSubnetGroupName ?? "*"));
}

function ofParameterGroup(input: { DBParameterGroupName?: Given }, place: Caller): readonly Need[] {
  return on(parameterGroupArnOf(place, input.DBParameterGroupName ?? "*"));
}

function tagging(tags: readonly unknown[] | undefined, resource: string): readonly Need[] {
  return tagOnCreate(tags, { action: "rds:AddTagsToResource", resource });
}
