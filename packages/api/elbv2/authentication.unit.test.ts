import { ACMClient, RequestCertificateCommand } from "@aws-sdk/client-acm";
import { DescribeSubnetsCommand, EC2Client } from "@aws-sdk/client-ec2";
import * as elb from "@aws-sdk/client-elastic-load-balancing-v2";
import { startApi } from "@gantry/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const api = await startApi();
afterAll(() => api.close());
const client = new elb.ElasticLoadBalancingV2Client(api.client());
const SECRET = "a-client-secret-4711";
const CONFIG: elb.AuthenticateOidcActionConfig = {
  Issuer: "https://issuer.example.com",
  AuthorizationEndpoint: "https://issuer.example.com/authorize",
  TokenEndpoint: "https://issuer.example.com/token",
  UserInfoEndpoint: "https://issuer.example.com/userinfo",
  ClientId: "client",
  ClientSecret: SECRET,
};
const FIXED: elb.Action = { Type: "fixed-response", Order: 2, FixedResponseConfig: { StatusCode: "200" } };
const authenticate = (more: Partial<elb.AuthenticateOidcActionConfig> = {}): elb.Action => ({
  Type: "authenticate-oidc",
  Order: 1,
  AuthenticateOidcConfig: { ...CONFIG, ...more },
});
const listeners: Record<string, string | undefined> = {};
let onBalancer: Pick<elb.CreateListenerCommandInput, "LoadBalancerArn" | "Protocol" | "Certificates">;
let port = 8_443;

beforeAll(async () => {
  const certificate = new RequestCertificateCommand({ DomainName: "a.example.com" });
  const { CertificateArn } = await new ACMClient(api.client()).send(certificate);
  const { Subnets = [] } = await new EC2Client(api.client()).send(new DescribeSubnetsCommand({}));
  const subnets = Subnets.slice(0, 2).map((subnet) => subnet.SubnetId ?? "");
  const { LoadBalancers = [] } = await client.send(
    new elb.CreateLoadBalancerCommand({ Name: "a", Subnets: subnets }),
  );
  const { LoadBalancerArn } = LoadBalancers[0] ?? {};
  onBalancer = { LoadBalancerArn, Protocol: "HTTPS", Certificates: [{ CertificateArn }] };
  for (const Protocol of ["HTTP", "HTTPS"] as const) {
    const { Listeners = [] } = await client.send(
      new elb.CreateListenerCommand({
        LoadBalancerArn,
        Protocol,
        Port: Protocol === "HTTP" ? 80 : 443,
        ...(Protocol === "HTTP" ? {} : { Certificates: [{ CertificateArn }] }),
        DefaultActions: [FIXED],
      }),
    );
    listeners[Protocol] = Listeners[0]?.ListenerArn;
  }
});

let priority = 0;
const create = (Actions: elb.Action[], protocol: "HTTP" | "HTTPS" = "HTTPS") =>
  client.send(
    new elb.CreateRuleCommand({
      ListenerArn: listeners[protocol],
      Priority: (priority += 1),
      Conditions: [{ Field: "path-pattern", Values: ["/a"] }],
      Actions,
    }),
  );

it("keeps an authentication with its defaults, shows no secret, and keeps the secret when told to", async () => {
  const { Rules: [rule] = [] } = await create([authenticate(), FIXED]);
  expect(rule?.Actions?.map(({ Type }) => Type)).toEqual(["authenticate-oidc", "fixed-response"]);
  const { ClientSecret: _secret, ...shown } = CONFIG;
  expect(rule?.Actions?.[0]?.AuthenticateOidcConfig).toEqual({
    ...shown,
    SessionCookieName: "AWSELBAuthSessionCookie",
    Scope: "openid",
    SessionTimeout: 604_800,
    AuthenticationRequestExtraParams: {},
    OnUnauthenticatedRequest: "authenticate",
  });
  const { ClientSecret: _again, ...kept } = { ...CONFIG, UseExistingClientSecret: true, SessionTimeout: 60 };
  const before = authenticationIn(rule?.RuleArn);
  const actions = [{ ...authenticate(), AuthenticateOidcConfig: kept }, FIXED];
  await client.send(new elb.ModifyRuleCommand({ RuleArn: rule?.RuleArn, Actions: actions }));
  const after = authenticationIn(rule?.RuleArn);
  expect(after).toEqual({ ...before, sessionTimeoutSeconds: 60 });
  expect(JSON.stringify(after)).not.toContain(SECRET);
});

function authenticationIn(ruleArn: string | undefined) {
  return api.store.get("rule", ruleArn)?.actions[0];
}

it("takes an authentication as a listener's default action", async () => {
  const { Listeners = [] } = await client.send(
    new elb.ModifyListenerCommand({
      ListenerArn: listeners["HTTPS"],
      DefaultActions: [authenticate({ OnUnauthenticatedRequest: "deny" }), FIXED],
    }),
  );
  expect(Listeners[0]?.DefaultActions?.[0]?.AuthenticateOidcConfig?.OnUnauthenticatedRequest).toBe("deny");
});

