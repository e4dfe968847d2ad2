import { generateKeyPairSync } from "node:crypto";
import type {
  BalancerAction,
  BalancerListener,
  BalancersAssignment,
  BalancerTargetGroup,
} from "@gantry/agent-protocol";
import { newAuthority, openAuthority } from "@gantry/tls";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { balancer, forward, group, listenerOn, says } from "./balancer-builders.ts";
import { get, openRealProxy, statusOf } from "./real-proxy.ts";

const VICTIM_PORT = 8_001;
const POISONED_PORT = 8_002;

const assign = (
  poisoned: BalancerListener,
  groups: readonly BalancerTargetGroup[] = [group()],
): BalancersAssignment => ({
  kind: "balancers",
  key: "balancers",
  balancers: [
    balancer("victim", listenerOn(VICTIM_PORT, { defaultAction: says("victim") })),
    balancer("a", poisoned),
  ],
  targetGroups: groups,
});

let proxy: Awaited<ReturnType<typeof openRealProxy>>;
let pem: (names: readonly string[]) => Promise<string>;
beforeAll(async () => {
  proxy = await openRealProxy();
  const authority = openAuthority(await newAuthority(Date.now()));
  pem = async (names) => {
    const issued = await authority.issue(names, Date.now());
    return [issued.certificatePem, issued.keyPem].join("\n");
  };
});
afterAll(() => proxy.close());

/** Serves the assignment while the victim is asked; tells what was left out and what both answer. */
async function poison(assignment: BalancersAssignment) {
  const checksBefore = proxy.checks();
  await proxy.serve(assignment);
  const [victim, secret, other] = await proxy.request(
    get(VICTIM_PORT),
    get(POISONED_PORT, "/secret"),
    get(POISONED_PORT, "/other"),
  );
  return {
    checks: proxy.checks() - checksBefore,
    leftOut: proxy.acceptance.leftOutOf(assignment),
    victim: victim?.said.endsWith("victim"),
    secret: statusOf(secret),
    other: statusOf(other),
  };
}

