import * as acm from "@aws-sdk/client-acm";
import * as elbv2 from "@aws-sdk/client-elastic-load-balancing-v2";
import { balancersAssignment } from "@gantry/controllers/node/balancers-assignment";
import { newVault } from "@gantry/kernel";
import fc from "fast-check";
import { afterAll, beforeAll, expect, it } from "vitest";
import { openLoadBalancer } from "./load-balancers.ts";
import { openRealProxy } from "./real-proxy.ts";

const SEED = 20_261_127;
const RULES = 300;

const { api, elb, newBalancer, newGroup, newListener, subnetCidr } = await openLoadBalancer();
let proxy: Awaited<ReturnType<typeof openRealProxy>>;
beforeAll(async () => (proxy = await openRealProxy()));
afterAll(async () => {
  api.close();
  await proxy.close();
});

/** Signs that mean something to the proxy, to its quotes, to its formats and to XML; most are refused somewhere. */
const nasty = fc
  .array(
    fc.constantFrom(
      ...'"\\ \t\n\r\u0000\u007fé',
      "%[",
      "%{+Q}o",
      "${PATH}",
      "#{host}",
      "\n  http-request deny\n",
    ),
    { minLength: 1, maxLength: 4 },
  )
  .map((parts) => parts.join(""));
/** Nearly always made of characters that the API permits in that place, in any order. */
const madeOf = (characters: string) =>
  fc.oneof(
    {
      weight: 30,
      arbitrary: fc
        .array(fc.constantFrom(...characters), { minLength: 1, maxLength: 12 })
        .map((parts) => parts.join("")),
    },
    { weight: 1, arbitrary: nasty },
  );
const PRINTABLE = Array.from({ length: 95 }, (_, index) => String.fromCharCode(32 + index)).join("");
const text = madeOf(PRINTABLE);
const some = <T>(each: fc.Arbitrary<T>) => fc.array(each, { minLength: 1, maxLength: 2 });
const cidr = fc.oneof(
  fc
    .tuple(fc.nat(257), fc.nat(257), fc.nat(257), fc.nat(257), fc.nat(34))
    .map(([a, b, c, d, prefix]) => `${a}.${b}.${c}.${d}/${prefix}`),
  fc
    .tuple(fc.constantFrom("::1", "2001:db8::", "::", "fe80::1%1", "::ffff:1.2.3.4", ":::"), fc.nat(130))
    .map((parts) => parts.join("/")),
);
const condition: fc.Arbitrary<elbv2.RuleCondition> = fc.oneof(
  some(madeOf("aZ09.*?_-")).map((Values) => ({ Field: "host-header", Values })),
  some(madeOf("aZ09_-.$/~\"'@:+&*?%,;=()!#")).map((Values) => ({ Field: "path-pattern", Values })),
  some(madeOf("AZ_-")).map((Values) => ({
    Field: "http-request-method",
    HttpRequestMethodConfig: { Values },
  })),
  some(cidr).map((Values) => ({ Field: "source-ip", SourceIpConfig: { Values } })),
  fc.tuple(madeOf("aZ09!#$%&'*+.^_`|~-"), some(text)).map(([HttpHeaderName, Values]) => ({
    Field: "http-header",
    HttpHeaderConfig: { HttpHeaderName, Values },
  })),
  some(fc.record({ Key: fc.option(text, { nil: undefined }), Value: text })).map((Values) => ({
    Field: "query-string",
    QueryStringConfig: { Values },
  })),
);
const action = (group: string): fc.Arbitrary<elbv2.Action> =>
  fc.oneof(
    fc.record({ Type: fc.constant("forward" as const), TargetGroupArn: fc.constant(group) }),
    fc
      .record({
        StatusCode: fc.constantFrom("200", "299", "404", "499", "500", "599", "100", "x"),
        ContentType: fc.constantFrom("text/plain", "text/html", "application/json", "x'y"),
        MessageBody: text,
      })
      .map((FixedResponseConfig) => ({ Type: "fixed-response" as const, FixedResponseConfig })),
    fc
      .record({
        StatusCode: fc.constantFrom("HTTP_301" as const, "HTTP_302" as const),
        Protocol: fc.constantFrom("HTTP", "HTTPS", "#{protocol}"),
        Host: fc.oneof(madeOf("aZ09._-"), fc.constantFrom("#{host}", "www.#{host}")),
        Port: fc.constantFrom("#{port}", "1", "65535", "65536", "x"),
        Path: fc.oneof(
          text.map((part) => `/${part}`),
          fc.constant("/#{host}/#{path}"),
        ),
        Query: fc.oneof(text, fc.constant("#{query}&x=#{protocol}")),
      })
      .map((RedirectConfig) => ({ Type: "redirect" as const, RedirectConfig })),
  );