/** Every setting of an authentication that is not an address or a credential. */
const settings = (OnUnauthenticatedRequest: elb.AuthenticateOidcActionConditionalBehaviorEnum) => ({
  SessionCookieName: `session-${OnUnauthenticatedRequest}`,
  Scope: `openid ${OnUnauthenticatedRequest}`,
  SessionTimeout: 60 + OnUnauthenticatedRequest.length,
  AuthenticationRequestExtraParams: { prompt: OnUnauthenticatedRequest },
  OnUnauthenticatedRequest,
});

describe.each(["authenticate", "allow", "deny"] as const)("all settings, with %s,", (behavior) => {
  const { ClientSecret: _secret, ...addresses } = CONFIG;
  const all = { ...addresses, ...settings(behavior) };
  const created = [authenticate({ ...settings(behavior), UseExistingClientSecret: false }), FIXED];
  const keeping = [
    { ...authenticate(), AuthenticateOidcConfig: { ...all, UseExistingClientSecret: true } },
    FIXED,
  ];
  const configOf = (actions: elb.Action[] | undefined) => actions?.[0]?.AuthenticateOidcConfig;

  it("are those of a listener that is created, and of one that is modified", async () => {
    const { Listeners: [listener] = [] } = await client.send(
      new elb.CreateListenerCommand({ ...onBalancer, Port: (port += 1), DefaultActions: created }),
    );
    expect(configOf(listener?.DefaultActions)).toEqual(all);
    const modify = async (DefaultActions: elb.Action[]) => {
      const command = new elb.ModifyListenerCommand({ ListenerArn: listener?.ListenerArn, DefaultActions });
      return configOf((await client.send(command)).Listeners?.[0]?.DefaultActions);
    };
    expect(await modify([authenticate(), FIXED])).toMatchObject({ Scope: "openid" });
    expect(await modify(created)).toEqual(all);
    const secret = () => api.store.get("listener", listener?.ListenerArn)?.defaultActions[0];
    const before = secret();
    expect(await modify(keeping)).toEqual(all);
    expect(secret()).toEqual(before);
  });

  it("are those of a rule that is created, and of one that is modified", async () => {
    const { Rules: [rule] = [] } = await create(created);
    expect(configOf(rule?.Actions)).toEqual(all);
    const modify = async (Actions: elb.Action[]) => {
      const command = new elb.ModifyRuleCommand({ RuleArn: rule?.RuleArn, Actions });
      return configOf((await client.send(command)).Rules?.[0]?.Actions);
    };
    expect(await modify([authenticate(), FIXED])).toMatchObject({ Scope: "openid" });
    expect(await modify(created)).toEqual(all);
    const before = authenticationIn(rule?.RuleArn);
    expect(await modify(keeping)).toEqual(all);
    expect(authenticationIn(rule?.RuleArn)).toEqual(before);
  });

  it("need a client secret of their own when they are created", async () => {
    const listener = new elb.CreateListenerCommand({
      ...onBalancer,
      Port: (port += 1),
      DefaultActions: keeping,
    });
    await expect(client.send(listener)).rejects.toThrow(/UseExistingClientSecret/);
    await expect(create(keeping)).rejects.toThrow(/UseExistingClientSecret/);
  });
});

it("refuses what AWS refuses, and Cognito by name", async () => {
  const cases: [elb.Action[], RegExp, ("HTTP" | "HTTPS")?][] = [
    [[authenticate(), FIXED], /supported only on HTTPS listeners/, "HTTP"],
    [[authenticate()], /The last action must be of type/],
    [[FIXED, { ...FIXED, Order: 3 }], /only one action of type/],
    [[authenticate(), { ...authenticate(), Order: 1 }, FIXED], /only one authenticate action/],
    [
      [authenticate({ TokenEndpoint: "http://issuer.example.com/token" }), FIXED],
      /TokenEndpoint .* HTTPS URL/,
    ],
    [[authenticate({ ClientSecret: undefined }), FIXED], /A client secret must be specified/],
    [[authenticate({ UseExistingClientSecret: true }), FIXED], /cannot specify a client secret/],
    [[authenticate({ SessionTimeout: 604_801 }), FIXED], /must be between 1 and 604800/],
    [[authenticate({ Scope: "email" }), FIXED], /must include 'openid'/],
    [[authenticate({ AuthenticationRequestExtraParams: { state: "x" } }), FIXED], /set by the load balancer/],
    [[authenticate({ SessionCookieName: "a=b;" }), FIXED], /Session cookie name/],
    [[{ Type: "authenticate-cognito", Order: 1 }, FIXED], /no Cognito user pools/],
  ];
  for (const [actions, message, protocol] of cases)
    await expect(create(actions, protocol)).rejects.toThrow(message);
});
