import * as eb from "@aws-sdk/client-eventbridge";
import * as iam from "@aws-sdk/client-iam";
import { CreateKeyCommand, DisableKeyCommand, KMSClient } from "@aws-sdk/client-kms";
import * as sm from "@aws-sdk/client-secrets-manager";
import * as sqs from "@aws-sdk/client-sqs";
import { ACCOUNT } from "@gantry/testkit";
import { afterAll, beforeEach, describe, expect, it, vi } from "vitest";
import { startDestinations } from "./api-destinations-world.ts";
import { REGION } from "./events-world.ts";
import { OTHER } from "./other-account.ts";

// A rule makes the platform send requests with the secrets of a connection. Whoever writes a rule or an event must not
// choose where they go, whoever reads a connection must not read its secrets, and no request goes to the machine's own
// metadata or to the platform.
// Before: there were no API destinations.
const destinations = await startDestinations();
const { world, api, client, seen, port, origin, answer, BASIC } = destinations;
const { connect, describeConnection, destination, target, put, arrived, over } = destinations;
const secrets = new sm.SecretsManagerClient(api.client());
afterAll(() => destinations.close());
beforeEach(() => destinations.clear());

describe("a connection", () => {
  it("keeps its secrets in a secret that EventBridge owns, and shows none of them", async () => {
    const parameters = (Value: string) => [
      { Key: `${Value}-open`, Value, IsValueSecret: false },
      { Key: `${Value}-hidden`, Value: `hidden-${Value}`, IsValueSecret: true },
    ];
    const InvocationHttpParameters = {
      HeaderParameters: parameters("header"),
      QueryStringParameters: parameters("query"),
      BodyParameters: parameters("body"),
    };
    const AuthParameters = { ...BASIC.AuthParameters, InvocationHttpParameters };
    const ConnectionArn = await connect("kept", { AuthParameters, Description: "d" });
    const shown = await describeConnection("kept");
    expect(shown).toMatchObject({
      ...{ ConnectionArn, Name: "kept", Description: "d", ConnectionState: "AUTHORIZED" },
      AuthorizationType: "BASIC",
    });
    expect(shown.AuthParameters?.BasicAuthParameters).toEqual({ Username: "u" });
    expect(shown.AuthParameters?.InvocationHttpParameters?.HeaderParameters).toEqual([
      { Key: "header-open", Value: "header", IsValueSecret: false },
      { Key: "header-hidden", IsValueSecret: true },
    ]);
    const listed = await client.send(new eb.ListConnectionsCommand({ NamePrefix: "ke" }));
    expect(JSON.stringify([shown, listed])).not.toContain("hidden-");
    const secret = await secrets.send(new sm.DescribeSecretCommand({ SecretId: shown.SecretArn }));
    expect(secret).toMatchObject({ OwningService: "events" });
    expect(secret.Name).toMatch(/^events!connection\/kept\/[0-9a-f-]{36}$/);
    const value = await secrets.send(new sm.GetSecretValueCommand({ SecretId: shown.SecretArn }));
    expect(JSON.parse(value.SecretString ?? "")).toMatchObject({
      ...{ username: "u", password: "hidden-password" },
      invocation_http_parameters: {
        body_parameters: [
          { key: "body-open", value: "body" },
          { key: "body-hidden", value: "hidden-body" },
        ],
      },
    });
    const Filters: sm.Filter[] = [{ Key: "owning-service", Values: ["events"] }];
    const { SecretList } = await secrets.send(new sm.ListSecretsCommand({ Filters }));
    expect(SecretList?.map(({ ARN }) => ARN)).toEqual([shown.SecretArn]);
    // Nobody can create a secret that looks like one of EventBridge.
    await expect(
      secrets.send(new sm.CreateSecretCommand({ Name: "events!connection/x", SecretString: "1" })),
    ).rejects.toThrow("regular expression");
  });

  it("is changed in part, deauthorized and deleted with its secret", async () => {
    const before = await describeConnection("kept");
    await client.send(
      new eb.UpdateConnectionCommand({
        ...{ Name: "kept", Description: "e", AuthorizationType: "BASIC" },
        AuthParameters: { BasicAuthParameters: { Username: "v" } },
      }),
    );
    const { SecretArn, AuthParameters, Description } = await describeConnection("kept");
    expect([SecretArn, Description]).toEqual([before.SecretArn, "e"]);
    expect(AuthParameters?.BasicAuthParameters).toEqual({ Username: "v" });
    const read = async () =>
      (await secrets.send(new sm.GetSecretValueCommand({ SecretId: SecretArn }))).SecretString;
    expect(JSON.parse((await read()) ?? "")).toMatchObject({ username: "v", password: "hidden-password" });
    await client.send(new eb.DeauthorizeConnectionCommand({ Name: "kept" }));
    expect(await describeConnection("kept")).toMatchObject({ ConnectionState: "DEAUTHORIZED" });
    await expect(read()).rejects.toMatchObject({ name: "ResourceNotFoundException" });
    const states = async (ConnectionState: eb.ConnectionState) =>
      (await client.send(new eb.ListConnectionsCommand({ ConnectionState }))).Connections?.length;
    expect([await states("DEAUTHORIZED"), await states("AUTHORIZED")]).toEqual([1, 0]);
    await connect("more");
    expect((await client.send(new eb.ListConnectionsCommand({ Limit: 1 }))).NextToken).toBeDefined();
    await client.send(new eb.DeleteConnectionCommand({ Name: "kept" }));
    await expect(describeConnection("kept")).rejects.toThrow("Connection 'kept' does not exist.");
  });

  it("creates the service-linked role, which its caller may", async () => {
    const roles = new iam.IAMClient(api.client());
    const RoleName = "AWSServiceRoleForAmazonEventBridgeApiDestinations";
    const { Role } = await roles.send(new iam.GetRoleCommand({ RoleName }));
    expect(Role?.Path).toBe("/aws-service-role/apidestinations.events.amazonaws.com/");
  });

  it.each<[string, Partial<eb.CreateConnectionRequest>, string]>([
    ["of a name that is there", { Name: "more" }, "Connection more already exists."],
    ["with parameters of another type", { AuthorizationType: "API_KEY" }, "are not those of API_KEY"],
    ["without a password", { AuthParameters: {} }, "is required"],
    [
      "with a header that ends itself",
      {
        AuthParameters: {
          ...BASIC.AuthParameters,
          InvocationHttpParameters: { HeaderParameters: [{ Key: "a", Value: "b\r\nc: d" }] },
        },
      },
      "regular expression",
    ],
    [
      "to a private API",
      { InvocationConnectivityParameters: { ResourceParameters: { ResourceConfigurationArn: "arn" } } },
      "InvocationConnectivityParameters",
    ],
    [
      "for a private authorization endpoint",
      {
        AuthParameters: {
          ...BASIC.AuthParameters,
          ConnectivityParameters: { ResourceParameters: { ResourceConfigurationArn: "arn" } },
        },
      },
      "ConnectivityParameters",
    ],
  ])("%s is refused", async (_what, given, reason) => {
    await expect(connect("bad", given)).rejects.toThrow(reason);
  });
  it("is not changed to one to a private API", async () => {
    const ConnectivityParameters = { ResourceParameters: { ResourceConfigurationArn: "arn" } };
    const change = (more: Partial<eb.UpdateConnectionRequest>) =>
      client.send(new eb.UpdateConnectionCommand({ Name: "more", ...more }));
    await expect(change({ InvocationConnectivityParameters: ConnectivityParameters })).rejects.toThrow(
      "InvocationConnectivityParameters",
    );
    await expect(change({ AuthParameters: { ConnectivityParameters } })).rejects.toThrow(
      "ConnectivityParameters",
    );
  });

  it("under a disabled key has no secret that can be read, and calls nothing", async () => {
    const keys = new KMSClient(api.client());
    const { KeyMetadata } = await keys.send(new CreateKeyCommand({}));
    const KmsKeyIdentifier = KeyMetadata?.Arn ?? "";
    const arn = await connect("sealed", { KmsKeyIdentifier });
    expect((await describeConnection("sealed")).KmsKeyIdentifier).toBe(KmsKeyIdentifier);
    await client.send(new eb.UpdateConnectionCommand({ Name: "sealed", KmsKeyIdentifier }));
    await target("sealed", await destination("sealed", arn), { RetryPolicy: { MaximumRetryAttempts: 0 } });
    await put("sealed");
    await arrived(1);
    await keys.send(new DisableKeyCommand({ KeyId: KmsKeyIdentifier }));
    await put("sealed");
    await over();
    expect(seen).toHaveLength(1);
  });
});

