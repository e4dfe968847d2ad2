import type * as sdk from "@aws-sdk/client-route-53";
import { healthCheckArn } from "@gantry/state/transactions/health-checks";
import { changeArn } from "@gantry/state/transactions/zones";
import { on, type Need, type PermissionTable } from "../common/permissions.ts";
import { nameOf, zoneArnIn } from "./lookups.ts";

type Given = string | undefined;

/** Source: Service Authorization Reference, "Actions, resources, and condition keys for Amazon Route 53". */
export function route53Permissions() {
  const byId = ({ Id }: { Id?: Given }): readonly Need[] => on(zoneArnIn(Id));
  const zone = ({ HostedZoneId }: { HostedZoneId?: Given }): readonly Need[] => on(zoneArnIn(HostedZoneId));
  const zoneAndVpc = ({ HostedZoneId, VPC }: { HostedZoneId?: Given; VPC?: sdk.VPC | undefined }) => [
    { resource: zoneArnIn(HostedZoneId), ...ofVpc(VPC) },
  ];
  const tagged = ({ ResourceId, ResourceType }: { ResourceId?: Given; ResourceType?: Given }) =>
    on(ofType(ResourceType, ResourceId));
  const check = ({ HealthCheckId }: { HealthCheckId?: Given }): readonly Need[] =>
    on(healthCheckArn(HealthCheckId ?? ""));
  return {
    CreateHealthCheck: "*",
    GetHealthCheck: check,
    UpdateHealthCheck: check,
    DeleteHealthCheck: check,
    ListHealthChecks: "*",
    GetHealthCheckCount: "*",
    GetHealthCheckStatus: check,
    GetHealthCheckLastFailureReason: check,
    CreateHostedZone: ({ VPC }) => [{ resource: "*", ...ofVpc(VPC) }],
    GetHostedZone: byId,
    ListHostedZones: "*",
    ListHostedZonesByName: "*",
    ListHostedZonesByVPC: (vpc) => [{ resource: "*", ...ofVpc(vpc) }],
    GetHostedZoneCount: "*",
    GetHostedZoneLimit: zone,
    GetAccountLimit: "*",
    UpdateHostedZoneComment: byId,
    DeleteHostedZone: byId,
    AssociateVPCWithHostedZone: zoneAndVpc,
    DisassociateVPCFromHostedZone: zoneAndVpc,
    CreateVPCAssociationAuthorization: zoneAndVpc,
    DeleteVPCAssociationAuthorization: zoneAndVpc,
    ListVPCAssociationAuthorizations: zone,
    ChangeResourceRecordSets: ({ HostedZoneId, ChangeBatch }) => [
      { resource: zoneArnIn(HostedZoneId), conditions: conditionsOf(ChangeBatch?.Changes ?? []) },
    ],
    ListResourceRecordSets: zone,
    GetChange: ({ Id }) => on(changeArn((Id ?? "").replace(/^\/?change\//, ""))),
    GetDNSSEC: zone,
    ListTagsForResource: tagged,
    ListTagsForResources: ({ ResourceType, ResourceIds = [] }) =>
      on(...ResourceIds.map((id) => ofType(ResourceType, id))),
    ChangeTagsForResource: tagged,
  } satisfies PermissionTable<typeof sdk>;
}

function ofVpc(vpc: sdk.VPC | undefined): Pick<Need, "conditions"> {
  if (vpc?.VPCId === undefined) return {};
  return { conditions: { "route53:VPCs": [`VPCId=${vpc.VPCId},VPCRegion=${vpc.VPCRegion ?? ""}`] } };
}

/**
 * The values of a batch, each once. Source: Amazon Route 53 Developer Guide, "Using IAM policy conditions for
 * fine-grained access control", normalization.
 */
function conditionsOf(changes: readonly sdk.Change[]): NonNullable<Need["conditions"]> {
  const every = (valueOf: (change: sdk.Change) => Given) => [
    ...new Set(changes.flatMap((change) => valueOf(change) ?? [])),
  ];
  const normal = (name: Given) => nameOf(name).replace("*", "\\052");
  return {
    "route53:ChangeResourceRecordSetsActions": every(({ Action }) => Action),
    "route53:ChangeResourceRecordSetsNormalizedRecordNames": every(({ ResourceRecordSet }) =>
      normal(ResourceRecordSet?.Name),
    ),
    "route53:ChangeResourceRecordSetsRecordTypes": every(({ ResourceRecordSet }) => ResourceRecordSet?.Type),
  };
}

function ofType(type: Given, id: Given): string {
  return type === "healthcheck" ? healthCheckArn(id ?? "") : zoneArnIn(id);
}
