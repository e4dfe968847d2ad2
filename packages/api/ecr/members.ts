import type * as sdk from "@aws-sdk/client-ecr";
import type { RecordedMembers, RefusedMembers } from "../common/members.ts";

export const RECORDED: RecordedMembers<typeof sdk> = {
  DescribeImageScanFindings: { nextToken: "nothing is scanned", maxResults: "nothing is scanned" },
  PutRegistryScanningConfiguration: {
    rules: "they are shown; nothing is scanned",
    scanType: "they are shown; nothing is scanned",
    "rules.repositoryFilters.filterType": "it has one value",
  },
  PutReplicationConfiguration: {
    "replicationConfiguration.rules.repositoryFilters.filterType": "it has one value",
  },
  PutImageScanningConfiguration: { imageScanningConfiguration: "it is shown; nothing is scanned" },
  SetRepositoryPolicy: { force: "a policy that locks out its author is set without it" },
};

export const REFUSED: RefusedMembers<typeof sdk> = {};
