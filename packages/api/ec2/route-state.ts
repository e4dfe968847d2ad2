import type { Reader, RouteTableRecord } from "@gantry/state";

/** Whether the target of a route is there. Source: API_Route, State. */
export function routeState(
  reader: Reader,
  { vpcId }: RouteTableRecord,
  { target }: RouteTableRecord["routes"][number],
): "active" | "blackhole" {
  return isThere(reader, vpcId, target) ? "active" : "blackhole";
}

function isThere(
  reader: Reader,
  vpcId: string,
  { type, id }: RouteTableRecord["routes"][number]["target"],
): boolean {
  switch (type) {
    case "local":
      return true;
    case "internet-gateway":
      return reader.get("internetGateway", id)?.vpcId === vpcId;
    case "nat-gateway":
      return reader.get("natGateway", id)?.state === "available";
    case "vpc-peering":
      return reader.get("vpcPeering", id)?.state === "active";
    case "vpc-endpoint":
      return reader.get("vpcEndpoint", id) !== undefined;
    case "network-interface":
      return reader.get("networkInterface", id) !== undefined;
  }
}
