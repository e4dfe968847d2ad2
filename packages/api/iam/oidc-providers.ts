import type * as iam from "@aws-sdk/client-iam";
import type { OidcProviderRecord, Reader } from "@gantry/state";
import type { Implementation, RequestContext } from "@gantry/wire";
import type { ApiDeps } from "../common/api-deps.ts";
import { presentTags, toTags, withoutTags } from "../common/tags.ts";
import { ApiError } from "./api-error.ts";
import { alreadyExists, noSuchEntity, tagPage } from "./lookups.ts";

/** Source: "IAM and AWS STS quotas". */
const CLIENT_IDS_MAX = 100;
const THUMBPRINTS_MAX = 5;
const PROVIDERS_MAX = 100;

/** OpenID Connect issuers that roles trust. Source: API_CreateOpenIDConnectProvider and following. */
export function oidcProviderOperations(deps: ApiDeps) {
  const { store } = deps;
  return {
    CreateOpenIDConnectProvider: (input, context) => createProvider(deps, input, context),
    GetOpenIDConnectProvider(input, { account }) {
      const provider = findOidcProvider(store, account, input.OpenIDConnectProviderArn);
      return {
        Url: provider.url.replace(/^https:\/\//, ""),
        ClientIDList: [...provider.clientIds],
        ThumbprintList: [...provider.thumbprints],
        CreateDate: new Date(provider.createdAt),
        Tags: presentTags(provider.tags),
      };
    },
    ListOpenIDConnectProviders: (_input, { account }) => ({
      OpenIDConnectProviderList: store
        .list("oidcProvider")
        .filter((provider) => provider.account === account)
        .map(({ arn }) => ({ Arn: arn })),
    }),
    /** What is deleted already is deleted. Source: API_DeleteOpenIDConnectProvider. */
    DeleteOpenIDConnectProvider(input, { account }) {
      store.transact((tx) => {
        const provider = tx.get("oidcProvider", input.OpenIDConnectProviderArn);
        if (provider?.account === account) tx.delete("oidcProvider", provider.arn);
      });
      return {};
    },
    AddClientIDToOpenIDConnectProvider: (input, { account }) =>
      change(deps, account, input.OpenIDConnectProviderArn, (provider) => ({
        ...provider,
        clientIds: checkClientIds([...new Set([...provider.clientIds, input.ClientID ?? ""])]),
      })),
    RemoveClientIDFromOpenIDConnectProvider: (input, { account }) =>
      change(deps, account, input.OpenIDConnectProviderArn, (provider) => ({
        ...provider,
        clientIds: provider.clientIds.filter((id) => id !== input.ClientID),
      })),
    UpdateOpenIDConnectProviderThumbprint: (input, { account }) =>
      change(deps, account, input.OpenIDConnectProviderArn, (provider) => ({
        ...provider,
        thumbprints: checkThumbprints(input.ThumbprintList ?? []),
      })),
    TagOpenIDConnectProvider: (input, { account }) =>
      change(deps, account, input.OpenIDConnectProviderArn, (provider) => ({
        ...provider,
        tags: { ...provider.tags, ...toTags(input.Tags) },
      })),
    UntagOpenIDConnectProvider: (input, { account }) =>
      change(deps, account, input.OpenIDConnectProviderArn, (provider) => ({
        ...provider,
        tags: withoutTags(provider.tags, input.TagKeys ?? []),
      })),
    ListOpenIDConnectProviderTags: (input, { account }) =>
      tagPage(findOidcProvider(store, account, input.OpenIDConnectProviderArn).tags, input),
  } satisfies Implementation<typeof iam>;
}

/** The ARN of the provider of an issuer: its URL without the scheme and a slash at the end. */
export function oidcProviderArn(account: string, url: string): string {
  return `arn:aws:iam::${account}:oidc-provider/${url.replace(/^https:\/\//, "").replace(/\/$/, "")}`;
}

/** Errors: NoSuchEntity. */
export function findOidcProvider(
  reader: Reader,
  account: string,
  arn: string | undefined,
): OidcProviderRecord {
  const provider = reader.get("oidcProvider", arn);
  if (provider?.account !== account) throw noSuchEntity(`OpenIDConnect Provider not found for arn ${arn}`);
  return provider;
}

function createProvider(
  { store, clock }: ApiDeps,
  input: iam.CreateOpenIDConnectProviderRequest,
  { account }: RequestContext,
): iam.CreateOpenIDConnectProviderResponse {
  const url = checkIssuer(input.Url ?? "");
  const provider: OidcProviderRecord = {
    arn: oidcProviderArn(account, url),
    account,
    url,
    clientIds: checkClientIds(input.ClientIDList ?? []),
    thumbprints: checkThumbprints(input.ThumbprintList ?? []),
    createdAt: clock.now(),
    tags: toTags(input.Tags),
  };
  store.transact((tx) => {
    if (tx.get("oidcProvider", provider.arn) !== undefined)
      throw alreadyExists(`Provider with url ${url} already exists.`);
    if (tx.list("oidcProvider").filter((each) => each.account === account).length >= PROVIDERS_MAX)
      throw limit("OpenIDConnectProvidersPerAccount", PROVIDERS_MAX);
    tx.put("oidcProvider", provider.arn, provider);
  });
  return { OpenIDConnectProviderArn: provider.arn, Tags: presentTags(provider.tags) };
}

/**
 * The URL begins with https and has no query; as a host of a name, or an address.
 * Source: API_CreateOpenIDConnectProvider, Url.
 */
function checkIssuer(text: string): string {
  const url = URL.parse(text);
  const isPlain =
    url !== null && url.search === "" && url.hash === "" && url.username === "" && !text.includes("?");
  if (!isPlain || url.protocol !== "https:" || !/^https:\/\/[^\s]+$/.test(text))
    throw invalidInput("Invalid Open ID Connect Provider URL");
  return text;
}

function checkClientIds(ids: readonly string[]): readonly string[] {
  if (ids.length > CLIENT_IDS_MAX) throw limit("ClientIdsPerOpenIdConnectProvider", CLIENT_IDS_MAX);
  if (ids.some((id) => id.length < 1 || id.length > 255))
    throw invalidInput("Client ID must be 1 to 255 characters.");
  return ids;
}

function checkThumbprints(thumbprints: readonly string[]): readonly string[] {
  if (thumbprints.length > THUMBPRINTS_MAX)
    throw invalidInput("Thumbprint list must contain fewer than 5 entries.");
  if (thumbprints.some((each) => !/^[0-9a-fA-F]{40}$/.test(each)))
    throw new ApiError(
      "ValidationError",
      "1 validation error detected: Value at 'thumbprintList' failed to satisfy constraint: Member " +
        "must satisfy constraint: [Member must have length less than or equal to 40, Member must have " +
        "length greater than or equal to 40]",
      { status: 400 },
    );
  return thumbprints.map((each) => each.toLowerCase());
}

function change(
  { store }: ApiDeps,
  account: string,
  arn: string | undefined,
  apply: (provider: OidcProviderRecord) => OidcProviderRecord,
): object {
  store.transact((tx) => {
    const provider = findOidcProvider(tx, account, arn);
    tx.put("oidcProvider", provider.arn, apply(provider));
  });
  return {};
}

function invalidInput(message: string): ApiError {
  return new ApiError("InvalidInput", message, { status: 400 });
}

function limit(quota: string, most: number): ApiError {
  return new ApiError("LimitExceeded", `Cannot exceed quota for ${quota}: ${most}`, { status: 409 });
}
