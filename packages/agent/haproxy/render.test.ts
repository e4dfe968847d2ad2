import type { BalancerAction, BalancerListener, BalancersAssignment } from "@gantry/agent-protocol";
import { describe, expect, it } from "vitest";
import { backendName, serverName } from "./names.ts";
import { renderProxy } from "./render.ts";

const forward = (...weights: readonly number[]): BalancerAction => ({
  type: "forward",
  targets: weights.map((weight, index) => ({ targetGroupArn: `group-${index}`, weight })),
  stickySeconds: undefined,
});
const listener = (more: Partial<BalancerListener> = {}): BalancerListener => ({
  port: 80,
  tls: false,
  certificates: [],
  rules: [],
  defaultAction: forward(1),
  ...more,
});
const group = (index: number): BalancersAssignment["targetGroups"][number] => ({
  arn: `group-${index}`,
  vpcId: "vpc-1",
  protocol: "HTTP",
  healthCheck: {
    enabled: true,
    protocol: "HTTP",
    port: "traffic-port",
    path: "/health",
    intervalSeconds: 30,
    timeoutSeconds: 5,
    healthyThreshold: 3,
    unhealthyThreshold: 2,
    matcher: "200",
  },
  algorithm: "round_robin",
  stickySeconds: undefined,
  slowStartSeconds: 0,
  sourceAddress: "10.0.0.9",
  targets: [
    { address: "10.0.0.5", port: 8080, isNew: false, draining: false },
    { address: "10.0.0.4", port: 8080, isNew: false, draining: true },
  ],
});
const render = (...listeners: readonly BalancerListener[]) =>
  renderProxy(
    {
      kind: "balancers",
      key: "balancers",
      balancers: [
        {
          arn: "lb",
          dnsName: "lb.elb.localhost",
          vpcId: "vpc-1",
          addresses: ["10.0.0.9"],
          internetFacing: true,
          idleTimeoutSeconds: 60,
          listeners,
        },
      ],
      targetGroups: [group(0), group(1)],
    },
    { folder: "/f", hostPortOf: (_, each) => each.port, namespaces: new Set(["vpc-1"]), connectionsMax: 100 },
  );
const section = (text: string, head: string) =>
  text.split("\n\n").find((part) => part.startsWith(head)) ?? "";
const picks = (text: string) =>
  [...text.matchAll(/^ {2}use_backend (?!handover)(.*)$/gm)].map((match) => match[1]);

describe("a listener", () => {
  it("asks nothing it does not need where all goes to one place", () => {
    const { text } = render(listener());
    expect(picks(text)).toEqual([backendName("group-0")]);
    expect(text).not.toContain("rand(1000000)");
  });

  it("throws dice by weight, leaves out what weighs nothing, and says 503 where nothing weighs", () => {
    expect(picks(render(listener({ defaultAction: forward(9, 1) })).text)).toEqual([
      `${backendName("group-0")} if { var(txn.dice) -m int lt 900000 }`,
      backendName("group-1"),
    ]);
    expect(picks(render(listener({ defaultAction: forward(0, 5) })).text)).toEqual([backendName("group-1")]);
    expect(render(listener({ defaultAction: forward(0, 0) })).text).toContain(
      "  http-request return status 503\n",
    );
  });

  it("keeps a path from being read as anything else", () => {
    const rules = [
      {
        conditions: [{ field: "path-pattern" as const, values: ["/a'; accept", "/img/*", "/?.png"] }],
        action: forward(1),
      },
    ];
    const { text } = render(listener({ rules }));
    expect(text).toContain(`-m str -- '/a'\\''; accept'`);
    expect(text).toContain("-m beg -- '/img/'");
    expect(text).toContain("-m reg -- '^/.\\.png$'");
  });

  it("hands over what reaches a worker that is leaving, before any rule is asked", () => {
    const frontend = section(render(listener()).text, "frontend");
    const lines = frontend.split("\n").map((line) => line.trim());
    expect(lines.findIndex((line) => line.startsWith("http-request"))).toBe(
      lines.indexOf("http-request allow if { stopping }"),
    );
    expect(lines.find((line) => line.startsWith("use_backend"))).toMatch(
      /^use_backend handover_.* if \{ stopping \}$/,
    );
  });
});

it("gives a draining target no new clients and no part in failing open", () => {
  const lines = section(render(listener()).text, `backend ${backendName("group-0")}`).split("\n");
  const servers = lines.filter((line) => line.startsWith("  server "));
  expect(servers).toHaveLength(3);
  expect(servers[0]).toMatch(
    new RegExp(`${serverName({ address: "10.0.0.4", port: 8080 })} .* check weight 0$`),
  );
  expect(servers[2]).toMatch(/\.open 10\.0\.0\.5:8080 .* backup$/);
});

it("renders the same text for the same assignment", () => {
  expect(render(listener()).text).toBe(render(listener()).text);
});
