import type { Placed, Reader, Tags } from "@gantry/state";
import type { Place } from "../common/api-deps.ts";
import { isIn } from "../common/place.ts";
import { ec2Arn } from "../ec2/needs.ts";
import { RESOURCES } from "../ec2/resources.ts";

/** A resource that has at least one tag. */
export interface TaggedResource {
  readonly arn: string;
  readonly tags: Tags;
}

/** Kinds of records that contain their ARN. IAM's resources have their own operations only, as on AWS. */
const WITH_ARN = [
  "accessPoint",
  "alarm",
  "certificate",
  "cluster",
  "codeDeployApplication",
  "codeDeployGroup",
  "dashboard",
  "databaseInstance",
  "databaseOptionGroup",
  "databaseParameterGroup",
  "databaseSnapshot",
  "databaseSubnetGroup",
  "databaseSubscription",
  "eventBus",
  "eventRule",
  "fileSystem",
  "kmsKey",
  "listener",
  "loadBalancer",
  "logDestination",
  "logGroup",
  "parameter",
  "queue",
  "repository",
  "rule",
  "scalableTarget",
  "scheduleGroup",
  "discoveryNamespace",
  "discoveryService",
  "secret",
  "service",
  "targetGroup",
  "task",
  "taskDefinition",
  "trustStore",
] as const;

interface Stored extends Placed {
  readonly status?: unknown;
  readonly lastStatus?: unknown;
}

/** The tagged resources of an account and region, in the order of their ARNs. */
export function taggedResources(reader: Reader, place: Place): readonly TaggedResource[] {
  return [...withArn(reader, place), ...ofEc2(reader, place), ...buckets(reader, place)]
    .filter(({ tags }) => Object.keys(tags).length > 0)
    .toSorted((one, other) => (one.arn < other.arn ? -1 : 1));
}

function withArn(reader: Reader, place: Place): readonly TaggedResource[] {
  return WITH_ARN.flatMap((kind) =>
    reader
      .list(kind)
      .filter((record: Stored) => isIn(record, place) && !isDeleted(record))
      .map(({ arn, tags }) => ({ arn, tags })),
  );
}

/** Deleted clusters and services and stopped tasks are records for a while longer. */
function isDeleted(record: Stored): boolean {
  return record.status === "INACTIVE" || record.lastStatus === "STOPPED";
}

function ofEc2(reader: Reader, place: Place): readonly TaggedResource[] {
  const arnOf = (type: string, id: string): string => ec2Arn(place, type, id);
  const resources = Object.values(RESOURCES).flatMap(({ kind, type }) =>
    reader.keys(kind).flatMap((id) => {
      const record = reader.get(kind, id);
      return record !== undefined && isIn(record, place) ? [{ arn: arnOf(type, id), tags: record.tags }] : [];
    }),
  );
  const rules = reader
    .list("securityGroup")
    .filter((group) => isIn(group, place))
    .flatMap((group) => group.rules)
    .map(({ id, tags = {} }) => ({ arn: arnOf("security-group-rule", id), tags }));
  return [...resources, ...rules];
}

function buckets(reader: Reader, place: Place): readonly TaggedResource[] {
  return reader
    .list("bucket")
    .filter((bucket) => isIn(bucket, place))
    .map(({ name, tags }) => ({ arn: `arn:aws:s3:::${name}`, tags }));
}
