import type * as iam from "@aws-sdk/client-iam";
import type { Reader, SamlProviderRecord } from "@gantry/state";
import type { Implementation, RequestContext } from "@gantry/wire";
import type { ApiDeps } from "../common/api-deps.ts";
import { presentTags, toTags, withoutTags } from "../common/tags.ts";
import { ApiError } from "./api-error.ts";
import { alreadyExists, noSuchEntity, tagPage } from "./lookups.ts";

const METADATA_MIN = 1_000;
const METADATA_MAX = 10_000_000;
/** How long AWS says that metadata which names no end is valid. */
const VALID_MS = 100 * 365.25 * 86_400_000;

/**
 * SAML identity providers, whose signed responses AssumeRoleWithSAML exchanges.
 * Source: API_CreateSAMLProvider and following.
 */
export function samlProviderOperations(deps: ApiDeps) {
  const { store } = deps;
  return {
    CreateSAMLProvider: (input, context) => createProvider(deps, input, context),
    GetSAMLProvider(input, { account }) {
      const provider = findSamlProvider(store, account, input.SAMLProviderArn);
      return {
        SAMLProviderUUID: provider.id,
        SAMLMetadataDocument: provider.metadata,
        CreateDate: new Date(provider.createdAt),
        ValidUntil: new Date(provider.validUntil),
        Tags: presentTags(provider.tags),
      };
    },
    UpdateSAMLProvider(input, { account }) {
      const metadata = checkMetadata(input.SAMLMetadataDocument);
      change(deps, account, input.SAMLProviderArn, (provider) => ({ ...provider, metadata }));
      return { SAMLProviderArn: input.SAMLProviderArn };
    },
    DeleteSAMLProvider(input, { account }) {
      store.transact((tx) =>
        tx.delete("samlProvider", findSamlProvider(tx, account, input.SAMLProviderArn).arn),
      );
      return {};
    },
    ListSAMLProviders: (_input, { account }) => ({
      SAMLProviderList: store
        .list("samlProvider")
        .filter((provider) => provider.account === account)
        .map((provider) => ({
          Arn: provider.arn,
          CreateDate: new Date(provider.createdAt),
          ValidUntil: new Date(provider.validUntil),
        })),
    }),
    TagSAMLProvider: (input, { account }) =>
      change(deps, account, input.SAMLProviderArn, (provider) => ({
        ...provider,
        tags: { ...provider.tags, ...toTags(input.Tags) },
      })),
    UntagSAMLProvider: (input, { account }) =>
      change(deps, account, input.SAMLProviderArn, (provider) => ({
        ...provider,
        tags: withoutTags(provider.tags, input.TagKeys ?? []),
      })),
    ListSAMLProviderTags: (input, { account }) =>
      tagPage(findSamlProvider(store, account, input.SAMLProviderArn).tags, input),
  } satisfies Implementation<typeof iam>;
}

function createProvider(
  { store, clock, ids }: ApiDeps,
  input: iam.CreateSAMLProviderRequest,
  { account }: RequestContext,
): iam.CreateSAMLProviderResponse {
  const name = input.Name ?? "";
  const provider: SamlProviderRecord = {
    arn: `arn:aws:iam::${account}:saml-provider/${name}`,
    account,
    name,
    id: `samlp-${ids.upper(16)}`,
    metadata: checkMetadata(input.SAMLMetadataDocument),
    createdAt: clock.now(),
    validUntil: clock.now() + VALID_MS,
    tags: toTags(input.Tags),
  };
  store.transact((tx) => {
    if (tx.get("samlProvider", provider.arn) !== undefined)
      throw alreadyExists(`EntityAlreadyExists: SAML provider ${name} already exists.`);
    tx.put("samlProvider", provider.arn, provider);
  });
  return { SAMLProviderArn: provider.arn, Tags: presentTags(provider.tags) };
}

/** Metadata of SAML 2.0 names its entity and has a key to sign with. */
function checkMetadata(text = ""): string {
  const isMetadata =
    text.length >= METADATA_MIN &&
    text.length <= METADATA_MAX &&
    /<(?:\w+:)?EntityDescriptor[\s>]/.test(text) &&
    /\bentityID\s*=/.test(text) &&
    /<(?:\w+:)?IDPSSODescriptor[\s>]/.test(text) &&
    /<(?:\w+:)?X509Certificate[\s>]/.test(text);
  if (!isMetadata) throw new ApiError("InvalidInput", "Could not parse metadata", { status: 400 });
  return text;
}

function findSamlProvider(reader: Reader, account: string, arn: string | undefined): SamlProviderRecord {
  const provider = reader.get("samlProvider", arn);
  if (provider?.account !== account) throw noSuchEntity(`Manifest not found for arn ${arn}`);
  return provider;
}

function change(
  { store }: ApiDeps,
  account: string,
  arn: string | undefined,
  apply: (provider: SamlProviderRecord) => SamlProviderRecord,
): object {
  store.transact((tx) => {
    const provider = findSamlProvider(tx, account, arn);
    tx.put("samlProvider", provider.arn, apply(provider));
  });
  return {};
}
