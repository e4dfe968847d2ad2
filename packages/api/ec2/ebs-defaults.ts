import type * as ec2 from "@aws-sdk/client-ec2";
import type { EbsDefaultsRecord, Reader } from "@gantry/state";
import type { Implementation, RequestContext } from "@gantry/wire";
import type { Place } from "../common/api-deps.ts";
import type { Ec2Deps } from "./ec2-deps.ts";

/** Encryption of new volumes by default, in an account's region. Source: API_EnableEbsEncryptionByDefault. */
export function ebsDefaultOperations(deps: Ec2Deps) {
  return {
    EnableEbsEncryptionByDefault: (_, context) => setDefault(deps, context, { encryptByDefault: true }),
    DisableEbsEncryptionByDefault: (_, context) => setDefault(deps, context, { encryptByDefault: false }),
    GetEbsEncryptionByDefault: (_, context) => ({
      EbsEncryptionByDefault: ebsDefaultsOf(deps.store, context).encryptByDefault,
      SseType: "sse-ebs",
    }),
    GetEbsDefaultKmsKeyId: (_, context) => presentKey(ebsDefaultsOf(deps.store, context)),
    ModifyEbsDefaultKmsKeyId: (input, context) => setKey(deps, context, input.KmsKeyId),
    ResetEbsDefaultKmsKeyId: (_, context) => setKey(deps, context, undefined),
  } satisfies Implementation<typeof ec2>;
}

const keyOf = ({ account, region }: Place): string => `${account}/${region}`;

/** The defaults of the account's region; without a record nothing is encrypted by default. */
export function ebsDefaultsOf(reader: Reader, place: Place): EbsDefaultsRecord {
  const { account, region } = place;
  return (
    reader.get("ebsDefaults", keyOf(place)) ?? {
      account,
      region,
      encryptByDefault: false,
      kmsKeyId: undefined,
    }
  );
}

function change(deps: Ec2Deps, place: Place, to: Partial<EbsDefaultsRecord>): EbsDefaultsRecord {
  return deps.store.transact((tx) => {
    const next = { ...ebsDefaultsOf(tx, place), ...to };
    tx.put("ebsDefaults", keyOf(place), next);
    return next;
  });
}

function setDefault(
  deps: Ec2Deps,
  context: RequestContext,
  to: { readonly encryptByDefault: boolean },
): ec2.EnableEbsEncryptionByDefaultResult {
  return { EbsEncryptionByDefault: change(deps, context, to).encryptByDefault };
}

function setKey(
  deps: Ec2Deps,
  context: RequestContext,
  kmsKeyId: string | undefined,
): ec2.ModifyEbsDefaultKmsKeyIdResult {
  return presentKey(change(deps, context, { kmsKeyId }));
}

/** Source: API_GetEbsDefaultKmsKeyId. */
function presentKey({ kmsKeyId }: EbsDefaultsRecord): ec2.GetEbsDefaultKmsKeyIdResult {
  return { KmsKeyId: kmsKeyId ?? "alias/aws/ebs" };
}
