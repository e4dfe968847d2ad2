import { ENTRIES_MAX } from "../ec2/network-acls.ts";
import { QUOTAS as VPC_QUOTAS, VPCS_BY_DEFAULT } from "../ec2/quotas.ts";
import { RULES_MAX as GROUP_RULES_MAX } from "../ec2/rule-peers-and-ports.ts";
import { BLOCKS_MAX } from "../ec2/vpc-blocks.ts";
import { DESIRED_COUNT_MAX } from "../ecs/service-input.ts";
import { QUOTAS as BALANCER_QUOTAS } from "../elbv2/quotas.ts";
import { BUSES_MAX } from "../eventbridge/buses.ts";
import { RULES_MAX as BUS_RULES_MAX } from "../eventbridge/rules.ts";

/** A limit: AWS's code and name, and the value that the service compares with. */
export interface Quota {
  readonly code: string;
  readonly name: string;
  readonly value: number;
  /** AWS's default, where the value counts as raised. */
  readonly byDefault?: number;
}

export interface QuotaService {
  readonly code: string;
  readonly name: string;
  readonly quotas: readonly Quota[];
}

const { loadBalancers, targetGroups, listeners, rules, certificates, targetsPerGroup } = BALANCER_QUOTAS;

/** Each in the order of the codes. Source: the codes and names that ListAWSDefaultServiceQuotas of AWS returns. */
export const SERVICES: readonly QuotaService[] = [
  {
    code: "ecs",
    name: "Amazon Elastic Container Service (Amazon ECS)",
    quotas: [{ code: "L-92E49DE3", name: "Tasks per service", value: DESIRED_COUNT_MAX }],
  },
  {
    code: "elasticloadbalancing",
    name: "Elastic Load Balancing (ELB)",
    quotas: [
      { code: "L-53DA6B97", name: "Application Load Balancers per Region", value: loadBalancers },
      { code: "L-69A177A2", name: "Network Load Balancers per Region", value: loadBalancers },
      { code: "L-7EED9B64", name: "Rules per Application Load Balancer", value: rules },
      { code: "L-9365A611", name: "Certificates per Application Load Balancer", value: certificates },
      { code: "L-A0D0B863", name: "Targets per Target Group per Region", value: targetsPerGroup },
      { code: "L-B22855CB", name: "Target Groups per Region", value: targetGroups },
      { code: "L-B6DF7632", name: "Listeners per Application Load Balancer", value: listeners },
    ],
  },
  {
    code: "events",
    name: "Amazon EventBridge (CloudWatch Events)",
    quotas: [
      { code: "L-244521F2", name: "Number of rules", value: BUS_RULES_MAX },
      { code: "L-658A4FD9", name: "Event buses", value: BUSES_MAX },
    ],
  },
  {
    code: "vpc",
    name: "Amazon Virtual Private Cloud (Amazon VPC)",
    quotas: [
      { code: "L-0EA8095F", name: "Inbound or outbound rules per security group", value: GROUP_RULES_MAX },
      { code: "L-2AEEBF1A", name: "Rules per network ACL", value: ENTRIES_MAX },
      { code: "L-407747CB", name: "Subnets per VPC", value: VPC_QUOTAS.subnetsPerVpc },
      { code: "L-589F43AA", name: "Route tables per VPC", value: VPC_QUOTAS.routeTablesPerVpc },
      { code: "L-83CA0A9D", name: "IPv4 CIDR blocks per VPC", value: BLOCKS_MAX },
      { code: "L-93826ACB", name: "Routes per route table", value: VPC_QUOTAS.routesPerTable },
      { code: "L-B4A6D682", name: "Network ACLs per VPC", value: VPC_QUOTAS.networkAclsPerVpc },
      {
        code: "L-E79EC296",
        name: "VPC security groups per Region",
        value: VPC_QUOTAS.securityGroupsPerRegion,
      },
      {
        code: "L-F678F1CE",
        name: "VPCs per Region",
        value: VPC_QUOTAS.vpcsPerRegion,
        byDefault: VPCS_BY_DEFAULT,
      },
    ],
  },
];
