import type * as ec2 from "@aws-sdk/client-ec2";
import type { Ec2SecurityRecord, Reader } from "@gantry/state";
import type { Implementation, OutputOf, RequestContext } from "@gantry/wire";
import type { Place } from "../common/api-deps.ts";
import type { Ec2Deps } from "./ec2-deps.ts";
import { invalidValue } from "./missing.ts";

/** What EC2 has for an option without a default of the account. */
const NO_PREFERENCE = "no-preference";
/** The same for the hop limit. Source: API_ModifyInstanceMetadataDefaults. */
const NO_HOPS = -1;

const SWITCH = ["enabled", "disabled", NO_PREFERENCE];
const CHOICES = ["HttpTokens", "HttpEndpoint", "InstanceMetadataTags", "HttpTokensEnforced"] as const;
/** Source: API_ModifyInstanceMetadataDefaults. */
const VALUES: Readonly<Record<(typeof CHOICES)[number], readonly string[]>> = {
  HttpTokens: ["optional", "required", NO_PREFERENCE],
  HttpEndpoint: SWITCH,
  InstanceMetadataTags: SWITCH,
  HttpTokensEnforced: SWITCH,
};

/**
 * Settings of an account in a region: defaults of instances' metadata, and what is blocked. Source:
 * API_ModifyInstanceMetadataDefaults, API_EnableImageBlockPublicAccess, API_EnableSnapshotBlockPublicAccess,
 * API_EnableSerialConsoleAccess.
 */
export function accountSecurityOperations(deps: Ec2Deps) {
  return {
    GetInstanceMetadataDefaults: (_, context) => ({ AccountLevel: presentDefaults(deps, context) }),
    ModifyInstanceMetadataDefaults: (input, context) => modifyDefaults(deps, input, context),
    GetImageBlockPublicAccessState: (_, context) => ({
      ImageBlockPublicAccessState: securityOf(deps.store, context).imageBlock,
      ManagedBy: "account",
    }),
    EnableImageBlockPublicAccess: (input, context) => {
      const given = input.ImageBlockPublicAccessState;
      if (given !== "block-new-sharing") throw invalidValue(given, "ImageBlockPublicAccessState");
      change(deps, context, { imageBlock: given });
      return { ImageBlockPublicAccessState: given };
    },
    DisableImageBlockPublicAccess: (_, context) => {
      change(deps, context, { imageBlock: "unblocked" });
      return { ImageBlockPublicAccessState: "unblocked" };
    },
    ...snapshotOperations(deps),
    GetSerialConsoleAccessStatus: (_, context) => ({
      SerialConsoleAccessEnabled: securityOf(deps.store, context).serialConsole,
      ManagedBy: "account",
    }),
    EnableSerialConsoleAccess: (_, context) => setConsole(deps, context, true),
    DisableSerialConsoleAccess: (_, context) => setConsole(deps, context, false),
  } satisfies Implementation<typeof ec2>;
}

function snapshotOperations(deps: Ec2Deps) {
  return {
    GetSnapshotBlockPublicAccessState: (_, context) => ({
      State: securityOf(deps.store, context).snapshotBlock,
      ManagedBy: "account",
    }),
    EnableSnapshotBlockPublicAccess: (input, context) => {
      const given = input.State;
      if (given !== "block-all-sharing" && given !== "block-new-sharing") throw invalidValue(given, "State");
      change(deps, context, { snapshotBlock: given });
      return { State: given };
    },
    DisableSnapshotBlockPublicAccess: (_, context) => {
      change(deps, context, { snapshotBlock: "unblocked" });
      return { State: "unblocked" };
    },
  } satisfies Implementation<typeof ec2>;
}

function setConsole(
  deps: Ec2Deps,
  place: Place,
  serialConsole: boolean,
): { readonly SerialConsoleAccessEnabled: boolean } {
  change(deps, place, { serialConsole });
  return { SerialConsoleAccessEnabled: serialConsole };
}

const keyOf = ({ account, region }: Place): string => `${account}/${region}`;

/** The settings of an account's region, those of a new account where it has set none. */
export function securityOf(reader: Reader, place: Place): Ec2SecurityRecord {
  const { account, region } = place;
  return (
    reader.get("ec2Security", keyOf(place)) ?? {
      ...{ account, region },
      metadataDefaults: {},
      tokensEnforced: false,
      imageBlock: "block-new-sharing",
      snapshotBlock: "unblocked",
      serialConsole: false,
    }
  );
}

function change({ store }: Ec2Deps, place: Place, to: Partial<Ec2SecurityRecord>): void {
  store.transact((tx) => tx.put("ec2Security", keyOf(place), { ...securityOf(tx, place), ...to }));
}

/** An option that is not given stays as it is. Errors: InvalidParameterValue. */
function modifyDefaults(
  { store }: Ec2Deps,
  input: ec2.ModifyInstanceMetadataDefaultsRequest,
  context: RequestContext,
): OutputOf<ec2.ModifyInstanceMetadataDefaultsCommandOutput> {
  const { HttpPutResponseHopLimit: hops, HttpTokensEnforced: enforced } = input;
  if (hops !== undefined && hops !== NO_HOPS && (hops < 1 || hops > 64))
    throw invalidValue(hops, "HttpPutResponseHopLimit");
  for (const name of CHOICES) {
    const value = input[name];
    if (value !== undefined && !VALUES[name].includes(value)) throw invalidValue(value, name);
  }
  store.transact((tx) => {
    const before = securityOf(tx, context);
    const { httpTokens, httpEndpoint, hopLimit, instanceTags } = before.metadataDefaults;
    tx.put("ec2Security", keyOf(context), {
      ...before,
      metadataDefaults: {
        httpTokens: preferred(input.HttpTokens, httpTokens),
        httpEndpoint: preferred(input.HttpEndpoint, httpEndpoint),
        hopLimit: hops === NO_HOPS ? undefined : (hops ?? hopLimit),
        instanceTags: preferred(input.InstanceMetadataTags, instanceTags),
      },
      tokensEnforced: enforced === undefined ? before.tokensEnforced : enforced === "enabled",
    });
  });
  return { Return: true };
}

function preferred<Value extends string>(
  given: Value | undefined,
  before: Exclude<Value, "no-preference"> | undefined,
): Exclude<Value, "no-preference"> | undefined {
  if (given === undefined) return before;
  // What is left is a value of the option.
  return given === NO_PREFERENCE ? undefined : (given as Exclude<Value, "no-preference">);
}

function presentDefaults({ store }: Ec2Deps, place: Place): ec2.InstanceMetadataDefaultsResponse {
  const { metadataDefaults, tokensEnforced } = securityOf(store, place);
  return {
    HttpTokens: metadataDefaults.httpTokens,
    HttpEndpoint: metadataDefaults.httpEndpoint,
    HttpPutResponseHopLimit: metadataDefaults.hopLimit,
    InstanceMetadataTags: metadataDefaults.instanceTags,
    ManagedBy: "account",
    HttpTokensEnforced: tokensEnforced ? "enabled" : "disabled",
  };
}
