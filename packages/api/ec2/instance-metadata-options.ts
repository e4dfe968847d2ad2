import type * as ec2 from "@aws-sdk/client-ec2";
import type { Ec2SecurityRecord, InstanceMetadataSettings } from "@gantry/state";
import { ApiError } from "./api-error.ts";
import { invalidValue } from "./missing.ts";

/**
 * The metadata options of a new instance: what its launch gives, the account's defaults, then the image's. Images
 * of Amazon Linux 2023 ask for version 2 and two hops. Source: "Order of precedence for instance metadata
 * configuration".
 */
export function metadataSettings(
  given: ec2.InstanceMetadataOptionsRequest | undefined,
  image: { readonly name: string },
  { metadataDefaults: byAccount, tokensEnforced }: Ec2SecurityRecord,
): InstanceMetadataSettings {
  const isNew = image.name.startsWith("al2023");
  const settings = changedSettings(
    {
      httpTokens: byAccount.httpTokens ?? (isNew ? "required" : "optional"),
      httpEndpoint: byAccount.httpEndpoint ?? "enabled",
      hopLimit: byAccount.hopLimit ?? (isNew ? 2 : 1),
      instanceTags: byAccount.instanceTags ?? "disabled",
    },
    given ?? {},
  );
  if (tokensEnforced && settings.httpTokens !== "required")
    throw new ApiError(
      "UnsupportedOperation",
      "You can't launch instances with IMDSv1 because httpTokensEnforced is enabled for this account. Either " +
        "launch the instance with httpTokens=required or contact your account owner to disable httpTokensEnforced " +
        "using the ModifyInstanceMetadataDefaults API or the account settings in the EC2 console.",
    );
  return settings;
}

/** Errors: UnsupportedOperation where a change allows version 1, and the account demands version 2. */
export function checkTokens(
  { HttpTokens: tokens }: ec2.InstanceMetadataOptionsRequest,
  { tokensEnforced }: Ec2SecurityRecord,
): void {
  if (tokensEnforced && tokens === "optional")
    throw new ApiError(
      "UnsupportedOperation",
      "You can't set httpTokens to optional because httpTokensEnforced is enabled for this account.",
    );
}

const SWITCH = ["enabled", "disabled"];
const CHOICES = ["HttpTokens", "HttpEndpoint", "InstanceMetadataTags"] as const;
/** Source: API_InstanceMetadataOptionsRequest. */
const VALUES: Readonly<Record<(typeof CHOICES)[number], readonly string[]>> = {
  HttpTokens: ["optional", "required"],
  HttpEndpoint: SWITCH,
  InstanceMetadataTags: SWITCH,
};

/** Errors: InvalidParameterValue. */
export function changedSettings(
  before: InstanceMetadataSettings,
  given: ec2.InstanceMetadataOptionsRequest,
): InstanceMetadataSettings {
  const { HttpPutResponseHopLimit: hops } = given;
  if (given.HttpProtocolIpv6 === "enabled")
    throw new ApiError("InvalidParameterValue", "Gantry has no IPv6: HttpProtocolIpv6 can only be disabled.");
  if (hops !== undefined && (hops < 1 || hops > 64)) throw invalidValue(hops, "HttpPutResponseHopLimit");
  for (const name of CHOICES) {
    const value = given[name];
    if (value !== undefined && !VALUES[name].includes(value)) throw invalidValue(value, name);
  }
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