describe("an API destination", () => {
  it("is described, changed, listed and deleted", async () => {
    const arn = await connect("shown");
    const other = await connect("other");
    const ApiDestinationArn = await destination("shown", arn, {
      Description: "d",
      InvocationRateLimitPerSecond: 7,
    });
    expect(ApiDestinationArn).toMatch(/:api-destination\/shown\/[0-9a-f-]{36}$/);
    const shown = () => client.send(new eb.DescribeApiDestinationCommand({ Name: "shown" }));
    expect(await shown()).toMatchObject({
      ...{ ApiDestinationArn, Name: "shown", ConnectionArn: arn, Description: "d", HttpMethod: "POST" },
      ...{ InvocationEndpoint: `${origin}/hook`, InvocationRateLimitPerSecond: 7 },
      ApiDestinationState: "ACTIVE",
    });
    const changed = { ConnectionArn: other, HttpMethod: "PUT" as const, Description: "e" };
    const more = { InvocationEndpoint: `${origin}/new`, InvocationRateLimitPerSecond: 8 };
    await client.send(new eb.UpdateApiDestinationCommand({ Name: "shown", ...changed, ...more }));
    expect(await shown()).toMatchObject({ ...changed, ...more });
    const names = async (input: eb.ListApiDestinationsRequest) =>
      (await client.send(new eb.ListApiDestinationsCommand(input))).ApiDestinations?.map(({ Name }) => Name);
    expect(await names({ ConnectionArn: other })).toEqual(["shown"]);
    expect(await names({ NamePrefix: "sh" })).toEqual(["shown"]);
    expect(await names({ Limit: 1 })).toEqual(["sealed"]);
    await client.send(new eb.DeleteConnectionCommand({ Name: "other" }));
    expect((await shown()).ApiDestinationState).toBe("INACTIVE");
    await client.send(new eb.DeleteApiDestinationCommand({ Name: "shown" }));
    await expect(shown()).rejects.toThrow("Api-destination 'shown' does not exist.");
  });

  it.each<[string, Partial<eb.CreateApiDestinationRequest>, string]>([
    ["of a name that is there", { Name: "sealed" }, "already exists"],
    [
      "of no connection",
      { ConnectionArn: "arn:aws:events:eu-south-1:0:connection/none/1" },
      "does not exist",
    ],
    ["of a file", { InvocationEndpoint: "file:///etc/passwd" }, "InvocationEndpoint"],
    ["with a password in it", { InvocationEndpoint: "http://u:p@h/" }, "InvocationEndpoint"],
    ["at no rate", { InvocationRateLimitPerSecond: 0 }, "greater than or equal to 1"],
  ])("%s is refused", async (_what, given, reason) => {
    const { ConnectionArn = "" } = await describeConnection("shown");
    await expect(destination("bad", ConnectionArn, given)).rejects.toThrow(reason);
  });

  it("gets events as the connection and the target say", async () => {
    const InvocationHttpParameters = {
      HeaderParameters: [{ Key: "x-from", Value: "connection" }],
      QueryStringParameters: [{ Key: "q", Value: "connection" }],
      BodyParameters: [{ Key: "extra", Value: "member" }],
    };
    const ApiKeyAuthParameters = { ApiKeyName: "X-Key", ApiKeyValue: "k" };
    const AuthParameters = { ApiKeyAuthParameters, InvocationHttpParameters };
    const arn = await connect("key", { AuthorizationType: "API_KEY", AuthParameters });
    const InvocationEndpoint = `${origin}/a/*/b/*`;
    await target("key", await destination("key", arn, { InvocationEndpoint, HttpMethod: "PUT" }), {
      InputPath: "$.detail",
      HttpParameters: {
        PathParameterValues: ["x/y?z", "$.detail.n"],
        HeaderParameters: {
          ...{ "X-From": "rule", "x-own": "$.source", "X-Key": "stolen" },
          ...{ host: "elsewhere", "Transfer-Encoding": "chunked", "Content-Length": "1" },
        },
        QueryStringParameters: { q: "rule", r: "1&q=rule" },
      },
    });
    await put("key", '{"n":7}');
    await arrived(1);
    const [{ method, url, headers, body } = expect.fail("It arrived.")] = seen;
    expect([method, url]).toEqual(["PUT", "/a/x%2Fy%3Fz/b/7?q=connection&r=1%26q%3Drule"]);
    expect(headers).toMatchObject({
      ...{ "x-from": "connection", "x-own": "key", "x-key": "k", host: `127.0.0.1:${port}` },
      ...{ "content-type": "application/json; charset=utf-8", "content-length": String(body.length) },
      "user-agent": "Amazon/EventBridge/ApiDestinations",
    });
    expect(headers["transfer-encoding"]).toBeUndefined();
    expect(JSON.parse(body)).toEqual({ n: 7, extra: "member" });
  });

  it.each(["GET", "HEAD", "OPTIONS", "DELETE", "PATCH"] as const)("is called with %s", async (HttpMethod) => {
    const { ConnectionArn = "" } = await describeConnection("shown");
    await target(HttpMethod, await destination(HttpMethod, ConnectionArn, { HttpMethod }));
    await put(HttpMethod);
    await arrived(1);
    expect(seen[0]).toMatchObject({
      method: HttpMethod,
      headers: { authorization: `Basic ${btoa("u:hidden-password")}` },
    });
  });

  it("has a rate that is kept", async () => {
    const { ConnectionArn = "" } = await describeConnection("shown");
    await target("rate", await destination("rate", ConnectionArn, { InvocationRateLimitPerSecond: 2 }));
    await put("rate", "{}", 6);
    const counts: number[] = [];
    for (let second = 0; second < 3; second += 1) {
      await vi.waitFor(async () => {
        await world.settle(10);
        expect(seen.length).toBeGreaterThanOrEqual(2 * (second + 1));
      }, 5_000);
      counts.push(seen.length);
      await world.settle(1_000);
    }
    expect(Math.max(...counts.map((count, index) => count - 2 * (index + 2)))).toBeLessThanOrEqual(0);
    await arrived(6);
  });
});

