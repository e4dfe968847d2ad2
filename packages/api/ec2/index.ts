/**
 * EC2: VPCs with their subnets, gateways, routes, security groups, addresses and interfaces, and instances.
 * Records in here are what the node's router, firewall and resolver are rendered from (controllers/node).
 * What is refused or not there yet: SUPPORT.md.
 */
import * as sdk from "@aws-sdk/client-ec2";
import type { Implementation, ServiceModule } from "@gantry/wire";
import { permissionsBy } from "../common/permissions.ts";
import { refusing } from "./api-error.ts";
import { accountSecurityOperations } from "./account-security.ts";
import { accountAttributeOperations } from "./account-attributes.ts";
import { availabilityZoneOperations } from "./availability-zones.ts";
import { blockPublicAccessOperations } from "./block-public-access.ts";
import { dhcpOptionsOperations } from "./dhcp-options.ts";
import type { Ec2Deps } from "./ec2-deps.ts";
import { flowLogOperations } from "./flow-logs.ts";
import { networkAclOperations } from "./network-acls.ts";
import { ownImageOperations } from "./own-images.ts";
import { interfaceAttachmentOperations } from "./interface-attachments.ts";
import { ownInterfaceOperations } from "./own-interfaces.ts";
import { placementGroupOperations } from "./placement-groups.ts";
import { prefixListOperations } from "./prefix-lists.ts";
import { vpcBlockOperations } from "./vpc-blocks.ts";
import { endpointConnectionOperations } from "./endpoint-connections.ts";
import { endpointNotificationOperations } from "./endpoint-notifications.ts";
import { endpointPermissionOperations } from "./endpoint-service-access.ts";
import { endpointServiceOperations } from "./endpoint-services.ts";
import { vpcEndpointOperations } from "./vpc-endpoints.ts";
import { vpcPeeringOperations } from "./vpc-peering.ts";
import { routeOperations } from "./routes.ts";
import { subnetOperations } from "./subnets.ts";
import { vpcOperations } from "./vpcs.ts";
import { elasticAddressOperations } from "./elastic-addresses.ts";
import { internetGatewayOperations } from "./internet-gateways.ts";
import { natGatewayOperations } from "./nat-gateways.ts";
import { interfaceOperations } from "./network-interfaces.ts";
import { defaultVpcMaker } from "./new-vpc.ts";
import { ec2Permissions } from "./permissions.ts";
import { imageCopyOperations } from "./image-copies.ts";
import { imageOperations } from "./images.ts";
import { instanceAttributeOperations } from "./instance-attributes.ts";
import { instanceStateOperations } from "./instance-states.ts";
import { instanceStatusOperations } from "./instance-status.ts";
import { instanceTypeOperations } from "./instance-types.ts";
import { instanceOperations } from "./instances.ts";
import { keyPairOperations } from "./key-pairs.ts";
import { launchTemplateOperations } from "./launch-templates.ts";
import { launchTemplateVersionOperations } from "./launch-template-versions.ts";
import { newInstanceOperations } from "./new-instance.ts";
import { instanceProfileOperations } from "./instance-profiles.ts";
import { instanceSettingOperations } from "./instance-settings.ts";
import { ebsDefaultOperations } from "./ebs-defaults.ts";
import { snapshotOperations } from "./snapshots.ts";
import { volumeAttachmentOperations } from "./volume-attachments.ts";
import { volumeModificationOperations } from "./volume-modifications.ts";
import { volumeOperations } from "./volumes.ts";
import { asRequests } from "./requests.ts";
import { securityGroupRuleOperations } from "./security-group-rules.ts";
import { securityGroupOperations } from "./security-groups.ts";
import { tagOperations } from "./tags.ts";
import { REFUSED } from "./members.ts";

export function ec2Service(deps: Ec2Deps): ServiceModule {
  const operations = {
    ...vpcOperations(deps),
    ...subnetOperations(deps),
    ...availabilityZoneOperations(),
    ...internetGatewayOperations(deps),
    ...natGatewayOperations(deps),
    ...elasticAddressOperations(deps),
    ...routeOperations(deps),
    ...securityGroupOperations(deps),
    ...securityGroupRuleOperations(deps),
    ...interfaceOperations(deps),
    ...tagOperations(deps),
    ...accountAttributeOperations(deps),
    ...networkAclOperations(deps),
    ...dhcpOptionsOperations(deps),
    ...vpcBlockOperations(deps),
    ...blockPublicAccessOperations(deps),
    ...prefixListOperations(deps),
    ...vpcEndpointOperations(deps),
    ...endpointServiceOperations(deps),
    ...endpointPermissionOperations(deps),
    ...endpointConnectionOperations(deps),
    ...endpointNotificationOperations(deps),
    ...vpcPeeringOperations(deps),
    ...flowLogOperations(deps),
    ...ownInterfaceOperations(deps),
    ...interfaceAttachmentOperations(deps),
    ...keyPairOperations(deps),
    ...placementGroupOperations(deps),
    ...imageOperations(deps),
    ...ownImageOperations(deps),
    ...imageCopyOperations(deps),
    ...instanceTypeOperations(),
    ...newInstanceOperations(deps),
    ...launchTemplateOperations(deps),
    ...launchTemplateVersionOperations(deps),
    ...instanceOperations(deps),
    ...instanceStateOperations(deps),
    ...instanceAttributeOperations(deps),
    ...instanceStatusOperations(deps),
    ...instanceProfileOperations(deps),
    ...instanceSettingOperations(deps),
    ...volumeOperations(deps),
    ...volumeAttachmentOperations(deps),
    ...volumeModificationOperations(deps),
    ...snapshotOperations(deps),
    ...ebsDefaultOperations(deps),
    ...accountSecurityOperations(deps),
  } satisfies Implementation<typeof sdk>;
  return {
    sdk,
    operations: refusing(asRequests(operations), REFUSED, "InvalidParameterValue"),
    permissions: permissionsBy("ec2", operations, ec2Permissions(deps.store)),
    prepare: defaultVpcMaker(deps),
  };
}
