import type * as sdk from "@aws-sdk/client-ec2";
import { formatArn } from "@gantry/kernel";
import type { Reader } from "@gantry/state";
import type { Caller, Need, PermissionTable } from "../common/permissions.ts";
import { bucketToOpen } from "./flow-log-delivery.ts";
import { creating, each, need, tagging } from "./needs.ts";

/** The permissions for endpoints, prefix lists, peering and flow logs. Source: as of `ec2Permissions`. */
export function connectionPermissions(store: Reader) {
  return {
    ...peeringPermissions(store),
    ...flowLogPermissions(store),
    ...endpointServicePermissions,
    CreateVpcEndpoint: (input, place) => [
      need("vpc-endpoint", undefined, place),
      need("vpc", input.VpcId, place),
      ...each("route-table", input.RouteTableIds, place),
      ...each("subnet", input.SubnetIds, place),
      ...each("security-group", input.SecurityGroupIds, place),
      ...tagging("CreateVpcEndpoint", input, place),
    ],
    ModifyVpcEndpoint: (input, place) => [
      need("vpc-endpoint", input.VpcEndpointId, place),
      ...each(
        "route-table",
        [...(input.AddRouteTableIds ?? []), ...(input.RemoveRouteTableIds ?? [])],
        place,
      ),
      ...each("subnet", [...(input.AddSubnetIds ?? []), ...(input.RemoveSubnetIds ?? [])], place),
      ...each(
        "security-group",
        [...(input.AddSecurityGroupIds ?? []), ...(input.RemoveSecurityGroupIds ?? [])],
        place,
      ),
    ],
    DeleteVpcEndpoints: (input, place) => each("vpc-endpoint", input.VpcEndpointIds, place),
    DescribeVpcEndpoints: "*",
    DescribeVpcEndpointServices: "*",

    CreateManagedPrefixList: creating("CreateManagedPrefixList", "prefix-list"),
    ModifyManagedPrefixList: ofList,
    DeleteManagedPrefixList: ofList,
    RestoreManagedPrefixListVersion: ofList,
    DescribeManagedPrefixLists: "*",
    GetManagedPrefixListEntries: ofList,
    GetManagedPrefixListAssociations: ofList,
    DescribePrefixLists: "*",
  } satisfies PermissionTable<typeof sdk>;
}

const endpointServicePermissions = {
  CreateVpcEndpointServiceConfiguration: creating(
    "CreateVpcEndpointServiceConfiguration",
    "vpc-endpoint-service",
  ),
  ModifyVpcEndpointServiceConfiguration: ofService,
  DeleteVpcEndpointServiceConfigurations: (input, place) =>
    each("vpc-endpoint-service", input.ServiceIds, place),
  DescribeVpcEndpointServiceConfigurations: "*",
  ModifyVpcEndpointServicePayerResponsibility: ofService,
  StartVpcEndpointServicePrivateDnsVerification: ofService,
  ModifyVpcEndpointServicePermissions: ofService,
  DescribeVpcEndpointServicePermissions: ofService,
  AcceptVpcEndpointConnections: ofService,
  RejectVpcEndpointConnections: ofService,
  DescribeVpcEndpointConnections: "*",
  CreateVpcEndpointConnectionNotification: (input, place) => [
    ...(input.ServiceId === undefined ? [] : ofService(input, place)),
    ...(input.VpcEndpointId === undefined ? [] : [need("vpc-endpoint", input.VpcEndpointId, place)]),
  ],
  ModifyVpcEndpointConnectionNotification: "*",
  DeleteVpcEndpointConnectionNotifications: "*",
  DescribeVpcEndpointConnectionNotifications: "*",
} satisfies PermissionTable<typeof sdk>;

function ofService(input: { ServiceId?: string | undefined }, place: Caller): readonly Need[] {
  return [need("vpc-endpoint-service", input.ServiceId, place)];
}

function peeringPermissions(store: Reader) {
  const ofPeering = (
    input: { VpcPeeringConnectionId?: string | undefined },
    place: Caller,
  ): readonly Need[] => [need("vpc-peering-connection", input.VpcPeeringConnectionId, place)];
  return {
    // The permission is not evaluated for the accepter's VPC: its owner accepts or rejects.
    // Source: Amazon VPC Peering Guide.
    CreateVpcPeeringConnection: (input, place) => [
      need("vpc-peering-connection", undefined, place),
      need("vpc", input.VpcId, place),
      ...tagging("CreateVpcPeeringConnection", input, place),
    ],
    AcceptVpcPeeringConnection: (input, place) => [
      ...ofPeering(input, place),
      need("vpc", store.get("vpcPeering", input.VpcPeeringConnectionId)?.accepter.vpcId, place),
    ],
    RejectVpcPeeringConnection: ofPeering,
    DeleteVpcPeeringConnection: ofPeering,
    DescribeVpcPeeringConnections: "*",
    ModifyVpcPeeringConnectionOptions: ofPeering,
  } satisfies PermissionTable<typeof sdk>;
}

const FLOW_RESOURCES: Readonly<Record<string, string>> = {
  vpc: "vpc",
  subnet: "subnet",
  eni: "network-interface",
};

function flowLogPermissions(store: Reader) {
  return {
    CreateFlowLogs: (input, place) => [
      need("vpc-flow-log", undefined, place),
      ...(input.ResourceIds ?? []).flatMap((id) => {
        const type = FLOW_RESOURCES[id.split("-")[0] ?? ""];
        return type === undefined ? [] : [need(type, id, place)];
      }),
      ...(input.DeliverLogsPermissionArn === undefined
        ? []
        : [
            {
              action: "iam:PassRole",
              resource: input.DeliverLogsPermissionArn,
              conditions: { "iam:PassedToService": "vpc-flow-logs.amazonaws.com" },
            },
          ]),
      ...(input.LogDestinationType === "s3"
        ? [
            {
              action: "logs:CreateLogDelivery",
              resource: formatArn("logs", place, "*"),
            },
            ...bucketNeeds(store, input, place),
          ]
        : []),
      ...tagging("CreateFlowLogs", input, place),
    ],
    DeleteFlowLogs: (input, place) => each("vpc-flow-log", input.FlowLogIds, place),
    DescribeFlowLogs: "*",
  } satisfies PermissionTable<typeof sdk>;
}

/** Where AWS adds a permission to the bucket's policy, the caller must be allowed to. */
function bucketNeeds(store: Reader, input: sdk.CreateFlowLogsRequest, place: Caller): readonly Need[] {
  const { LogDestination: arn = "", DestinationOptions: options } = input;
  const destination = {
    type: "s3" as const,
    arn,
    hiveCompatible: options?.HiveCompatiblePartitions ?? false,
    perHour: options?.PerHourPartition ?? false,
  };
  const bucket = bucketToOpen(store, place, destination);
  if (bucket === undefined) return [];
  const resource = `arn:aws:s3:::${bucket.name}`;
  return [
    { action: "s3:GetBucketPolicy", resource },
    { action: "s3:PutBucketPolicy", resource },
  ];
}

function ofList(input: { PrefixListId?: string | undefined }, place: Caller): readonly Need[] {
  return [need("prefix-list", input.PrefixListId, place)];
}
