/** Kinds of EC2's resources by the prefix of their ids: the record's kind, and the word in ARNs. */
export const RESOURCES = {
  vpc: { kind: "vpc", type: "vpc" },
  subnet: { kind: "subnet", type: "subnet" },
  igw: { kind: "internetGateway", type: "internet-gateway" },
  nat: { kind: "natGateway", type: "natgateway" },
  rtb: { kind: "routeTable", type: "route-table" },
  sg: { kind: "securityGroup", type: "security-group" },
  eipalloc: { kind: "elasticAddress", type: "elastic-ip" },
  acl: { kind: "networkAcl", type: "network-acl" },
  dopt: { kind: "dhcpOptions", type: "dhcp-options" },
  pl: { kind: "prefixList", type: "prefix-list" },
  vpce: { kind: "vpcEndpoint", type: "vpc-endpoint" },
  pcx: { kind: "vpcPeering", type: "vpc-peering-connection" },
  fl: { kind: "flowLog", type: "vpc-flow-log" },
  vpcbpa: { kind: "publicAccessExclusion", type: "vpc-block-public-access-exclusion" },
  eni: { kind: "networkInterface", type: "network-interface" },
} as const;
