import * as elbv2 from "@aws-sdk/client-elastic-load-balancing-v2";
import { afterAll, describe, expect, it } from "vitest";
import { fixed, openLoadBalancer } from "../../../test/attacks/load-balancers.ts";

const { api, elb, newBalancer, newListener, vpcId } = await openLoadBalancer();
const listener = await newListener(await newBalancer("rewriting"));
afterAll(() => api.close());

let priority = 0;
const addRule = async (
  Conditions: elbv2.RuleCondition[],
  Transforms?: elbv2.RuleTransform[],
): Promise<elbv2.Rule> => {
  priority += 1;
  const { Rules = [] } = await elb.send(
    new elbv2.CreateRuleCommand({
      ListenerArn: listener,
      Priority: priority,
      Conditions,
      Actions: [fixed("x")],
      Transforms,
    }),
  );
  return Rules[0] ?? {};
};
const path: elbv2.RuleCondition = { Field: "path-pattern", Values: ["/x"] };
const url = (Regex: string, Replace: string): elbv2.RuleTransform => ({
  Type: "url-rewrite",
  UrlRewriteConfig: { Rewrites: [{ Regex, Replace }] },
});
const host = (Regex: string, Replace: string): elbv2.RuleTransform => ({
  Type: "host-header-rewrite",
  HostHeaderRewriteConfig: { Rewrites: [{ Regex, Replace }] },
});

describe("a rule's transforms", () => {
  it("are kept, replaced and reset", async () => {
    const both = [url("^/dp/([A-Z0-9]+)$", "/product?id=$1"), host("^old", "new")];
    const rule = await addRule([path], both);
    expect(rule.Transforms).toEqual(both);
    const modify = async (more: Partial<elbv2.ModifyRuleCommandInput>) =>
      (await elb.send(new elbv2.ModifyRuleCommand({ RuleArn: rule.RuleArn, ...more }))).Rules?.[0]
        ?.Transforms;
    expect(await modify({ Conditions: [path] })).toEqual(both);
    expect(await modify({ Transforms: [host("a", "b")] })).toEqual([host("a", "b")]);
    await expect(modify({ Transforms: both, ResetTransforms: true })).rejects.toThrow(/ResetTransforms/);
    expect(await modify({ ResetTransforms: true })).toEqual([]);
  });

  it.each([
    ["two of a type", [url("a", "b"), url("c", "d")]],
    ["an open group", [url("(a", "b")]],
    ["a group that closes the proxy's own", [url("a)|(b", "c")]],
    ["a verb of PCRE", [url("(*ACCEPT)a", "b")]],
    ["recursion", [url("(a(?R)?)", "b")]],
    ["seven groups", [url("(a)(b)(c)(d)(e)(f)(g)", "$7")]],
    ["a line's end", [url("a", "b\nc")]],
    ["a blank in a URL", [url("a", "b c")]],
    ["a path in a host", [host("a", "b/c")]],
    ["no rewrite", [{ Type: "url-rewrite" as const }]],
  ])("are refused with %s", async (_, transforms) => {
    await expect(addRule([path], transforms)).rejects.toMatchObject({ name: "ValidationError" });
  });
});

it("keeps conditions with regular expressions, and refuses them beside values and beyond five", async () => {
  const RegexValues = ["^/v[0-9]+/"];
  const given: elbv2.RuleCondition[] = [
    { Field: "path-pattern", RegexValues, PathPatternConfig: { RegexValues } },
    { Field: "http-header", HttpHeaderConfig: { HttpHeaderName: "X-A", RegexValues: ["a|b"] } },
  ];
  expect((await addRule(given)).Conditions).toEqual(given);
  const refused = (condition: elbv2.RuleCondition) =>
    expect(addRule([condition])).rejects.toMatchObject({ name: "ValidationError" });
  await refused({ Field: "path-pattern", RegexValues, Values: ["/x"] });
  await refused({ Field: "path-pattern", RegexValues: Array.from({ length: 6 }, () => "a") });
  await refused({ Field: "host-header", HostHeaderConfig: { RegexValues: ["a".repeat(129)] } });
});

describe("a target group's protocol version", () => {
  const create = async (Name: string, more: Partial<elbv2.CreateTargetGroupCommandInput>) => {
    const fixedMembers = { Name, Protocol: "HTTP", Port: 80, TargetType: "ip", VpcId: vpcId } as const;
    const { TargetGroups = [] } = await elb.send(
      new elbv2.CreateTargetGroupCommand({ ...fixedMembers, ...more }),
    );
    return TargetGroups[0] ?? {};
  };

  it("is kept, with the health check of gRPC where it is GRPC", async () => {
    expect(await create("h2", { ProtocolVersion: "HTTP2" })).toMatchObject({
      ProtocolVersion: "HTTP2",
      Matcher: { HttpCode: "200" },
    });
    const group = await create("grpc", { ProtocolVersion: "GRPC" });
    expect(group).toMatchObject({
      ProtocolVersion: "GRPC",
      HealthCheckPath: "/AWS.ALB/healthcheck",
      Matcher: { GrpcCode: "12" },
    });
    const modify = (Matcher: elbv2.Matcher) =>
      elb.send(new elbv2.ModifyTargetGroupCommand({ TargetGroupArn: group.TargetGroupArn, Matcher }));
    expect((await modify({ GrpcCode: "0-5,12" })).TargetGroups?.[0]?.Matcher).toEqual({ GrpcCode: "0-5,12" });
    for (const matcher of [{ HttpCode: "200" }, { GrpcCode: "100" }, { GrpcCode: "5-1" }, { GrpcCode: "x" }])
      await expect(modify(matcher)).rejects.toMatchObject({ name: "ValidationError" });
  });

  it("is refused if it is unknown, as is GrpcCode without GRPC", async () => {
    const version = "HTTP3" as elbv2.CreateTargetGroupCommandInput["ProtocolVersion"];
    const refused = { name: "ValidationError" };
    await expect(create("h3", { ProtocolVersion: version })).rejects.toMatchObject(refused);
    await expect(create("mixed", { Matcher: { GrpcCode: "0" } })).rejects.toMatchObject(refused);
  });
});