// Before: the proxy rejected the configuration as a whole, and no load balancer of the node changed any more.
describe("a value that the proxy rejects", () => {
  it("in a rule's only condition closes what the listener would do after the rule, and nothing else", async () => {
    const denied: BalancerAction = {
      ...says("denied"),
      type: "fixed-response",
      statusCode: 403,
    } as BalancerAction;
    const listener = listenerOn(POISONED_PORT, {
      rules: [
        { priority: 1, conditions: [{ field: "path-pattern", values: ["/other"] }], action: says("first") },
        { priority: 2, conditions: [{ field: "source-ip", values: ["1.2.3.4/33"] }], action: denied },
      ],
    });
    expect(await poison(assign(listener))).toMatchObject({
      victim: true,
      secret: 503,
      other: 200,
      leftOut: [{ balancerArn: "arn:a", part: "rule 2 of the listener on port 8002 (source-ip condition)" }],
    });
  });

  it("beside another condition closes what the other condition matches", async () => {
    const listener = listenerOn(POISONED_PORT, {
      rules: [
        {
          conditions: [
            { field: "path-pattern", values: ["/secret"] },
            { field: "source-ip", values: ["999.999.999.999/99"] },
          ],
          action: forward,
        },
      ],
    });
    expect(await poison(assign(listener))).toMatchObject({ victim: true, secret: 503, other: 200 });
  });

  it("in an action answers 503 for the rule, found by the proxy's own message", async () => {
    const broken = { ...says("x"), statusCode: 999 } as BalancerAction;
    const listener = listenerOn(POISONED_PORT, {
      rules: [{ conditions: [{ field: "path-pattern", values: ["/secret"] }], action: broken }],
    });
    const result = await poison(assign(listener));
    expect(result).toMatchObject({ victim: true, secret: 503, other: 200 });
    expect(result.leftOut).toHaveLength(1);
    // One for what was asked, one that says where, one without it.
    expect(result.checks).toBeLessThanOrEqual(3);
  });

  it("in a certificate leaves out the certificate, with an encrypted key or another's", async () => {
    const good = await pem(["good.example.org"]);
    const bad = await pem(["bad.example.org"]);
    const certificateOf = (text: string) => text.slice(0, text.indexOf("-----BEGIN PRIVATE KEY"));
    const keyOf = (text: string) => text.slice(text.indexOf("-----BEGIN PRIVATE KEY"));
    const encrypted = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey.export({
      type: "pkcs8",
      format: "pem",
      cipher: "aes-256-cbc",
      passphrase: "secret",
    });
    for (const poisoned of [
      certificateOf(bad) + keyOf(good),
      `${certificateOf(bad)}\n${encrypted}`,
      "no certificate at all",
    ]) {
      const assignment = assign(
        listenerOn(POISONED_PORT, {
          tls: true,
          certificates: [
            { names: ["good.example.org"], pem: good },
            { names: ["bad.example.org"], pem: poisoned },
          ],
        }),
      );
      const result = await poison(assignment);
      expect(result.victim).toBe(true);
      expect(result.leftOut.map(({ part }) => part)).toEqual([
        "the certificate for bad.example.org of the listener on port 8002",
      ]);
    }
  });

  it("in a listener, a target group or a timeout leaves out that one", async () => {
    const noNumber = assign(listenerOn(POISONED_PORT, { defaultAction: forward }), [
      group({ idleTimeoutSeconds: Number("abc") }),
    ]);
    expect(await poison(noNumber)).toMatchObject({ victim: true, secret: 503 });
    const [victim, broken] = noNumber.balancers;
    if (victim === undefined || broken === undefined)
      throw new Error("The assignment has two load balancers.");
    const noTimeout = { ...noNumber, balancers: [victim, { ...broken, idleTimeoutSeconds: NaN }] };
    expect(await poison(noTimeout)).toMatchObject({ victim: true, secret: NaN });
  });

  it("in a target leaves out the target: loopback, link-local, public, the platform's own links", async () => {
    for (const address of [
      "127.0.0.1",
      "169.254.169.254",
      "8.8.8.8",
      "100.64.0.17",
      "10.0.0.5$(id)",
      "010.0.0.5",
    ]) {
      const bad = { address, port: 8_080, isNew: false, draining: false };
      const result = await poison(
        assign(listenerOn(POISONED_PORT, { defaultAction: forward }), [
          group({ targets: [...group().targets, bad] }),
        ]),
      );
      expect(result).toMatchObject({ victim: true, secret: 200 });
      expect(result.leftOut).toHaveLength(1);
    }
  });
});

it("is loaded with the header names and methods that AWS permits, which then match", async () => {
  const rule = (condition: BalancerListener["rules"][number]["conditions"][number], body: string) => ({
    conditions: [condition],
    action: says(body),
  });
  const listener = listenerOn(POISONED_PORT, {
    rules: [
      rule({ field: "http-header", header: "x#y'z|`~!$%&*+.^_", values: ["1"] }, "header"),
      rule({ field: "http-request-method", values: ["-----"] }, "method"),
      rule({ field: "source-ip", values: ["2001:db8::/32", "127.0.0.0/8"] }, "source"),
    ],
  });
  const assignment = assign(listener);
  await proxy.serve(assignment);
  expect(proxy.acceptance.leftOutOf(assignment)).toEqual([]);
  const asks = get(POISONED_PORT);
  const [header, method, source] = await proxy.request(
    get(POISONED_PORT, "/", { "x#y'z|`~!$%&*+.^_": "1" }),
    { ...asks, text: asks.text.replace("GET", "-----") },
    asks,
  );
  expect([header, method, source].map((answer) => answer?.said.split("\r\n\r\n")[1])).toEqual([
    "header",
    "method",
    "source",
  ]);
});
