import { renderProxy } from "@gantry/agent/haproxy/render";
import { ensureClientRoutes } from "@gantry/agent/network/client-rules";
import type { SecurityRule, VpcAssignment } from "@gantry/agent-protocol";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { balancer, forward, group, listenerOn } from "./balancer-builders.ts";
import { eni, rule, vpcWith } from "./firewall.ts";
import { openRouter, TRANSIT, type RouterWithHosts } from "./router-hosts.ts";

// A network load balancer in a router with the rules that the agent renders. Its targets see the client's address,
// and whoever is not a client of it must get nothing by that: neither with its address nor with its mark.
const HOSTS = { client: "10.0.1.11", target: "10.0.1.12", other: "10.0.1.13" } as const;
const BALANCER = "10.0.1.20";
/** Another load balancer, which is a target of the first. */
const SECOND = "10.0.1.21";
const PORT = 80;
const HOST_PORT = 8_080;
const EVERYTHING = { protocol: "-1", fromPort: 0, toPort: 65_535 };
const OUT = rule({ direction: "egress", ...EVERYTHING });
/** What a target's own group allows, and what leaves the load balancer. */
interface Rules {
  readonly target: readonly SecurityRule[];
  readonly balancer: readonly SecurityRule[];
}
const OPEN: Rules = { target: [rule()], balancer: [rule(), OUT] };
let router: RouterWithHosts;

beforeAll(async () => {
  router = await openRouter(HOSTS, 20_591);
  for (const address of [BALANCER, SECOND])
    await router.exec(`/usr/sbin/ip address add ${address}/32 dev br0`);
  for (const [host, address] of [...Object.entries(HOSTS), [undefined, SECOND]] as const)
    await startServer(host, address);
});
afterAll(() => router.close());

const inside = (host: string, command: string) => `/usr/bin/nsenter -t $(cat /tmp/${host}) -n ${command}`;

/** A server on port 8080 that answers who connects. */
async function startServer(host: string | undefined, address = "0.0.0.0"): Promise<void> {
  const script =
    "require(`net`).createServer((socket) => socket.on(`error`, () => {}).end(socket.remoteAddress))" +
    `.listen(8080, "${address}")`;
  const command = `/usr/local/bin/node -e '${script}'`;
  await router.exec(`${host === undefined ? command : inside(host, command)} >/dev/null 2>&1 &`);
}

/** Whom a server sees that a host connects to; undefined where the connection is not made. */
async function seen(
  host: string | undefined,
  address: string,
  port: number,
  more = "",
): Promise<string | undefined> {
  const script =
    `const socket = require("net").connect({ host: "${address}", port: ${port}, ${more} });` +
    'socket.on("data", (data) => console.log("seen " + data)).on("error", () => process.exit());' +
    "setTimeout(() => process.exit(), 2500);";
  const command = `/usr/local/bin/node -e '${script}'`;
  const { said } = await router.exec(host === undefined ? command : inside(host, command));
  return /seen (?:::ffff:)?(\S+)/.exec(said)?.[1];
}

const vpcOf = (rules: Rules, targets: VpcAssignment["clientTargets"]): VpcAssignment => ({
  ...vpcWith([]),
  interfaces: [
    { ...eni(1), ip: HOSTS.client, groups: ["sg-client"] },
    { ...eni(2), ip: HOSTS.target, groups: ["sg-target"] },
    { ...eni(3), ip: HOSTS.other, groups: ["sg-client"] },
    { ...eni(4), ip: BALANCER, groups: ["sg-balancer"], local: true },
    { ...eni(5), ip: SECOND, groups: ["sg-balancer"], local: true },
  ],
  groups: [
    { id: "sg-client", rules: [OUT, rule()] },
    { id: "sg-target", rules: [...rules.target, OUT] },
    { id: "sg-balancer", rules: rules.balancer },
  ],
  ...(targets === undefined ? {} : { clientTargets: targets }),
});

/** Serves by a network load balancer, whose targets see the client's address or not. */
async function serve(
  rules: Rules,
  preservesClients: boolean,
  { address = HOSTS.target, routed = preservesClients }: { address?: string; routed?: boolean } = {},
): Promise<void> {
  const target = { address, port: 8_080, isNew: false, draining: false };
  const groups = ["sg-balancer"];
  await router.apply(vpcOf(rules, routed ? [{ address, port: 8_080, groups }] : undefined));
  if (routed)
    await ensureClientRoutes(
      {
        run: (commands) =>
          Promise.all(
            commands.map(async (each) => {
              const { code, said } = await router.exec(
                `${each.program} ${each.arguments.join(" ")}`,
                each.input,
              );
              expect(code, said).toBe(0);
              return said;
            }),
          ),
      },
      1,
    );
  const { text, files } = renderProxy(
    {
      ...{ kind: "balancers", key: "balancers" },
      balancers: [
        {
          ...balancer("a", listenerOn(PORT, { defaultAction: forward })),
          addresses: [BALANCER],
          isNetwork: true,
        },
      ],
      targetGroups: [
        group({
          ...{ protocol: "TCP", preservesClients, sourceAddress: BALANCER, vpcCidrs: ["10.0.0.0/16"] },
          targets: [target],
        }),
      ],
    },
    {
      ...{
        folder: "/tmp/proxy",
        hostPortOf: () => HOST_PORT,
        namespaces: new Set(["vpc-1"]),
        connectionsMax: 100,
      },
      hostAddressOf: () => TRANSIT.hostAddress,
    },
  );
  await router.exec("/usr/bin/busybox mkdir -p /tmp/proxy/run; echo 1 > /tmp/proxy/servers.state");
  for (const [name, content] of Object.entries({
    ...files,
    "haproxy.cfg": text.replaceAll(" namespace vpc-1", ""),
  }))
    await router.exec(`cat > /tmp/proxy/${name}`, content);
  const started = await router.exec(
    "kill -9 $(cat /tmp/proxy/pid) 2>/dev/null; haproxy -D -p /tmp/proxy/pid -f /tmp/proxy/haproxy.cfg",
  );
  expect(started.code, started.said).toBe(0);
}

