import type * as sdk from "@aws-sdk/client-ec2";
import type { Handler, Implementation } from "@gantry/wire";
import { paged, pagedBy, type PagedList, type PageWords } from "../common/paging.ts";
import { ApiError } from "./api-error.ts";

const LEAST = 5;
const MOST = 1_000;
const WORDS: PageWords = {
  size: "MaxResults",
  token: "NextToken",
  next: "NextToken",
  most: Infinity,
  invalidToken: () => new ApiError("InvalidNextToken", "The specified NextToken is not valid."),
};

/** Source: the Describe operations that have MaxResults and NextToken, EC2 API Reference. */
const LISTS = {
  DescribeAddressesAttribute: pagedBy(WORDS, "AllocationId"),
  DescribeIamInstanceProfileAssociations: pagedBy(WORDS, "AssociationId"),
  DescribeImages: pagedBy(WORDS, "ImageId"),
  DescribeInstanceCreditSpecifications: pagedBy(WORDS, "InstanceId"),
  DescribeInstanceStatus: pagedBy(WORDS, "InstanceId"),
  DescribeInstanceTypeOfferings: {
    ...WORDS,
    keyOf: ({ InstanceType, Location }) => `${String(InstanceType)} ${String(Location)}`,
  },
  DescribeInstanceTypes: pagedBy(WORDS, "InstanceType"),
  DescribeInstances: pagedBy(WORDS, "ReservationId"),
  DescribeLaunchTemplates: pagedBy(WORDS, "LaunchTemplateId"),
  DescribeLaunchTemplateVersions: {
    ...WORDS,
    // The newest first.
    keyOf: ({ LaunchTemplateId, VersionNumber }) =>
      `${String(LaunchTemplateId)} ${String(1e9 - Number(VersionNumber))}`,
  },
  DescribeSnapshots: pagedBy(WORDS, "SnapshotId"),
  DescribeVolumes: pagedBy(WORDS, "VolumeId"),
  DescribeVolumesModifications: pagedBy(WORDS, "VolumeId"),
  DescribeDhcpOptions: pagedBy(WORDS, "DhcpOptionsId"),
  DescribeFlowLogs: pagedBy(WORDS, "FlowLogId"),
  DescribeInternetGateways: pagedBy(WORDS, "InternetGatewayId"),
  DescribeManagedPrefixLists: pagedBy(WORDS, "PrefixListId"),
  DescribeNatGateways: pagedBy(WORDS, "NatGatewayId"),
  DescribeNetworkAcls: pagedBy(WORDS, "NetworkAclId"),
  DescribeNetworkInterfaces: pagedBy(WORDS, "NetworkInterfaceId"),
  DescribePrefixLists: pagedBy(WORDS, "PrefixListId"),
  DescribeRouteTables: pagedBy(WORDS, "RouteTableId"),
  DescribeSecurityGroupRules: pagedBy(WORDS, "SecurityGroupRuleId"),
  DescribeSecurityGroups: pagedBy(WORDS, "GroupId"),
  DescribeSubnets: pagedBy(WORDS, "SubnetId"),
  DescribeTags: { ...WORDS, keyOf: ({ ResourceId, Key }) => `${String(ResourceId)} ${String(Key)}` },
  DescribeVpcBlockPublicAccessExclusions: pagedBy(WORDS, "ExclusionId"),
  DescribeVpcEndpointConnectionNotifications: pagedBy(WORDS, "ConnectionNotificationId"),
  DescribeVpcEndpointConnections: pagedBy(WORDS, "VpcEndpointId"),
  DescribeVpcEndpointServiceConfigurations: pagedBy(WORDS, "ServiceId"),
  DescribeVpcEndpointServicePermissions: pagedBy(WORDS, "ServicePermissionId"),
  DescribeVpcEndpointServices: pagedBy(WORDS, "ServiceId"),
  DescribeVpcEndpoints: pagedBy(WORDS, "VpcEndpointId"),
  DescribeVpcPeeringConnections: pagedBy(WORDS, "VpcPeeringConnectionId"),
  DescribeVpcs: pagedBy(WORDS, "VpcId"),
  GetManagedPrefixListAssociations: pagedBy(WORDS, "ResourceId"),
  GetManagedPrefixListEntries: pagedBy(WORDS, "Cidr"),
} satisfies Partial<Record<keyof Implementation<typeof sdk>, PagedList>>;

/**
 * The common behaviour of EC2's operations: a dry run ends once it is known to be allowed, and a description
 * comes page by page.
 * Source: EC2 API Reference, DryRun, MaxResults and NextToken.
 */
export function asRequests(operations: Readonly<Record<string, unknown>>): Readonly<Record<string, Handler>> {
  const pages = paged(operations, LISTS);
  return Object.fromEntries(
    Object.entries(pages).map(([name, handler]) => {
      const request: Handler = (input, context) => {
        if (input["DryRun"] === true)
          throw new ApiError("DryRunOperation", "Request would have succeeded, but DryRun flag is set.", {
            status: 412,
          });
        const size = input["MaxResults"];
        if (typeof size === "number" && (size < LEAST || size > MOST))
          throw new ApiError(
            "InvalidParameterValue",
            `Value ( ${size} ) for parameter maxResults is invalid. Expecting a value ` +
              `${size < LEAST ? `greater than ${LEAST}` : `less than ${MOST}`}.`,
          );
        return handler(input, context);
      };
      return [name, request];
    }),
  );
}
