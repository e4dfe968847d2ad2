import type { BalancersAssignment } from "@gantry/agent-protocol";
import { checkAssignment } from "@gantry/agent/checks/check-assignment";
import { withLeftOut } from "@gantry/agent/checks/check-balancers";
import { findRefused } from "@gantry/agent/haproxy/admission";
import { renderProxy } from "@gantry/agent/haproxy/render";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { balancer, forward, group, GROUP, listenerOn, says } from "./balancer-builders.ts";

const attacked = () => ({
  kind: "balancers",
  key: "balancers",
  balancers: [
    balancer("victim", listenerOn(80, { defaultAction: forward })),
    balancer(
      "a",
      listenerOn(443, {
        tls: true,
        certificates: [{ names: ["a.example.org"], pem: "pem" }],
        security: { versionMin: "TLSv1.2", versionMax: "TLSv1.3", ciphers: ["AES128-SHA"] },
        rules: [
          {
            priority: 7,
            conditions: [
              { field: "path-pattern", values: ["/x"] },
              { field: "query-string", pairs: [{ key: "a", value: "b" }] },
            ],
            action: says("x"),
          },
        ],
        defaultAction: {
          ...forward,
          targets: [{ targetGroupArn: `${GROUP}2`, weight: 1 }],
        } as typeof forward,
      }),
    ),
  ],
  targetGroups: [group(), group({ arn: `${GROUP}2` })],
});

/** The assignment with one of its values replaced, as JSON would carry it. */
function poison(path: readonly (string | number)[], value: unknown): unknown {
  const assignment: unknown = structuredClone(attacked());
  let place = assignment as Record<string | number, unknown>; // Walked along a path that is there.
  for (const step of path.slice(0, -1)) place = place[step] as typeof place;
  place[path.at(-1) ?? ""] = value;
  return JSON.parse(JSON.stringify(assignment));
}

function checked(value: unknown) {
  const result = checkAssignment(value);
  if (result.type === "refused" || result.assignment.kind !== "balancers")
    throw new Error("Refused as a whole.");
  return { assignment: result.assignment, leftOut: result.leftOut };
}

const render = (assignment: BalancersAssignment): string =>
  renderProxy(assignment, {
    folder: "/x",
    connectionsMax: 1,
    namespaces: new Set(["vpc-1"]),
    hostPortOf: () => undefined,
    leftOut: new Set(findRefused(assignment).keys()),
  }).text;

// Before: the agent refused the assignment, and no load balancer of the node changed any more.
describe("one value of the assignment that has the wrong type", () => {
  it.each([
    [["balancers", 1, "idleTimeoutSeconds"], NaN, "the load balancer"],
    [["balancers", 1, "addresses", 0], "10.0.0.9$(id)", "the load balancer"],
    [["balancers", 1, "listeners", 0, "port"], 70_000, "the listener on port 70000"],
    [["balancers", 1, "listeners", 0, "security", "ciphers"], "x", "the listener on port 443"],
    [
      ["balancers", 1, "listeners", 0, "certificates", 0, "pem"],
      5,
      "a certificate of the listener on port 443",
    ],
    [
      ["balancers", 1, "listeners", 0, "defaultAction"],
      null,
      "the default action of the listener on port 443 (action)",
    ],
    [
      ["balancers", 1, "listeners", 0, "rules", 0, "conditions"],
      {},
      "rule 7 of the listener on port 443 (condition)",
    ],
    [
      ["balancers", 1, "listeners", 0, "rules", 0, "action", "type"],
      "exec",
      "rule 7 of the listener on port 443 (action)",
    ],
    [["targetGroups", 1, "healthCheck", "intervalSeconds"], "5s\n  server x", "targetgroup/g/12"],
    [["targetGroups", 1, "targets", 0, "draining"], "no", "a target of targetgroup/g/12"],
  ] as const)("%j = %j leaves out only its part, and is reported", (path, value, part) => {
    const { assignment, leftOut } = checked(poison(path, value));
    expect(leftOut).toEqual([{ balancerArn: "arn:a", part, reason: expect.stringMatching(/ is not .*\.$/) }]);
    expect(assignment.balancers[0]).toEqual(attacked().balancers[0]);
    expect(render(assignment)).not.toMatch(/\$\(id\)|server x/);
    // What is left out whole answers nowhere; its state is reported all the same.
    const reported = withLeftOut({ targets: [], hostPorts: { "arn:victim": { 80: 80 } } }, leftOut);
    expect(reported).toMatchObject({ hostPorts: { "arn:victim": { 80: 80 }, "arn:a": {} }, leftOut });
  });

  it("in a rule closes what the rule matches, or all later rules if its condition is lost", () => {
    const rule = ["balancers", 1, "listeners", 0, "rules", 0] as const;
    const closed = { type: "fixed-response", statusCode: 503 };
    const ruleOf = (value: unknown) => checked(value).assignment.balancers[1]?.listeners[0]?.rules[0];
    expect(ruleOf(poison([...rule, "action", "body"], null))).toMatchObject({
      conditions: [{ field: "path-pattern" }, { field: "query-string" }],
      action: closed,
    });
    expect(ruleOf(poison([...rule, "conditions", 0, "values"], "/x"))).toMatchObject({
      conditions: [{ field: "query-string" }],
      action: closed,
    });
    expect(ruleOf(poison([...rule], "a rule"))).toMatchObject({ conditions: [], action: closed });
  });

  it("anywhere leaves the other values unchanged and can be rendered", () => {
    const paths = pathsIn({
      balancers: { 1: attacked().balancers[1] },
      targetGroups: { 1: attacked().targetGroups[1] },
    });
    fc.assert(
      fc.property(fc.constantFrom(...paths), fc.jsonValue(), (path, value) => {
        const { assignment } = checked(poison(path, value));
        expect(assignment.balancers[0]).toEqual(attacked().balancers[0]);
        expect(assignment.targetGroups[0]).toEqual(JSON.parse(JSON.stringify(attacked().targetGroups[0])));
        expect(render(assignment)).toContain("10.0.0.9:80");
      }),
      { numRuns: 500 },
    );
  });
});

/** The paths of every value inside, below the second of each list. */
function pathsIn(value: unknown, path: readonly (string | number)[] = []): (readonly (string | number)[])[] {
  if (typeof value !== "object" || value === null) return [path];
  const inside = Object.entries(value).flatMap(([key, each]) => pathsIn(each, [...path, key]));
  return path.length < 2 ? inside : [path, ...inside];
}
