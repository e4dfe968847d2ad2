import type * as ec2 from "@aws-sdk/client-ec2";
import type { InstanceMetadataSettings } from "@gantry/state";
import { ApiError } from "./api-error.ts";
import { invalidValue } from "./missing.ts";

/**
 * The metadata options of a new instance. Images of Amazon Linux 2023 ask for version 2 and two hops.
 * Source: "Order of precedence for instance metadata configuration".
 */
export function metadataSettings(
  given: ec2.InstanceMetadataOptionsRequest | undefined,
  image: { readonly name: string },
): InstanceMetadataSettings {
  const isNew = image.name.startsWith("al2023");
  return changedSettings(
    {
      httpTokens: isNew ? "required" : "optional",
      httpEndpoint: "enabled",
      hopLimit: isNew ? 2 : 1,
      instanceTags: "disabled",
    },
    given ?? {},
  );
}

/** Errors: InvalidParameterValue. */
export function changedSettings(
  before: InstanceMetadataSettings,
  given: ec2.InstanceMetadataOptionsRequest,
): InstanceMetadataSettings {
  const { HttpPutResponseHopLimit: hops } = given;
  if (given.HttpProtocolIpv6 === "enabled")
    throw new ApiError("InvalidParameterValue", "Gantry has no IPv6: HttpProtocolIpv6 can only be disabled.");
  if (hops !== undefined && (hops < 1 || hops > 64)) throw invalidValue(hops, "HttpPutResponseHopLimit");
  return {
    httpTokens: given.HttpTokens ?? before.httpTokens,
    httpEndpoint: given.HttpEndpoint ?? before.httpEndpoint,
    hopLimit: hops ?? before.hopLimit,
    instanceTags: given.InstanceMetadataTags ?? before.instanceTags,
  };
}

export function presentMetadataOptions(
  options: InstanceMetadataSettings,
): ec2.InstanceMetadataOptionsResponse {
  return {
    State: "applied",
    HttpTokens: options.httpTokens,
    HttpPutResponseHopLimit: options.hopLimit,
    HttpEndpoint: options.httpEndpoint,
    HttpProtocolIpv6: "disabled",
    InstanceMetadataTags: options.instanceTags,
  };
}
