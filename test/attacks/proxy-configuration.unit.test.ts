import * as elbv2 from "@aws-sdk/client-elastic-load-balancing-v2";
import { afterAll, describe, expect, it } from "vitest";
import { fixed, openLoadBalancer } from "./load-balancers.ts";

const { api, elb, newBalancer, newGroup, newListener } = await openLoadBalancer();
const balancer = await newBalancer("attacked");
const listener = await newListener(balancer);
const group = await newGroup("attacked");
afterAll(() => api.close());

let priority = 0;
const addRule = (Conditions: elbv2.RuleCondition[], action: elbv2.Action = fixed("x")) => {
  priority += 1;
  return elb.send(
    new elbv2.CreateRuleCommand({
      ListenerArn: listener,
      Priority: priority,
      Conditions,
      Actions: [action],
    }),
  );
};
const path: elbv2.RuleCondition = { Field: "path-pattern", Values: ["/x"] };
const source = (...Values: string[]): elbv2.RuleCondition => ({
  Field: "source-ip",
  SourceIpConfig: { Values },
});
const redirect = (RedirectConfig: Partial<elbv2.RedirectActionConfig>): elbv2.Action => ({
  Type: "redirect",
  RedirectConfig: { StatusCode: "HTTP_301", ...RedirectConfig },
});

describe("a condition that the proxy cannot load is refused", () => {
  // Before: accepted, and no load balancer of the node changed any more: with a rule on `1.2.3.4/33`,
  // `999.999.999.999/99`, the method `-----` or a header `x'y` or `x#y`, a rule made after it did not answer
  // until the bad one was deleted.
  it.each([
    "1.2.3.4/33",
    "999.999.999.999/99",
    "1.2.3.4",
    "::1/129",
    "fe80::1%eth0/64",
    "010.0.0.1/8",
    "1.2.3.4/8/8",
  ])("source-ip %s", async (value) => {
    await expect(addRule([source(value)])).rejects.toMatchObject({
      name: "ValidationError",
      message: `Condition value '${value}' must be in CIDR format`,
    });
  });

  it("with six values, in ELB's words", async () => {
    await expect(
      addRule([{ Field: "path-pattern", Values: ["/1", "/2", "/3", "/4", "/5", "/6"] }]),
    ).rejects.toMatchObject({
      name: "ValidationError",
      message: "A rule can only have '5' condition values",
    });
  });

  it("on the Host header, or without a value", async () => {
    const header = (HttpHeaderName: string): elbv2.RuleCondition => ({
      Field: "http-header",
      HttpHeaderConfig: { HttpHeaderName, Values: ["x"] },
    });
    for (const name of ["Host", "a b", 'a"b', "a\nb", "a(b"])
      await expect(addRule([header(name)])).rejects.toMatchObject({ name: "ValidationError" });
    await expect(
      addRule([{ Field: "query-string", QueryStringConfig: { Values: [] } }]),
    ).rejects.toMatchObject({ name: "ValidationError" });
  });
});

describe("an action is refused", () => {
  // Before: accepted; the answers of CreateRule and DescribeRules were no XML any more, and the AWS CLI failed on them.
  it.each(["\u0000", "\u0008", "\u001b[2J", "\u007f", "\ufffe"])(
    "whose body holds the control character %j",
    async (character) => {
      await expect(addRule([path], fixed(`a${character}b`))).rejects.toMatchObject({
        name: "ValidationError",
      });
    },
  );

  it("that redirects to itself", async () => {
    for (const config of [
      {},
      { Query: "a=b" },
      { Port: "80" },
      { Protocol: "HTTP", Port: "80", Host: "#{host}", Path: "/#{path}" },
    ])
      await expect(addRule([path], redirect(config))).rejects.toMatchObject({
        name: "InvalidLoadBalancerActionException",
        message: "The redirect configuration is not valid because it creates a loop.",
      });
  });

  it("with an unknown, misplaced, repeated or unclosed placeholder", async () => {
    for (const config of [
      { Path: "/#{user}" },
      { Path: "/#{path}/#{path}" },
      { Path: "/#{path" },
      { Path: "/#{query}" },
      { Path: "elsewhere" },
      { Host: "#{path}.example.org" },
      { Host: "a b" },
      { Host: 'a"b' },
      { Query: "?a=b" },
      { Query: "#{}" },
    ])
      await expect(addRule([path], redirect({ Protocol: "HTTPS", ...config }))).rejects.toMatchObject({
        name: "InvalidLoadBalancerActionException",
      });
    for (const Port of ["0", "65536", "99999", "80x", "#{host}"])
      await expect(addRule([path], redirect({ Port }))).rejects.toMatchObject({ name: "ValidationError" });
    await addRule([path], redirect({ Protocol: "HTTPS", Port: "443", Query: "q=1&#{query}" }));
  });
});

