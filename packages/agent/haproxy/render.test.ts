import type { BalancerListener, BalancersAssignment } from "@gantry/agent-protocol";
import { describe, expect, it } from "vitest";
import { backendName, hash, serverName } from "./names.ts";
import { renderProxy } from "./render.ts";

const forward = (...weights: readonly number[]) => ({
  type: "forward" as const,
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
  it("picks a target group by a map of weights, in one line where no rule comes before", () => {
    const { text, files } = render(listener());
    const [weights = ""] = Object.keys(files);
    expect(picks(text)).toEqual([`%[rand(1000000),map_int(/f/${weights},unavailable)]`]);
    expect(files).toEqual({ [weights]: `0:999999 ${backendName("group-0")}\n` });
  });

  it("gives each target group its share of the numbers, and none to one that weighs nothing or does not exist", () => {
    const weightsOf = (...weights: readonly number[]) =>
      Object.values(render(listener({ defaultAction: forward(...weights) })).files);
    const [blue, green] = [backendName("group-0"), backendName("group-1")];
    expect(weightsOf(9, 1)).toEqual([`0:899999 ${blue}\n900000:999999 ${green}\n`]);
    expect(weightsOf(1, 1, 7)).toEqual([`0:499999 ${blue}\n500000:999999 ${green}\n`]);
    expect(weightsOf(0, 5)).toEqual([`0:999999 ${green}\n`]);
    expect(weightsOf(0, 0)).toEqual([""]);
  });

  it("is rendered the same for all weights, also with stickiness", () => {
    const rule = { conditions: [{ field: "path-pattern" as const, values: ["/a"] }] };
    const textOf = (stickySeconds: number | undefined, ...weights: readonly number[]) => {
      const action = { ...forward(...weights), stickySeconds };
      return render(listener({ rules: [{ ...rule, action }], defaultAction: action }));
    };
    for (const sticky of [undefined, 60]) {
      expect(textOf(sticky, 0, 1).text).toBe(textOf(sticky, 9, 1).text);
      expect(textOf(sticky, 0, 0).text).toBe(textOf(sticky, 9, 1).text);
    }
    const kept = Object.entries(textOf(60, 1, 0).files).filter(([name]) => name.startsWith("sticky_"));
    expect(kept.map(([, content]) => content)).toEqual([
      `${hash("group-0")} ${backendName("group-0")}\n`,
      `${hash("group-0")} ${backendName("group-0")}\n`,
    ]);
  });

  it("escapes a path", () => {
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

  it("forwards requests that reach a terminating worker, before any rule applies", () => {
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

it("sends a request again that is unanswered, without a limit where a terminating worker forwards it", () => {
  const { text } = render(listener());
  const retriesOf = (backend: string) =>
    /disable-l7-retry if (.*)/.exec(section(text, `backend ${backend}`))?.[1];
  expect(retriesOf(backendName("group-0"))).toBe("!METH_GET or { be_sess_rate gt 1000 }");
  expect(retriesOf("handover_")).toBe("!METH_GET");
});

it("renders the same text for the same assignment", () => {
  expect(render(listener()).text).toBe(render(listener()).text);
});