/** Whether a request was accepted; any refusal that is no fault of the service will do. */
async function isAccepted(request: Promise<unknown>): Promise<boolean> {
  try {
    await request;
    return true;
  } catch (thrown) {
    expect(thrown).toMatchObject({ $fault: "client" });
    return false;
  }
}

// Before: header names with `#` or `'`, the method `-----` and blocks such as `1.2.3.4/33` were accepted and could not
// be loaded.
it("the proxy loads everything that the API accepts", async () => {
  const arbitrary = fc.record({
    conditions: fc.array(condition, { minLength: 1, maxLength: 2 }),
    action: action(await newGroup("fuzzed-0")),
  });
  const listeners: string[] = [];
  for (let index = 0; index < 3; index += 1)
    listeners.push(await newListener(await newBalancer(`fuzzed-${index}`)));
  const [first = ""] = listeners;
  let accepted = 0;
  for (const [index, sample] of fc.sample(arbitrary, { numRuns: RULES, seed: SEED }).entries()) {
    const ListenerArn = sample.action.Type === "forward" ? first : listeners[index % listeners.length];
    const isTaken = await isAccepted(
      elb.send(
        new elbv2.CreateRuleCommand({
          ListenerArn,
          Priority: index + 1,
          Conditions: sample.conditions,
          Actions: [sample.action],
        }),
      ),
    );
    accepted += isTaken ? 1 : 0;
  }
  expect(accepted).toBeGreaterThan(100);
  await elb.send(
    new elbv2.RegisterTargetsCommand({
      TargetGroupArn: (await elb.send(new elbv2.DescribeTargetGroupsCommand({ Names: ["fuzzed-0"] })))
        .TargetGroups?.[0]?.TargetGroupArn,
      Targets: [{ Id: subnetCidr.replace(/0\/\d+$/, "9") }],
    }),
  );
  const { CertificateArn } = await new acm.ACMClient(api.client()).send(
    new acm.RequestCertificateCommand({
      DomainName: "*.example.org",
      SubjectAlternativeNames: ["a.example.com"],
    }),
  );
  await newListener(await newBalancer("fuzzed-tls"), {
    Protocol: "HTTPS",
    Port: 443,
    Certificates: [{ CertificateArn }],
  });
  const node = { id: "n", hostname: "n", cpu: 1_024, memoryMiB: 1_024, registeredAt: 0, agentPid: 1 };
  api.store.transact((tx) => tx.put("node", node.id, node));
  const assignment = balancersAssignment(api.store, newVault(Buffer.alloc(32, 7)), node.id);
  const vpcId = assignment.balancers[0]?.vpcId ?? "";
  const configuration = await proxy.acceptance.accept(assignment, {
    folder: proxy.folder,
    namespaces: new Set([vpcId]),
    connectionsMax: 100,
    hostPortOf: (_, listener) => listener.port,
  });
  expect(proxy.acceptance.leftOutOf(assignment)).toEqual([]);
  expect(configuration.text).not.toMatch(/^ {2}http-request deny$/m);
});