describe("an attribute out of range is refused", () => {
  // Before: `abc` became the proxy's timeout, which it could not read.
  const cases: [string, readonly string[], readonly string[]][] = [
    ["idle_timeout.timeout_seconds", ["0", "4001", "abc", "", "1e3", "60 "], ["1", "4000"]],
    ["client_keep_alive.seconds", ["59", "604801", "NaN"], ["60", "604800"]],
    ["deletion_protection.enabled", ["yes"], ["false"]],
    ["routing.http2.enabled", ["no"], ["false"]],
    ["routing.http.drop_invalid_header_fields.enabled", ["1"], ["true"]],
    ["routing.http.xff_header_processing.mode", ["add"], ["preserve", "remove", "append"]],
    ["routing.http.desync_mitigation_mode", ["off"], ["strictest"]],
  ];
  it.each(cases)("of a load balancer: %s", async (Key, wrong, right) => {
    const set = (Value: string) =>
      elb.send(
        new elbv2.ModifyLoadBalancerAttributesCommand({
          LoadBalancerArn: balancer,
          Attributes: [{ Key, Value }],
        }),
      );
    for (const value of wrong) await expect(set(value)).rejects.toMatchObject({ name: "ValidationError" });
    for (const value of right) await set(value);
  });

  it.each<[string, readonly string[], readonly string[]]>([
    ["deregistration_delay.timeout_seconds", ["-1", "3601", "abc"], ["0", "3600"]],
    ["slow_start.duration_seconds", ["1", "29", "901"], ["0", "30", "900"]],
    ["stickiness.lb_cookie.duration_seconds", ["0", "604801"], ["1"]],
    ["load_balancing.algorithm.type", ["best"], ["least_outstanding_requests"]],
    ["constructor", ["x"], []],
  ])("of a target group: %s", async (Key, wrong, right) => {
    const set = (Value: string) =>
      elb.send(
        new elbv2.ModifyTargetGroupAttributesCommand({ TargetGroupArn: group, Attributes: [{ Key, Value }] }),
      );
    for (const value of wrong) await expect(set(value)).rejects.toMatchObject({ name: "ValidationError" });
    for (const value of right) await set(value);
  });
});

it("has at most a hundred rules, however many are added at once", async () => {
  const own = await newListener(balancer, { Port: 81 });
  const { Rules = [] } = await elb.send(new elbv2.DescribeRulesCommand({ ListenerArn: listener }));
  const free = 100 - (Rules.length - 1);
  const results = await Promise.allSettled(
    Array.from({ length: free + 10 }, (_, index) =>
      elb.send(
        new elbv2.CreateRuleCommand({
          ListenerArn: own,
          Priority: index + 1,
          Conditions: [path],
          Actions: [fixed("x")],
        }),
      ),
    ),
  );
  const refused = results.filter((result) => result.status === "rejected");
  expect(refused).toHaveLength(10);
  for (const { reason } of refused) expect(reason).toMatchObject({ name: "TooManyRulesException" });
});