describe("an endpoint", () => {
  /** The messages of a dead-letter queue. */
  const queue = async (QueueName: string) => {
    const queues = new sqs.SQSClient(api.client());
    const Arn = `arn:aws:sqs:${REGION}:${ACCOUNT}:${QueueName}`;
    const statement = {
      ...{ Effect: "Allow", Principal: { Service: "events.amazonaws.com" } },
      ...{ Action: "sqs:SendMessage", Resource: Arn },
    };
    const Policy = JSON.stringify({ Version: "2012-10-17", Statement: [statement] });
    await queues.send(new sqs.CreateQueueCommand({ QueueName, Attributes: { Policy } }));
    const read = async () => {
      const QueueUrl = `/${ACCOUNT}/${QueueName}`;
      const command = new sqs.ReceiveMessageCommand({ QueueUrl, MessageAttributeNames: ["All"] });
      const { Messages = [] } = await queues.send(command);
      return Messages.map(({ MessageAttributes: all = {} }) => [
        all["ERROR_CODE"]?.StringValue,
        all["ERROR_MESSAGE"]?.StringValue,
      ]);
    };
    return { DeadLetterConfig: { Arn }, read };
  };

  it("that fails for a time is called again; what it redirects to is not called", async () => {
    const { ConnectionArn = "" } = await describeConnection("shown");
    const { DeadLetterConfig, read } = await queue("redirected");
    await target("retried", await destination("retried", ConnectionArn), { DeadLetterConfig });
    answer([{ status: 503 }, { status: 429 }]);
    await put("retried");
    await vi.waitFor(async () => {
      await world.settle(5_000);
      expect(seen).toHaveLength(3);
    }, 5_000);
    await over();
    answer([{ status: 302, headers: { location: `${origin}/elsewhere` } }]);
    await put("retried");
    await over();
    expect(seen).toHaveLength(4);
    expect(await read()).toEqual([["ERROR_FROM_TARGET", "The endpoint answered 302."]]);
  });

  it.each([
    ["metadata", "http://169.254.169.254/latest/meta-data"],
    ["mapped", "http://[::ffff:169.254.169.254]/"],
    ["platform", "http://100.64.0.1/"],
    ["decimal", "http://2852039166/"],
  ])("at an address of the machine or the platform is not called: %s", async (name, InvocationEndpoint) => {
    const { ConnectionArn = "" } = await describeConnection("shown");
    const { DeadLetterConfig, read } = await queue(name);
    let arn = "";
    try {
      arn = await destination(name, ConnectionArn, { InvocationEndpoint });
    } catch (thrown) {
      expect(String(thrown)).toContain("invocationEndpoint");
      return;
    }
    await target(name, arn, { DeadLetterConfig });
    await put(name);
    await over();
    expect(await read()).toEqual([["INVALID_PARAMETER", "The endpoint has no allowed address."]]);
  });

  it("is not left by a path that an event names, nor by a header that ends itself", async () => {
    const { ConnectionArn = "" } = await describeConnection("shown");
    const InvocationEndpoint = `${origin}/tenant/*/only`;
    const { DeadLetterConfig, read } = await queue("paths");
    await target("paths", await destination("paths", ConnectionArn, { InvocationEndpoint }), {
      ...{ DeadLetterConfig },
      HttpParameters: {
        PathParameterValues: ["$.detail.path"],
        HeaderParameters: { "x-h": "$.detail.header" },
      },
    });
    for (const detail of [{ path: ".." }, { path: "." }, { path: "a", header: "b\r\nx-evil: 1" }]) {
      await put("paths", JSON.stringify(detail));
      await over();
      expect((await read())[0]?.[0]).toBe("INVALID_PARAMETER");
    }
    expect(seen).toEqual([]);
  });

  it("is called by a role that may, of the destination's account", async () => {
    const { ConnectionArn = "" } = await describeConnection("shown");
    const { DeadLetterConfig, read } = await queue("unauthorized");
    const Arn = await destination("role", ConnectionArn);
    const powerless = await world.role("powerless", []);
    await target("role", Arn, { RoleArn: powerless, DeadLetterConfig });
    await put("role");
    await over();
    expect([seen, (await read())[0]?.[0]]).toEqual([[], "NO_PERMISSIONS"]);
    await expect(target("role", Arn, { RoleArn: undefined as never })).rejects.toThrow("RoleArn is required");
    await expect(target("role", Arn.replace(ACCOUNT, "111111111111"))).rejects.toThrow("another account");
    const log = `arn:aws:logs:${REGION}:${ACCOUNT}:log-group:g`;
    await expect(target("role", log, { HttpParameters: {}, RoleArn: undefined as never })).rejects.toThrow(
      "HttpParameters",
    );
  });

  it("of another account's connection is not created, and a connection of another is not read", async () => {
    const other = new eb.EventBridgeClient(api.client(OTHER));
    const { ConnectionArn = "" } = await describeConnection("shown");
    const input = { Name: "theft", ConnectionArn, InvocationEndpoint: origin, HttpMethod: "POST" as const };
    await expect(other.send(new eb.CreateApiDestinationCommand(input))).rejects.toThrow(
      /not authorized|does not exist/,
    );
    await expect(other.send(new eb.DescribeConnectionCommand({ Name: "shown" }))).rejects.toThrow(
      "does not exist",
    );
  });
});
