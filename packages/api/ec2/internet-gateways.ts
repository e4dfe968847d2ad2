import type * as ec2 from "@aws-sdk/client-ec2";
import type { InternetGatewayRecord } from "@gantry/state";
import type { Implementation, RequestContext } from "@gantry/wire";
import { isIn } from "../common/place.ts";
import { presentTags } from "../common/tags.ts";
import { ApiError } from "./api-error.ts";
import type { Ec2Deps } from "./ec2-deps.ts";
import { INTERNET_GATEWAY_FIELDS } from "./filter-fields.ts";
import { applyFilters, selectById, tagsFor } from "./filters.ts";
import { findInternetGateway, findVpc, missingInternetGateway } from "./lookups.ts";

/** Internet gateways. Source: API_CreateInternetGateway and following. */
export function internetGatewayOperations(deps: Ec2Deps) {
  return {
    CreateInternetGateway: (input, context) => createInternetGateway(deps, input, context),
    AttachInternetGateway: (input, context) => attachInternetGateway(deps, input, context),
    DetachInternetGateway: (input, context) => detachInternetGateway(deps, input, context),
    DeleteInternetGateway: (input, context) => deleteInternetGateway(deps, input, context),
    DescribeInternetGateways: (input, context) => describeInternetGateways(deps, input, context),
  } satisfies Implementation<typeof ec2>;
}

function createInternetGateway(
  { store, ids }: Ec2Deps,
  input: ec2.CreateInternetGatewayRequest,
  context: RequestContext,
): ec2.CreateInternetGatewayResult {
  const gateway: InternetGatewayRecord = {
    account: context.account,
    region: context.region,
    id: `igw-${ids.hex(17)}`,
    vpcId: undefined,
    tags: tagsFor(input.TagSpecifications, "internet-gateway"),
  };
  store.transact((tx) => tx.put("internetGateway", gateway.id, gateway));
  return { InternetGateway: presentInternetGateway(gateway) };
}

function attachInternetGateway(
  { store }: Ec2Deps,
  input: ec2.AttachInternetGatewayRequest,
  context: RequestContext,
): object {
  store.transact((tx) => {
    const gateway = findInternetGateway(tx, context, input.InternetGatewayId);
    const vpc = findVpc(tx, context, input.VpcId);
    if (gateway.vpcId !== undefined)
      throw new ApiError(
        "Resource.AlreadyAssociated",
        `resource ${gateway.id} is already attached to network ${gateway.vpcId}`,
      );
    if (tx.list("internetGateway").some((other) => other.vpcId === vpc.id))
      throw new ApiError(
        "InvalidParameterValue",
        `Network ${vpc.id} already has an internet gateway attached`,
      );
    tx.put("internetGateway", gateway.id, { ...gateway, vpcId: vpc.id });
  });
  return {};
}

function detachInternetGateway(
  { store }: Ec2Deps,
  input: ec2.DetachInternetGatewayRequest,
  context: RequestContext,
): object {
  store.transact((tx) => {
    const gateway = findInternetGateway(tx, context, input.InternetGatewayId);
    if (gateway.vpcId !== input.VpcId)
      throw new ApiError(
        "Gateway.NotAttached",
        `resource ${gateway.id} is not attached to network ${input.VpcId}`,
      );
    const mapped = tx
      .listBy("networkInterface", "vpc", gateway.vpcId)
      .some((eni) => eni.publicIp !== undefined);
    if (mapped)
      throw new ApiError(
        "DependencyViolation",
        `Network ${input.VpcId} has some mapped public address(es). Please unmap those public ` +
          "address(es) before detaching the gateway.",
      );
    tx.put("internetGateway", gateway.id, { ...gateway, vpcId: undefined });
  });
  return {};
}

function deleteInternetGateway(
  { store }: Ec2Deps,
  input: ec2.DeleteInternetGatewayRequest,
  context: RequestContext,
): object {
  store.transact((tx) => {
    const gateway = findInternetGateway(tx, context, input.InternetGatewayId);
    if (gateway.vpcId !== undefined)
      throw new ApiError(
        "DependencyViolation",
        `The internetGateway '${gateway.id}' has dependencies and cannot be deleted.`,
      );
    tx.delete("internetGateway", gateway.id);
  });
  return {};
}

function describeInternetGateways(
  { store }: Ec2Deps,
  input: ec2.DescribeInternetGatewaysRequest,
  context: RequestContext,
): ec2.DescribeInternetGatewaysResult {
  const all = store.list("internetGateway").filter((gateway) => isIn(gateway, context));
  const chosen = selectById(all, input.InternetGatewayIds, (gateway) => gateway.id, missingInternetGateway);
  return {
    InternetGateways: applyFilters(chosen, input.Filters, INTERNET_GATEWAY_FIELDS).map(
      presentInternetGateway,
    ),
  };
}

function presentInternetGateway(gateway: InternetGatewayRecord): ec2.InternetGateway {
  return {
    InternetGatewayId: gateway.id,
    OwnerId: gateway.account,
    Attachments:
      gateway.vpcId === undefined
        ? []
        : [{ VpcId: gateway.vpcId, State: "available" as ec2.AttachmentStatus }],
    Tags: presentTags(gateway.tags),
  }; // EC2 says "available" here, which the SDK's enum lacks.
}
