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
  "vpce-svc": { kind: "endpointService", type: "vpc-endpoint-service" },
  vpce: { kind: "vpcEndpoint", type: "vpc-endpoint" },
  pcx: { kind: "vpcPeering", type: "vpc-peering-connection" },
  fl: { kind: "flowLog", type: "vpc-flow-log" },
  vpcbpa: { kind: "publicAccessExclusion", type: "vpc-block-public-access-exclusion" },
  pg: { kind: "placementGroup", type: "placement-group" },
  key: { kind: "keyPair", type: "key-pair" },
  lt: { kind: "launchTemplate", type: "launch-template" },
  i: { kind: "ec2Instance", type: "instance" },
  ami: { kind: "machineImage", type: "image" },
  snap: { kind: "snapshot", type: "snapshot" },
  vol: { kind: "volume", type: "volume" },
  eni: { kind: "networkInterface", type: "network-interface" },
} as const;

/** The prefix of an id, by which its kind is found. */
export function prefixOf(id: string): string {
  return id.startsWith("vpce-svc-") ? "vpce-svc" : (id.split("-")[0] ?? "");
}