describe("a target of a network load balancer", () => {
  it("sees the load balancer's address where clients' addresses are not kept", async () => {
    await serve(OPEN, false);
    expect(await seen("client", BALANCER, PORT)).toBe(BALANCER);
    const { said } = await router.exec("/usr/sbin/nft list ruleset; /usr/sbin/ip rule show");
    expect(said).not.toMatch(/mark|lookup 471/);
  });

  it("sees the address of a client in the VPC, and that of the VPC's link for one on the host", async () => {
    await serve(OPEN, true);
    expect(await seen("client", BALANCER, PORT)).toBe(HOSTS.client);
    expect(await seen("other", BALANCER, PORT)).toBe(HOSTS.other);
    expect(await seen(undefined, "127.0.0.1", HOST_PORT)).toBe(TRANSIT.hostAddress);
  });

  it("that is a load balancer sees the client's address too", async () => {
    await serve(OPEN, true, { address: SECOND });
    expect(await seen("client", BALANCER, PORT)).toBe(HOSTS.client);
  });
});

describe("security groups", () => {
  const from = (cidr: string | undefined, groupId?: string) => rule({ cidr, groupId });

  it("of the target are asked about the client", async () => {
    await serve({ ...OPEN, target: [from(`${HOSTS.other}/32`)] }, true);
    expect(await seen("other", BALANCER, PORT)).toBe(HOSTS.other);
    expect(await seen("client", BALANCER, PORT)).toBeUndefined();
    await serve({ ...OPEN, target: [from(`${BALANCER}/32`)] }, true);
    expect(await seen("client", BALANCER, PORT)).toBeUndefined();
  });

  it("that name a group of the load balancer admit its clients, by way of it alone", async () => {
    await serve({ ...OPEN, target: [from(undefined, "sg-balancer")] }, true);
    expect(await seen("client", BALANCER, PORT)).toBe(HOSTS.client);
    expect(await seen("client", HOSTS.target, 8_080)).toBeUndefined();
  });

  it("of the load balancer keep it from the target, and not those of the client", async () => {
    await serve({ ...OPEN, balancer: [rule()] }, true);
    expect(await seen("client", BALANCER, PORT)).toBeUndefined();
  });
});

describe("who is no client", () => {
  it("does not reach the target with a client's address, or with the mark of its own packets", async () => {
    await serve({ ...OPEN, target: [rule({ cidr: undefined, groupId: "sg-balancer" })] }, true);
    await router.exec(inside("other", `/usr/sbin/ip address add ${HOSTS.client}/32 dev eth0`));
    const marking =
      "add table ip m; add chain ip m o { type route hook output priority -150; }; " +
      "add rule ip m o meta mark set 0x47 ct mark set 0x47";
    await router.exec(inside("other", "/usr/sbin/nft -f -"), marking);
    expect(await seen("other", HOSTS.target, 8_080)).toBeUndefined();
    expect(await seen("other", HOSTS.target, 8_080, `localAddress: "${HOSTS.client}"`)).toBeUndefined();
    // Not led to the router itself: a packet to an address that is nobody's is forwarded, and dropped.
    expect(await seen("other", "10.0.1.99", 8_080)).toBeUndefined();
    await router.exec(inside("other", "/usr/sbin/nft delete table ip m"));
    await router.exec(inside("other", `/usr/sbin/ip address del ${HOSTS.client}/32 dev eth0`));
  });

  it("reaches nothing while the proxy keeps addresses that the router does not know of", async () => {
    await router.exec("/usr/sbin/ip rule del lookup 471");
    await serve(OPEN, true, { routed: false });
    expect(await seen(undefined, "127.0.0.1", HOST_PORT)).toBeUndefined();
    expect(await seen("client", BALANCER, PORT)).toBeUndefined();
  });

  it("is reached by a target from the port that it serves, as its rules say", async () => {
    await serve(OPEN, true);
    const own = await seen("target", HOSTS.client, 8_080, `localPort: 8081, localAddress: "${HOSTS.target}"`);
    expect(own).toBe(HOSTS.target);
    // Its connection is its own: the answers go to it, not to the proxy.
    expect(await seen("client", BALANCER, PORT)).toBe(HOSTS.client);
  });
});
