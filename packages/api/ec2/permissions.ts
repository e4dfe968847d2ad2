import { formatArn } from "@gantry/kernel";
import type { Permission } from "@gantry/wire";
import type { Place } from "../common/api-deps.ts";

/** Kinds of EC2's resources by the prefix of their ids: the record's kind, the word in ARNs, the member that names one. */
export const RESOURCES = {
  vpc: { kind: "vpc", type: "vpc", member: "VpcId" },
  subnet: { kind: "subnet", type: "subnet", member: "SubnetId" },
  igw: { kind: "internetGateway", type: "internet-gateway", member: "InternetGatewayId" },
  nat: { kind: "natGateway", type: "natgateway", member: "NatGatewayId" },
  rtb: { kind: "routeTable", type: "route-table", member: "RouteTableId" },
  sg: { kind: "securityGroup", type: "security-group", member: "GroupId" },
  eipalloc: { kind: "elasticAddress", type: "elastic-ip", member: "AllocationId" },
  eni: { kind: "networkInterface", type: "network-interface", member: "NetworkInterfaceId" },
} as const;
type Prefix = keyof typeof RESOURCES;

/** What each operation needs leave for: resources that it names, and with a star those that it makes. What is not here asks for `*`. */
const NEEDS: Readonly<Record<string, readonly (Prefix | `${Prefix}*`)[]>> = {
  CreateVpc: ["vpc*"],
  CreateDefaultVpc: ["vpc*"],
  DeleteVpc: ["vpc"],
  ModifyVpcAttribute: ["vpc"],
  DescribeVpcAttribute: ["vpc"],
  CreateSubnet: ["subnet*", "vpc"],
  DeleteSubnet: ["subnet"],
  ModifySubnetAttribute: ["subnet"],
  CreateInternetGateway: ["igw*"],
  AttachInternetGateway: ["igw", "vpc"],
  DetachInternetGateway: ["igw", "vpc"],
  DeleteInternetGateway: ["igw"],
  CreateNatGateway: ["nat*", "subnet", "eipalloc"],
  DeleteNatGateway: ["nat"],
  CreateRouteTable: ["rtb*", "vpc"],
  DeleteRouteTable: ["rtb"],
  AssociateRouteTable: ["rtb", "subnet"],
  DisassociateRouteTable: ["rtb*"],
  CreateRoute: ["rtb"],
  ReplaceRoute: ["rtb"],
  DeleteRoute: ["rtb"],
  CreateSecurityGroup: ["sg*", "vpc"],
  DeleteSecurityGroup: ["sg"],
  AuthorizeSecurityGroupIngress: ["sg"],
  AuthorizeSecurityGroupEgress: ["sg"],
  RevokeSecurityGroupIngress: ["sg"],
  RevokeSecurityGroupEgress: ["sg"],
  ModifySecurityGroupRules: ["sg"],
  UpdateSecurityGroupRuleDescriptionsIngress: ["sg"],
  UpdateSecurityGroupRuleDescriptionsEgress: ["sg"],
  AllocateAddress: ["eipalloc*"],
  AssociateAddress: ["eipalloc", "eni"],
  DisassociateAddress: ["eipalloc*"],
  ReleaseAddress: ["eipalloc"],
};

/** Source: Service Authorization Reference, "Actions, resources, and condition keys for Amazon EC2". */
export function permissions(
  operation: string,
  input: Readonly<Record<string, unknown>>,
  place: Place,
): readonly Permission[] {
  const action = `ec2:${operation}`;
  if (operation === "CreateTags" || operation === "DeleteTags") {
    const ids = Array.isArray(input["Resources"]) ? input["Resources"].map(String) : [];
    return ids.map((id) => ({ action, resource: arnOf(id, place) }));
  }
  const needs = NEEDS[operation] ?? [];
  const asked = needs.map((need) => {
    const { type, member } = RESOURCES[need.replace("*", "") as Prefix]; // The table's own words.
    const id = need.endsWith("*") ? undefined : input[member];
    return { action, resource: formatArn("ec2", place, `${type}/${typeof id === "string" ? id : "*"}`) };
  });
  // Tags that are given along need the leave to tag. Source: EC2 User Guide, "Grant permission to tag Amazon EC2 resources during creation".
  const specifications = Array.isArray(input["TagSpecifications"])
    ? (input["TagSpecifications"] as { ResourceType?: string; Tags?: unknown[] }[])
    : []; // The shape's own members.
  const tagging = specifications
    .filter((each) => (each.Tags ?? []).length > 0)
    .map((each) => ({
      action: "ec2:CreateTags",
      resource: formatArn("ec2", place, `${each.ResourceType}/*`),
      conditions: { "ec2:CreateAction": operation },
    }));
  return asked.length === 0 ? [{ action, resource: "*" }, ...tagging] : [...asked, ...tagging];
}

function arnOf(id: string, place: Place): string {
  const found = (RESOURCES as Readonly<Record<string, { type: string }>>)[id.split("-")[0] ?? ""]; // Looked up by prefix; undefined is handled.
  return formatArn(
    "ec2",
    place,
    `${found?.type ?? (id.startsWith("sgr-") ? "security-group-rule" : "*")}/${id}`,
  );
}
