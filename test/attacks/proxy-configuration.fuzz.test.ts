import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { renderProxy } from "@gantry/agent/haproxy/render";
import type {
  BalancerAction,
  BalancerCondition,
  BalancersAssignment,
  BalancerTransform,
} from "@gantry/agent-protocol";
import { ensureAgentImage } from "@gantry/cli/platform";
import { Progress } from "@gantry/cli/progress";
import { run } from "@gantry/cli/run";
import { ensureInstance } from "@gantry/control-plane";
import { SystemClock } from "@gantry/kernel";
import fc from "fast-check";
import { expect, it } from "vitest";

const COUNT = 120;
const SEED = 20_261_125;
const GROUP = "arn:aws:elasticloadbalancing:eu-south-1:000000000000:targetgroup/g/1";

/** What people, and those who mean harm, write into rules: the signs that mean something to a proxy, and any others. */
const text = fc.oneof(
  fc.string({ maxLength: 60 }),
  fc
    .array(
      fc.constantFrom(
        "'",
        '"',
        "\\",
        "\n",
        "\r",
        " ",
        "#",
        "$",
        "%[",
        "]",
        "{",
        "}",
        "*",
        "?",
        "(",
        ")",
        "|",
        "\t",
        "\u0000",
        "é",
        "backend x",
        "\n  http-request deny\n",
        "%{+Q}o",
        "${PATH}",
      ),
      {
        maxLength: 8,
      },
    )
    .map((parts) => parts.join("")),
);
const action: fc.Arbitrary<BalancerAction> = fc.oneof(
  fc.constant({
    type: "forward",
    targets: [{ targetGroupArn: GROUP, weight: 1 }],
    stickySeconds: undefined,
  } as const),
  fc.record({
    type: fc.constant("fixed-response" as const),
    statusCode: fc.constantFrom(200, 404, 503),
    contentType: fc.constantFrom("text/plain", "text/html"),
    body: text,
  }),
  fc.record({
    type: fc.constant("redirect" as const),
    statusCode: fc.constantFrom(301 as const, 302 as const),
    protocol: fc.constantFrom("HTTP", "HTTPS", "#{protocol}"),
    host: fc.oneof(fc.constant("#{host}"), text),
    port: fc.constantFrom("80", "443", "#{port}"),
    path: fc.oneof(
      fc.constant("/#{path}"),
      text.map((part) => `/${part}`),
    ),
    query: fc.oneof(fc.constant("#{query}"), text),
  }),
);
const values = fc.array(text, { minLength: 1, maxLength: 3 });
/** Any text as an expression that matches it: the API refuses those that cannot be parsed. */
const regex = text.map((each) => `(${each.replaceAll(/[^A-Za-z0-9 ]/g, "\\$&")})`);
const transform: fc.Arbitrary<BalancerTransform> = fc.record({
  type: fc.constantFrom("host-header-rewrite" as const, "url-rewrite" as const),
  regex,
  replace: fc.oneof(text, fc.constantFrom("$1", "\\1", "$9", "%[src]", "\\")),
});
const condition: fc.Arbitrary<BalancerCondition> = fc.oneof(
  fc.record({ field: fc.constantFrom("host-header" as const, "path-pattern" as const), values }),
  fc.record({
    field: fc.constantFrom("host-header" as const, "path-pattern" as const),
    values: fc.constant([]),
    regexValues: fc.array(regex, { minLength: 1, maxLength: 3 }),
  }),
  fc.record({
    field: fc.constant("http-header" as const),
    header: fc.constantFrom("X-One", "user-agent"),
    values,
  }),
  fc.record({
    field: fc.constant("query-string" as const),
    pairs: fc.array(fc.record({ key: fc.option(text, { nil: undefined }), value: text }), {
      minLength: 1,
      maxLength: 2,
    }),
  }),
);
const assignment: fc.Arbitrary<BalancersAssignment> = fc
  .tuple(
    fc.array(
      fc.record({
        conditions: fc.array(condition, { minLength: 1, maxLength: 3 }),
        action,
        transforms: fc.array(transform, { maxLength: 2 }),
      }),
      { maxLength: 4 },
    ),
    action,
    text,
  )
  .map(([rules, defaultAction, path]) => ({
    kind: "balancers",
    key: "balancers",
    balancers: ["a", "b"].map((name) => ({
      arn: `arn:${name}`,
      dnsName: `${name}.elb.localhost`,
      vpcId: "vpc-1",
      addresses: ["127.0.0.1"],
      internetFacing: true,
      idleTimeoutSeconds: 60,
      listeners: [{ port: 8_080, tls: false, certificates: [], rules, defaultAction }],
    })),
    targetGroups: [
      {
        arn: GROUP,
        vpcId: "vpc-1",
        protocol: "HTTP",
        healthCheck: {
          enabled: true,
          protocol: "HTTP",
          port: "traffic-port",
          path: `/${path}`,
          intervalSeconds: 5,
          timeoutSeconds: 2,
          healthyThreshold: 2,
          unhealthyThreshold: 2,
          matcher: "200-399",
        },
        algorithm: "round_robin",
        stickySeconds: undefined,
        slowStartSeconds: 0,
        sourceAddress: "127.0.0.1",
        targets: [{ address: "127.0.0.1", port: 80, isNew: false, draining: false }],
      },
    ],
  }));

it("is accepted by the proxy for any rules: no text in a rule becomes a line of its own", async () => {
  const folder = mkdtempSync(join(tmpdir(), "gantry-proxy-fuzz-"));
  const settings = ensureInstance(folder, 20_566);
  const image = await ensureAgentImage(
    { clock: new SystemClock(), progress: new Progress(new SystemClock(), () => {}) },
    settings,
  );
  const samples = fc.sample(assignment, { numRuns: COUNT, seed: SEED });
  for (const [index, sample] of samples.entries()) {
    const place = join(folder, `case-${index}`);
    mkdirSync(place);
    const configuration = renderProxy(sample, {
      folder: `/cases/case-${index}`,
      hostPortOf: () => 18_080,
      namespaces: new Set(["vpc-1"]),
      connectionsMax: 100,
    });
    for (const [name, content] of Object.entries(configuration.files))
      writeFileSync(join(place, name), content);
    writeFileSync(join(place, "servers.state"), "1\n");
    // Namespaces are the node's; here there are none.
    writeFileSync(join(place, "haproxy.cfg"), configuration.text.replaceAll(" namespace vpc-1", ""));
    expect(configuration.text).not.toMatch(/^ {2}http-request deny$/m);
  }
  const script =
    "for c in /cases/case-*; do haproxy -c -q -f $c/haproxy.cfg >/tmp/out 2>&1 || { echo $c; cat /tmp/out; }; done";
  const said = await run("docker", [
    "run",
    "--rm",
    "--network",
    "none",
    "-v",
    `${folder}:/cases:ro`,
    "--entrypoint",
    "/usr/bin/busybox",
    image,
    "sh",
    "-c",
    script,
  ]);
  expect(said).toBe("");
});
