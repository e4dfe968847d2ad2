import * as sdk from "@aws-sdk/client-eventbridge";
import { GetSecretValueCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { startApi } from "@gantry/testkit";
import { afterAll, describe, expect, it } from "vitest";

const api = await startApi();
afterAll(() => api.close());
const client = new sdk.EventBridgeClient(api.client());
const secrets = new SecretsManagerClient(api.client());
const ENDPOINT = "https://tokens.example/token";

const create = (Name: string, given: Partial<sdk.CreateConnectionRequest> = {}) =>
  client.send(
    new sdk.CreateConnectionCommand({
      ...{ Name, AuthorizationType: "BASIC" },
      AuthParameters: { BasicAuthParameters: { Username: "first", Password: "hidden-first" } },
      ...given,
    }),
  );
const update = (Name: string, given: Partial<sdk.UpdateConnectionRequest>) =>
  client.send(new sdk.UpdateConnectionCommand({ Name, ...given }));
const shown = (Name: string) => client.send(new sdk.DescribeConnectionCommand({ Name }));
/** What the connection's secret contains. */
async function kept(Name: string): Promise<unknown> {
  const { SecretArn } = await shown(Name);
  const { SecretString = "" } = await secrets.send(new GetSecretValueCommand({ SecretId: SecretArn }));
  return JSON.parse(SecretString);
}

/** Parameters of every kind, each once in the open and once as a secret. */
const http = (prefix: string) => {
  const both = (kind: string) => [
    { Key: `${prefix}-${kind}`, Value: `open-${kind}`, IsValueSecret: false },
    { Key: `${prefix}-${kind}-key`, Value: `hidden-${prefix}-${kind}`, IsValueSecret: true },
  ];
  return {
    HeaderParameters: both("header"),
    QueryStringParameters: both("query"),
    BodyParameters: both("body"),
  };
};
/** The same as an answer shows them. */
const openHttp = (prefix: string) => {
  const both = (kind: string) => [
    { Key: `${prefix}-${kind}`, Value: `open-${kind}`, IsValueSecret: false },
    { Key: `${prefix}-${kind}-key`, IsValueSecret: true },
  ];
  return {
    HeaderParameters: both("header"),
    QueryStringParameters: both("query"),
    BodyParameters: both("body"),
  };
};
/** The same as the secret has them. */
const secretHttp = (prefix: string) => {
  const both = (kind: string) => [
    { key: `${prefix}-${kind}`, value: `open-${kind}` },
    { key: `${prefix}-${kind}-key`, value: `hidden-${prefix}-${kind}` },
  ];
  return {
    header_parameters: both("header"),
    query_string_parameters: both("query"),
    body_parameters: both("body"),
  };
};

const oauth = (more: Partial<sdk.CreateConnectionOAuthRequestParameters> = {}) => ({
  ClientParameters: { ClientID: "id", ClientSecret: "hidden-client" },
  AuthorizationEndpoint: ENDPOINT,
  HttpMethod: "POST" as const,
  ...more,
});
const openOauth = { ClientParameters: { ClientID: "id" }, AuthorizationEndpoint: ENDPOINT };

interface Change {
  readonly type: sdk.ConnectionAuthorizationType;
  readonly given: sdk.UpdateConnectionAuthRequestParameters;
  readonly open: sdk.ConnectionAuthResponseParameters;
  readonly secret: object;
}

const CHANGES: readonly Change[] = [
  {
    type: "BASIC",
    given: { BasicAuthParameters: { Username: "second", Password: "hidden-second" } },
    open: { BasicAuthParameters: { Username: "second" } },
    secret: { username: "second", password: "hidden-second" },
  },
  {
    type: "API_KEY",
    given: { ApiKeyAuthParameters: { ApiKeyName: "x-key", ApiKeyValue: "hidden-key" } },
    open: { ApiKeyAuthParameters: { ApiKeyName: "x-key" } },
    secret: { api_key_name: "x-key", api_key_value: "hidden-key" },
  },
  {
    type: "OAUTH_CLIENT_CREDENTIALS",
    given: { OAuthParameters: oauth({ OAuthHttpParameters: http("token") }) },
    open: { OAuthParameters: { ...openOauth, HttpMethod: "POST", OAuthHttpParameters: openHttp("token") } },
    secret: {
      ...{ client_id: "id", client_secret: "hidden-client", authorization_endpoint: ENDPOINT },
      ...{ http_method: "POST", oauth_http_parameters: secretHttp("token") },
    },
  },
];

/** A connection of user and password that is changed as said. */
async function changedTo(Name: string, change: Change | undefined): Promise<void> {
  const { type: AuthorizationType, given } = change ?? expect.fail("There is such a change.");
  await create(Name);
  const AuthParameters = { ...given, InvocationHttpParameters: http("call") };
  await update(Name, { AuthorizationType, AuthParameters });
}

describe("a changed connection", () => {
  it.each(CHANGES)("of $type shows names, and its secret has the values", async (change) => {
    const { type: AuthorizationType, open, secret } = change;
    const Name = `to-${AuthorizationType}`;
    await changedTo(Name, change);
    const after = await shown(Name);
    expect(after).toMatchObject({ AuthorizationType });
    expect(after.AuthParameters).toEqual({ ...open, InvocationHttpParameters: openHttp("call") });
    expect(JSON.stringify(after)).not.toContain("hidden-");
    expect(await kept(Name)).toEqual({ ...secret, invocation_http_parameters: secretHttp("call") });
  });

  it.each(CHANGES)("of $type keeps what is not given", async (change) => {
    const { type, open, secret } = change;
    const Name = `kept-${type}`;
    await changedTo(Name, change);
    const { SecretArn } = await shown(Name);
    await update(Name, { AuthParameters: { InvocationHttpParameters: http("late") } });
    expect((await shown(Name)).AuthParameters).toEqual({
      ...open,
      InvocationHttpParameters: openHttp("late"),
    });
    await update(Name, { AuthorizationType: type, Description: "again" });
    expect(await shown(Name)).toMatchObject({ SecretArn, Description: "again" });
    expect(await kept(Name)).toEqual({ ...secret, invocation_http_parameters: secretHttp("late") });
  });

  it.each<[string, sdk.UpdateConnectionAuthRequestParameters, object]>([
    ["BASIC", { BasicAuthParameters: { Password: "hidden-new" } }, { password: "hidden-new" }],
    ["API_KEY", { ApiKeyAuthParameters: { ApiKeyValue: "hidden-new" } }, { api_key_value: "hidden-new" }],
    [
      "OAUTH_CLIENT_CREDENTIALS",
      { OAuthParameters: { ClientParameters: { ClientSecret: "hidden-new" } } },
      { client_secret: "hidden-new" },
    ],
  ])("of %s gets another secret alone", async (type, AuthParameters, changed) => {
    const Name = `new-${type}`;
    await changedTo(
      Name,
      CHANGES.find((each) => each.type === type),
    );
    const [before, secretBefore] = [await shown(Name), (await kept(Name)) as object]; // As JSON.
    await update(Name, { AuthParameters });
    expect((await shown(Name)).AuthParameters).toEqual(before.AuthParameters);
    expect(await kept(Name)).toEqual({ ...secretBefore, ...changed });
  });

  it("of another type needs that type's parameters", async () => {
    await create("typed");
    await expect(update("typed", { AuthorizationType: "API_KEY" })).rejects.toThrow("ApiKeyName is required");
    const AuthParameters = { ApiKeyAuthParameters: { ApiKeyName: "x", ApiKeyValue: "hidden" } };
    await expect(update("typed", { AuthParameters })).rejects.toThrow("are not those of BASIC");
    expect(await kept("typed")).toMatchObject({ username: "first", password: "hidden-first" });
  });
});

describe("a connection with OAuth", () => {
  it.each(["GET", "POST", "PUT"] as const)("asks for tokens with %s", async (HttpMethod) => {
    const AuthorizationType = "OAUTH_CLIENT_CREDENTIALS";
    const OAuthParameters = oauth({ HttpMethod, OAuthHttpParameters: http("token") });
    await create(HttpMethod, { AuthorizationType, AuthParameters: { OAuthParameters } });
    const created = await shown(HttpMethod);
    expect(created.AuthParameters).toEqual({
      OAuthParameters: { ...openOauth, HttpMethod, OAuthHttpParameters: openHttp("token") },
    });
    expect(JSON.stringify(created)).not.toContain("hidden-");
    expect(await kept(HttpMethod)).toMatchObject({
      http_method: HttpMethod,
      oauth_http_parameters: secretHttp("token"),
    });
  });

  it.each(["GET", "PUT", "POST"] as const)("is changed to %s, and authorized again", async (HttpMethod) => {
    const Name = `to-${HttpMethod}`;
    await changedTo(
      Name,
      CHANGES.find(({ type }) => type === "OAUTH_CLIENT_CREDENTIALS"),
    );
    const AuthorizationEndpoint = `${ENDPOINT}/${HttpMethod}`;
    const { ConnectionState } = await update(Name, {
      AuthParameters: { OAuthParameters: { HttpMethod, AuthorizationEndpoint } },
    });
    expect(ConnectionState).toBe("AUTHORIZING");
    expect((await shown(Name)).AuthParameters?.OAuthParameters).toMatchObject({
      ...{ HttpMethod, AuthorizationEndpoint, ClientParameters: { ClientID: "id" } },
    });
    expect(await kept(Name)).toMatchObject({
      ...{ http_method: HttpMethod, authorization_endpoint: AuthorizationEndpoint },
      ...{ client_id: "id", oauth_http_parameters: secretHttp("token") },
    });
  });
});

it.each(["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "PUT", "POST"] as const)(
  "an API destination is changed to %s, and to nothing else",
  async (HttpMethod) => {
    const { ConnectionArn } = await create(`of-${HttpMethod}`);
    const given = { Name: HttpMethod, ConnectionArn, InvocationEndpoint: "https://shop.example/hook" };
    const before = HttpMethod === "POST" ? "GET" : "POST";
    await client.send(new sdk.CreateApiDestinationCommand({ ...given, HttpMethod: before }));
    await client.send(new sdk.UpdateApiDestinationCommand({ Name: HttpMethod, HttpMethod }));
    const changed = await client.send(new sdk.DescribeApiDestinationCommand({ Name: HttpMethod }));
    expect(changed).toMatchObject({ ...given, HttpMethod });
  },
);
