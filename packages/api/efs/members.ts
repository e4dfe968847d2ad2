import type * as sdk from "@aws-sdk/client-efs";
import type { RecordedMembers, RefusedMembers } from "../common/members.ts";

const NONE = "no file system is replicated";

export const RECORDED: RecordedMembers<typeof sdk> = {
  CreateFileSystem: {
    AvailabilityZoneName: "kept and shown: a file system is on one node",
    ThroughputMode: "kept and shown: the node's disk decides",
    ProvisionedThroughputInMibps: "kept and shown: the node's disk decides",
    Backup: "kept and shown: no backups are made",
  },
  UpdateFileSystem: {
    ThroughputMode: "kept and shown: the node's disk decides",
    ProvisionedThroughputInMibps: "kept and shown: the node's disk decides",
  },
  DescribeReplicationConfigurations: { MaxResults: NONE, NextToken: NONE },
  UpdateFileSystemProtection: { ReplicationOverwriteProtection: "kept and shown: there is no replication" },
  PutLifecycleConfiguration: { LifecyclePolicies: "kept and shown: there is one storage class" },
  PutBackupPolicy: { "BackupPolicy.Status": "kept and shown: no backups are made" },
  PutFileSystemPolicy: {
    BypassPolicyLockoutSafetyCheck: "a policy decides on mounting alone, so that it locks nobody out",
  },
};

export const REFUSED: RefusedMembers<typeof sdk> = {};
