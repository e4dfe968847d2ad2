import { formatArn, parseArn } from "@gantry/kernel";
import { customServiceName, type Reader } from "@gantry/state";
import { defaultVpcOf } from "../ec2/lookups.ts";
import { RESOURCES } from "../ec2/resources.ts";
import { INSTANCE_KEYS } from "./instance-keys.ts";
import { text, type Asked, type Read, type Value } from "./key-readers.ts";

/** Condition keys of EC2. Source: Service Authorization Reference, Amazon EC2. */
export const EC2_KEYS: Readonly<Record<string, Read>> = {
  ...INSTANCE_KEYS,
  "ec2:Region": ({ region }) => region,
  "ec2:Vpc": (asked, store) => placeOf(asked, store).vpc,
  "ec2:Subnet": (asked, store) => placeOf(asked, store).subnet,
  "ec2:AllocationId": idOf("elastic-ip"),
  "ec2:VpcPeeringConnectionID": idOf("vpc-peering-connection"),
  "ec2:DhcpOptionsID": idOf("dhcp-options"),
  "ec2:NetworkAclID": idOf("network-acl"),
  "ec2:RequesterVpc": peeringSide("requester", "VpcId"),
  "ec2:AccepterVpc": peeringSide("accepter", "PeerVpcId"),
  "ec2:VpceServiceName": (asked, store) => endpointService(asked, store),
  "ec2:VpceServiceRegion": (asked, store) =>
    endpointService(asked, store) === undefined ? undefined : asked.region,
  "ec2:VpceServiceOwner": (asked, store) => {
    const name = endpointService(asked, store);
    if (name === undefined) return undefined;
    return store.get("endpointService", name.split(".").at(-1))?.account ?? "amazon";
  },
  "ec2:VpceSupportedRegion": ({ resource, region }) =>
    typeAndId(resource)[0] === "vpc-endpoint-service" ? region : undefined,
  "ec2:VpceServicePrivateDnsName": ({ resource, input }, store) => {
    const [type, id] = typeAndId(resource);
    if (type !== "vpc-endpoint-service") return undefined;
    return text(input["PrivateDnsName"]) ?? store.get("endpointService", id)?.privateDns?.name;
  },
  "ec2:InternetGatewayID": idOf("internet-gateway"),
  "ec2:NetworkInterfaceID": idOf("network-interface"),
  "ec2:RouteTableID": idOf("route-table"),
  "ec2:SecurityGroupID": idOf("security-group"),
  "ec2:SubnetID": idOf("subnet"),
  "ec2:VpcID": idOf("vpc"),
  "ec2:Tenancy": ({ resource }) => (typeAndId(resource)[0] === "vpc" ? "default" : undefined),
  "ec2:Domain": ({ resource }) => (typeAndId(resource)[0] === "elastic-ip" ? "vpc" : undefined),
  "ec2:PublicIpAddress": ({ resource }, store) => {
    const [type, id] = typeAndId(resource);
    return type === "elastic-ip" ? store.get("elasticAddress", id)?.publicIp : undefined;
  },
  "ec2:AvailabilityZone": ({ resource, input }, store) => {
    const [type, id] = typeAndId(resource);
    if (type === "subnet" && id === "*") return text(input["AvailabilityZone"]);
    const subnetId = type === "network-interface" ? store.get("networkInterface", id)?.subnetId : id;
    return type === "subnet" || type === "network-interface"
      ? store.get("subnet", subnetId)?.availabilityZone
      : undefined;
  },
};

/** The word of an EC2 ARN for the kind of the resource, and its id: `*` for one that is created. */
function typeAndId(resource: string): readonly [type: string, id: string] {
  const [type = "", id = ""] = (parseArn(resource)?.resource ?? "").split("/");
  return [type, id];
}

/** The id of the resource that is asked about, where it is of this type and exists. */
function idOf(type: string): Read {
  return ({ resource }) => {
    const [found, id] = typeAndId(resource);
    return found === type && id !== "*" ? id : undefined;
  };
}

/** The VPC and subnet of an EC2 resource: its own, or for one that is created those that the request names. */
function placeOf(asked: Asked, store: Reader): { vpc: Value; subnet: Value } {
  const { input, account, region } = asked;
  const [type, id] = typeAndId(asked.resource);
  const kind = Object.values(RESOURCES).find((each) => each.type === type)?.kind;
  const record: object = (kind === undefined ? undefined : store.get(kind, id)) ?? {};
  const of = (name: string): string | undefined =>
    Object.hasOwn(record, name) ? text((record as Readonly<Record<string, unknown>>)[name]) : undefined; // As above.
  const subnetId =
    type === "subnet" && id !== "*"
      ? id
      : (of("subnetId") ?? (id === "*" ? text(input["SubnetId"]) : undefined));
  const vpcId =
    (type === "vpc" ? id : of("vpcId")) ??
    store.get("subnet", subnetId)?.vpcId ??
    text(input["VpcId"]) ??
    (asked.action === "ec2:CreateSecurityGroup" ? defaultVpcOf(store, { account, region })?.id : undefined);
  const arn = (path: string, of: string | undefined) =>
    of === undefined ? undefined : formatArn("ec2", { account, region }, `${path}/${of}`);
  return { vpc: arn("vpc", vpcId), subnet: arn("subnet", subnetId) };
}

/** The ARN of a VPC of a peering connection: of its record, or of the request that creates one. */
function peeringSide(side: "requester" | "accepter", member: string): Read {
  return ({ resource, input, account, region }, store) => {
    const [type, id] = typeAndId(resource);
    const peeringId = type === "vpc-peering-connection" ? id : text(input["VpcPeeringConnectionId"]);
    const vpcId = store.get("vpcPeering", peeringId)?.[side].vpcId ?? text(input[member]);
    const isPeering = type === "vpc-peering-connection" || text(input["PeerVpcId"]) !== undefined;
    return isPeering && vpcId !== undefined
      ? formatArn("ec2", { account, region }, `vpc/${vpcId}`)
      : undefined;
  };
}

/** The service of an endpoint: of its record, or of the request that creates one. */
function endpointService(
  { resource, input }: Parameters<Read>[0],
  store: Parameters<Read>[1],
): string | undefined {
  const [type, id] = typeAndId(resource);
  if (type === "vpc-endpoint-service") {
    const service = store.get("endpointService", id);
    return service && customServiceName(service);
  }
  return type === "vpc-endpoint"
    ? (store.get("vpcEndpoint", id)?.serviceName ?? text(input["ServiceName"]))
    : undefined;
}
