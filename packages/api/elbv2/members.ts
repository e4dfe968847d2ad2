import type * as sdk from "@aws-sdk/client-elastic-load-balancing-v2";
import type { RecordedMembers, RefusedMembers } from "../common/members.ts";

const IS_DEFAULT = { "Certificates.IsDefault": "the load balancer sets it" };
const ZONE = { "Targets.AvailabilityZone": "a target is found by its address and port" };

export const RECORDED: RecordedMembers<typeof sdk> = {
  CreateListener: IS_DEFAULT,
  ModifyListener: IS_DEFAULT,
  AddListenerCertificates: IS_DEFAULT,
  RemoveListenerCertificates: IS_DEFAULT,
  DeregisterTargets: ZONE,
  DescribeTargetHealth: { ...ZONE, Include: "targets have no anomaly detection" },
};

const OF_LISTENER = [
  "AlpnPolicy",
  "DefaultActions.AuthenticateOidcConfig",
  "DefaultActions.AuthenticateCognitoConfig",
  "DefaultActions.JwtValidationConfig",
  ["MutualAuthentication.Mode", "off"],
  "MutualAuthentication.TrustStoreArn",
  "MutualAuthentication.IgnoreClientCertificateExpiry",
  "MutualAuthentication.TrustStoreAssociationStatus",
  "MutualAuthentication.AdvertiseTrustStoreCaNames",
] as const;
const OF_RULE = [
  "Actions.AuthenticateOidcConfig",
  "Actions.AuthenticateCognitoConfig",
  "Actions.JwtValidationConfig",
] as const;

export const REFUSED: RefusedMembers<typeof sdk> = {
  CreateLoadBalancer: [
    "SubnetMappings.AllocationId",
    "SubnetMappings.PrivateIPv4Address",
    "SubnetMappings.IPv6Address",
    "SubnetMappings.SourceNatIpv6Prefix",
    "IpamPools",
  ],
  SetSecurityGroups: ["EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic"],
  CreateListener: OF_LISTENER,
  ModifyListener: OF_LISTENER,
  CreateRule: OF_RULE,
  ModifyRule: OF_RULE,
  CreateTargetGroup: ["TargetControlPort"],
  RegisterTargets: ["Targets.QuicServerId"],
  DeregisterTargets: ["Targets.QuicServerId"],
  DescribeTargetHealth: ["Targets.QuicServerId"],
};
