import type * as sdk from "@aws-sdk/client-eventbridge";
import type { ConnectionAuthorization, ConnectionParameters, EventConnectionRecord } from "@gantry/state";
import type { ConnectionSecret } from "@gantry/state/transactions/event-connections";
import { validation } from "./lookups.ts";

/** What a connection's authorization parameters say: what is shown, and what its secret keeps. */
export interface ReadAuthorization {
  readonly authorization: ConnectionAuthorization;
  readonly parameters: ConnectionParameters;
  readonly secret: ConnectionSecret;
}

const NO_VALUES: ConnectionSecret["values"] = { headers: {}, query: {}, body: {} };
const NO_PARAMETERS: ConnectionParameters = { headers: [], query: [], body: [] };
type Given = sdk.UpdateConnectionAuthRequestParameters;
/** What stays where a connection is changed and a parameter is not given. */
export type Former = Pick<EventConnectionRecord, "authorization" | "parameters"> & {
  readonly secret: ConnectionSecret;
};

/**
 * Reads the parameters of a connection; those that are not given stay as they were. Errors: ValidationException for
 * parameters of another type, or where one is missing.
 */
export function readAuthorization(
  type: sdk.ConnectionAuthorizationType | undefined,
  given: Given,
  former: Former | undefined,
): ReadAuthorization {
  const before = former?.authorization.type === type ? former : undefined;
  const invocation =
    given.InvocationHttpParameters === undefined ? undefined : readParameters(given.InvocationHttpParameters);
  return {
    ...authorizationOf(type, given, before),
    parameters: invocation?.shown ?? former?.parameters ?? NO_PARAMETERS,
    secret: {
      ...secretOf(type, given, before),
      values: invocation?.values ?? former?.secret.values ?? NO_VALUES,
    },
  };
}

const MEMBERS = {
  BASIC: "BasicAuthParameters",
  API_KEY: "ApiKeyAuthParameters",
  OAUTH_CLIENT_CREDENTIALS: "OAuthParameters",
} as const;

function missing(name: string): Error {
  return validation(`Parameter AuthParameters is not valid. Reason: ${name} is required.`);
}

function authorizationOf(
  type: sdk.ConnectionAuthorizationType | undefined,
  given: Given,
  before: Former | undefined,
): { readonly authorization: ConnectionAuthorization } {
  if (type === undefined) throw missing("AuthorizationType");
  for (const [other, member] of Object.entries(MEMBERS))
    if (other !== type && given[member] !== undefined)
      throw validation(`Parameter AuthParameters is not valid. Reason: ${member} are not those of ${type}.`);
  const { BasicAuthParameters: basic, ApiKeyAuthParameters: key, OAuthParameters: oauth } = given;
  const known = before?.authorization;
  switch (type) {
    case "BASIC": {
      const username = basic?.Username ?? (known?.type === "BASIC" ? known.username : undefined);
      if (username === undefined) throw missing("BasicAuthParameters.Username");
      return { authorization: { type, username } };
    }
    case "API_KEY": {
      const name = key?.ApiKeyName ?? (known?.type === "API_KEY" ? known.name : undefined);
      if (name === undefined) throw missing("ApiKeyAuthParameters.ApiKeyName");
      return { authorization: { type, name } };
    }
    case "OAUTH_CLIENT_CREDENTIALS":
      return { authorization: oauthOf(oauth, known?.type === type ? known : undefined) };
  }
}

function oauthOf(
  given: sdk.UpdateConnectionOAuthRequestParameters | undefined,
  known: Extract<ConnectionAuthorization, { type: "OAUTH_CLIENT_CREDENTIALS" }> | undefined,
): ConnectionAuthorization {
  const clientId = given?.ClientParameters?.ClientID ?? known?.clientId;
  const endpoint = given?.AuthorizationEndpoint ?? known?.endpoint;
  const method = given?.HttpMethod ?? known?.method;
  if (clientId === undefined) throw missing("OAuthParameters.ClientParameters");
  if (endpoint === undefined) throw missing("OAuthParameters.AuthorizationEndpoint");
  if (method === undefined) throw missing("OAuthParameters.HttpMethod");
  if (!isHttpUrl(endpoint)) throw validation("Parameter AuthorizationEndpoint is not valid.");
  const { OAuthHttpParameters: http } = given ?? {};
  return {
    type: "OAUTH_CLIENT_CREDENTIALS",
    ...{ clientId, endpoint, method },
    parameters: http === undefined ? (known?.parameters ?? NO_PARAMETERS) : readParameters(http).shown,
  };
}

