import type * as sdk from "@aws-sdk/client-elastic-load-balancing-v2";
import type { RecordedMembers, RefusedMembers } from "../common/members.ts";

const IS_DEFAULT = { "Certificates.IsDefault": "the load balancer sets it" };
const ZONE = { "Targets.AvailabilityZone": "a target is found by its address and port" };

/** Rules belong to application load balancers. */
const OF_NETWORK = {
  "Conditions.SourceIpConfig.IpAddressType": "network load balancers alone, which have no rules, have it",
};

export const RECORDED: RecordedMembers<typeof sdk> = {
  CreateRule: OF_NETWORK,
  ModifyRule: OF_NETWORK,
  CreateListener: IS_DEFAULT,
  ModifyListener: IS_DEFAULT,
  AddListenerCertificates: IS_DEFAULT,
  RemoveListenerCertificates: IS_DEFAULT,
  DeregisterTargets: ZONE,
  AddTrustStoreRevocations: { "RevocationContents.RevocationType": "every list is a CRL" },
  DescribeSSLPolicies: { LoadBalancerType: "both types have all policies" },
  ModifyCapacityReservation: {
    "MinimumLoadBalancerCapacity.CapacityUnits": "the proxy has the whole node",
  },
  DescribeTargetHealth: { ...ZONE, Include: "targets have no anomaly detection" },
};

const OF_LISTENER = [
  "DefaultActions.AuthenticateCognitoConfig",
  "DefaultActions.JwtValidationConfig",
  "MutualAuthentication.TrustStoreAssociationStatus",
] as const;
const OF_RULE = ["Actions.AuthenticateCognitoConfig", "Actions.JwtValidationConfig"] as const;

export const REFUSED: RefusedMembers<typeof sdk> = {
  CreateLoadBalancer: ["SubnetMappings.IPv6Address", "SubnetMappings.SourceNatIpv6Prefix", "IpamPools"],
  SetSubnets: [
    "SubnetMappings.IPv6Address",
    "SubnetMappings.SourceNatIpv6Prefix",
    "EnablePrefixForIpv6SourceNat",
  ],
  CreateListener: OF_LISTENER,
  ModifyListener: OF_LISTENER,
  CreateRule: OF_RULE,
  ModifyRule: OF_RULE,
  CreateTargetGroup: ["TargetControlPort"],
  RegisterTargets: ["Targets.QuicServerId"],
  DeregisterTargets: ["Targets.QuicServerId"],
  DescribeTargetHealth: ["Targets.QuicServerId"],
};
