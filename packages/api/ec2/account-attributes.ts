import type * as ec2 from "@aws-sdk/client-ec2";
import type { Implementation, RequestContext } from "@gantry/wire";
import { isIn } from "../common/place.ts";
import type { Ec2Deps } from "./ec2-deps.ts";

/** Source: API_DescribeAccountAttributes. */
export function accountAttributeOperations(deps: Ec2Deps) {
  return {
    DescribeAccountAttributes: (input, context) => describeAccountAttributes(deps, input, context),
  } satisfies Implementation<typeof ec2>;
}

function describeAccountAttributes(
  { store }: Ec2Deps,
  input: ec2.DescribeAccountAttributesRequest,
  context: RequestContext,
): ec2.DescribeAccountAttributesResult {
  const defaultVpc = store.list("vpc").find((vpc) => isIn(vpc, context) && vpc.isDefault);
  return {
    AccountAttributes: [
      { AttributeName: "supported-platforms", AttributeValues: [{ AttributeValue: "VPC" }] },
      { AttributeName: "default-vpc", AttributeValues: [{ AttributeValue: defaultVpc?.id ?? "none" }] },
    ].filter(({ AttributeName }) => input.AttributeNames?.some((name) => name === AttributeName) ?? true),
  };
}