/** Whether a text is the URL of an HTTP or HTTPS endpoint without credentials in it. */
export function isHttpUrl(text: string): boolean {
  const url = URL.parse(text);
  return url !== null && /^https?:$/.test(url.protocol) && url.username === "" && url.password === "";
}

function secretOf(
  type: sdk.ConnectionAuthorizationType | undefined,
  { BasicAuthParameters: basic, ApiKeyAuthParameters: key, OAuthParameters: oauth }: Given,
  before: Former | undefined,
): Pick<ConnectionSecret, "secret" | "tokenValues"> {
  const given =
    type === "BASIC"
      ? basic?.Password
      : type === "API_KEY"
        ? key?.ApiKeyValue
        : oauth?.ClientParameters?.ClientSecret;
  const secret = given ?? before?.secret.secret;
  if (secret === undefined) throw missing(type === "BASIC" ? "Password" : "The secret of the authorization");
  const http = oauth?.OAuthHttpParameters;
  return {
    secret,
    tokenValues: http === undefined ? (before?.secret.tokenValues ?? NO_VALUES) : readParameters(http).values,
  };
}

interface GivenParameter {
  readonly Key?: string | undefined;
  readonly Value?: string | undefined;
  readonly IsValueSecret?: boolean | undefined;
}

function readParameters(given: sdk.ConnectionHttpParameters): {
  readonly shown: ConnectionParameters;
  readonly values: ConnectionSecret["values"];
} {
  const shown = (list: readonly GivenParameter[] = []) =>
    list.map(({ Key = "", Value = "", IsValueSecret: isSecret }) => ({
      key: Key,
      value: isSecret === true ? undefined : Value,
    }));
  const values = (list: readonly GivenParameter[] = []) =>
    Object.fromEntries(list.map(({ Key = "", Value = "" }) => [Key, Value]));
  const { HeaderParameters: headers, QueryStringParameters: query, BodyParameters: body } = given;
  return {
    shown: { headers: shown(headers), query: shown(query), body: shown(body) },
    values: { headers: values(headers), query: values(query), body: values(body) },
  };
}

/** The parameters as an answer shows them: without secrets. */
export function presentAuthorization({
  authorization,
  parameters,
}: EventConnectionRecord): sdk.ConnectionAuthResponseParameters {
  const invocation = presentParameters(parameters);
  const shared = invocation === undefined ? {} : { InvocationHttpParameters: invocation };
  switch (authorization.type) {
    case "BASIC":
      return { BasicAuthParameters: { Username: authorization.username }, ...shared };
    case "API_KEY":
      return { ApiKeyAuthParameters: { ApiKeyName: authorization.name }, ...shared };
    case "OAUTH_CLIENT_CREDENTIALS": {
      const http = presentParameters(authorization.parameters);
      return {
        OAuthParameters: {
          ClientParameters: { ClientID: authorization.clientId },
          AuthorizationEndpoint: authorization.endpoint,
          HttpMethod: authorization.method,
          ...(http === undefined ? {} : { OAuthHttpParameters: http }),
        },
        ...shared,
      };
    }
  }
}

function presentParameters({
  headers,
  query,
  body,
}: ConnectionParameters): sdk.ConnectionHttpParameters | undefined {
  if (headers.length + query.length + body.length === 0) return undefined;
  const present = (list: ConnectionParameters["headers"]): GivenParameter[] | undefined =>
    list.length === 0
      ? undefined
      : list.map(({ key, value }) => ({ Key: key, Value: value, IsValueSecret: value === undefined }));
  return {
    HeaderParameters: present(headers),
    QueryStringParameters: present(query),
    BodyParameters: present(body),
  };
}
