import { createSocket } from "node:dgram";
import { connect } from "node:net";
import packet, { type Packet } from "dns-packet";
import type { VpcAssignment } from "@gantry/agent-protocol";
import { DnsServer } from "@gantry/agent/dns/dns-server";
import { CODES, type Reply, type Resolution } from "@gantry/agent/dns/messages";
import { resolveInVpc, resolveOutside } from "@gantry/agent/dns/resolve";
import { checkAssignment } from "@gantry/agent/checks/check-assignment";
import { silentLogger, SystemClock } from "@gantry/kernel";
import type { DnsRecordSet, DnsZone } from "@gantry/kernel/dns/zone-content";
import { Zones } from "@gantry/kernel/dns/zones";
import { afterEach, describe, expect, it } from "vitest";

// Before: an agent's resolvers knew the names of load balancers, databases and addresses alone. There were no
// hosted zones: every name here was forwarded to the host's resolvers.

const set = (name: string, value: string, more: Partial<DnsRecordSet> = {}): DnsRecordSet => ({
  ...{ name, type: "A", ttl: 60, values: [value] },
  ...more,
});
let order = 0;
const zone = (name: string, recordSets: readonly DnsRecordSet[], more: Partial<DnsZone> = {}): DnsZone => ({
  ...{ id: `Z${name.toUpperCase().replace(/\W/g, "")}${(order += 1)}`, name, order, version: 1 },
  ...{ isPrivate: false, vpcIds: [], nameServers: [`ns-${order}.example.org`] },
  ...more,
  recordSets: [
    set(name, `ns. host. 1 7200 900 1209600 300`, { type: "SOA" }),
    set(name, `ns-${order}.example.org.`, { type: "NS" }),
    ...recordSets,
  ],
});
const privateZone = (name: string, vpcIds: readonly string[], recordSets: readonly DnsRecordSet[]) =>
  zone(name, recordSets, { isPrivate: true, vpcIds });
const zonesOf = (...all: readonly DnsZone[]): Zones => {
  const zones = new Zones();
  for (const each of all) zones.put(each);
  return zones;
};
const vpc = (vpcId: string, names: VpcAssignment["names"] = {}, region = "eu-south-1"): VpcAssignment => ({
  ...{ kind: "vpc", key: `vpc/${vpcId}`, vpcId, index: 1, cidr: "10.0.0.0/16", region },
  ...{ subnets: [], interfaces: [], groups: [], names },
});
const first = () => 0;
const inside = (zones: Zones, where: VpcAssignment, name: string, type = "A", random = first): Resolution =>
  resolveInVpc(zones, where, { name, type }, random);
const outside = (zones: Zones, name: string, type = "A"): Reply =>
  resolveOutside(zones, { name, type }, first);
const values = (resolution: Resolution) => resolution.records.map(({ value }) => value);

describe("private zones", () => {
  const zones = zonesOf(
    privateZone("corp.internal", ["vpc-a"], [set("db.corp.internal", "10.0.0.5")]),
    privateZone("secret.com", ["vpc-a"], [set("db.secret.com", "10.0.0.6")]),
    zone("secret.com", [set("www.secret.com", "192.0.2.1"), set("db.secret.com", "192.0.2.2")]),
  );

  it("are answered in their VPCs alone", () => {
    expect(values(inside(zones, vpc("vpc-a"), "db.corp.internal"))).toEqual(["10.0.0.5"]);
    expect(inside(zones, vpc("vpc-b"), "db.corp.internal")).toMatchObject({
      code: CODES.noSuchName,
      records: [],
    });
    expect(values(inside(zones, vpc("vpc-b"), "db.secret.com"))).toEqual(["192.0.2.2"]);
    expect(values(outside(zones, "db.secret.com"))).toEqual(["192.0.2.2"]);
  });

  it("are not answered outside of VPCs, by any canonical name or alias of a public zone", () => {
    const lures = zonesOf(
      privateZone("corp.example", ["vpc-a"], [set("db.corp.example", "10.0.0.5")]),
      zone("lure.com", [
        set("a.lure.com", "db.corp.example.", { type: "CNAME" }),
        set("b.lure.com", "", {
          ...{ values: [], alias: { target: "db.corp.example", isInZone: true, addresses: [] } },
        }),
      ]),
    );
    expect(outside(lures, "a.lure.com").records).toMatchObject([{ type: "CNAME" }]);
    expect(outside(lures, "b.lure.com").records).toEqual([]);
    expect(outside(lures, "db.corp.example").code).toBe(CODES.refused);
    expect(values(inside(lures, vpc("vpc-b"), "a.lure.com"))).toEqual(["db.corp.example."]);
  });

  it("hide public names below theirs, found or not", () =>
    expect(inside(zones, vpc("vpc-a"), "www.secret.com")).toMatchObject({ code: CODES.noSuchName }));

  it("come before the platform's own names, which come before public zones", () => {
    const names = { "db.rds.amazonaws.com": ["10.0.0.9"] };
    const taken = zonesOf(
      zone("amazonaws.com", [set("db.rds.amazonaws.com", "203.0.113.1")]),
      zone("lure.com", [set("x.lure.com", "db.rds.amazonaws.com.", { type: "CNAME" })]),
      privateZone("rds.amazonaws.com", ["vpc-p"], [set("db.rds.amazonaws.com", "10.9.9.9")]),
    );
    expect(values(inside(taken, vpc("vpc-a", names), "db.rds.amazonaws.com"))).toEqual(["10.0.0.9"]);
    expect(values(inside(taken, vpc("vpc-a", names), "x.lure.com")).at(-1)).toBe("10.0.0.9");
    expect(values(inside(taken, vpc("vpc-p", names), "db.rds.amazonaws.com"))).toEqual(["10.9.9.9"]);
    expect(values(inside(taken, vpc("vpc-a"), "s3.eu-south-1.amazonaws.com"))).toEqual(["169.254.170.10"]);
  });
});

describe("public zones", () => {
  it("do not take names of a zone that was there before", () => {
    const parent = zone("example.com", [set("www.example.com", "192.0.2.1")]);
    const thief = zone("www.example.com", [set("www.example.com", "203.0.113.9")]);
    const twin = zone("example.com", [set("www.example.com", "203.0.113.8")]);
    const top = zone("other.example.com", [set("other.example.com", "203.0.113.7")]);
    const zones = zonesOf(thief, twin, parent, top);
    expect(values(outside(zones, "www.example.com"))).toEqual(["192.0.2.1"]);
    expect(values(outside(zones, "other.example.com"))).toEqual([]);
    const delegating = zone("delegating.com", []);
    const child = zone("sub.delegating.com", [set("a.sub.delegating.com", "192.0.2.3")]);
    const sets = [
      ...delegating.recordSets,
      set("sub.delegating.com", `${child.nameServers[0] ?? ""}.`, { type: "NS" }),
    ];
    const delegated = zonesOf({ ...delegating, recordSets: sets }, child);
    expect(values(outside(delegated, "a.sub.delegating.com"))).toEqual(["192.0.2.3"]);
  });

  it("keep their names where somebody creates a zone above them", () => {
    const mine = zone("mine.example.net", [set("a.mine.example.net", "192.0.2.1")]);
    const above = zone("example.net", [set("a.mine.example.net", "203.0.113.9")]);
    expect(values(outside(zonesOf(above, mine), "a.mine.example.net"))).toEqual(["192.0.2.1"]);
  });

  it("refer to the servers of names that they delegate elsewhere", () => {
    const zones = zonesOf(
      zone("refer.com", [
        set("sub.refer.com", "ns.elsewhere.org.", { type: "NS" }),
        set("a.sub.refer.com", "192.0.2.1"),
      ]),
    );
    const reply = outside(zones, "a.sub.refer.com");
    expect(reply).toMatchObject({ code: CODES.found, records: [], isAuthoritative: false });
    expect(reply.authority).toMatchObject([{ type: "NS", value: "ns.elsewhere.org." }]);
  });
});

describe("wildcards", () => {
  const zones = zonesOf(
    zone("w.com", [
      set("*.w.com", "192.0.2.1"),
      set("*.w.com", '"text"', { type: "TXT" }),
      set("a.b.w.com", "192.0.2.2"),
      set("*.c.w.com", "x.w.com.", { type: "CNAME" }),
    ]),
  );

  it.each<[string, string, readonly string[], number]>([
    ["x.w.com", "A", ["192.0.2.1"], CODES.found],
    ["x.y.w.com", "A", ["192.0.2.1"], CODES.found],
    ["x.w.com", "MX", [], CODES.found],
    // A name that exists, with records or above such a name, is not covered. Source: RFC 4592, section 2.2.
    ["w.com", "A", [], CODES.found],
    ["b.w.com", "A", [], CODES.found],
    ["z.b.w.com", "A", [], CODES.noSuchName],
    ["c.w.com", "A", [], CODES.found],
    ["d.c.w.com", "A", ["x.w.com.", "192.0.2.1"], CODES.found],
    ["*.w.com", "A", ["192.0.2.1"], CODES.found],
  ])("%s %s is answered as RFC 4592 says", (name, type, expected, code) => {
    const reply = outside(zones, name, type);
    expect([values(reply), reply.code]).toEqual([expected, code]);
    if (expected.length > 0) expect(reply.records[0]?.name).toBe(name);
  });

  it("end a chain of canonical names that leads to itself", () => {
    const loop = zonesOf(
      zone("loop.com", [
        set("a.loop.com", "b.loop.com.", { type: "CNAME" }),
        set("b.loop.com", "a.loop.com.", { type: "CNAME" }),
        set("c.loop.com", "", {
          ...{ values: [], alias: { target: "c.loop.com", isInZone: true, addresses: [] } },
        }),
      ]),
    );
    expect(outside(loop, "a.loop.com").records.length).toBeLessThanOrEqual(16);
    expect(outside(loop, "c.loop.com").records).toEqual([]);
  });
});

describe("routing", () => {
  const routed = (type: string, sets: readonly Partial<DnsRecordSet>[]) =>
    zonesOf(
      zone(
        "r.com",
        sets.map((each, index) => set("r.com", `192.0.2.${index}`, { type, ...each })),
      ),
    );
  const ask = (zones: Zones, region = "eu-south-1", random = first) =>
    values(inside(zones, vpc("vpc-a", {}, region), "r.com", "A", random));

  it("chooses by weight, and never by weight 0 beside others", () => {
    const zones = routed(
      "A",
      [0, 1, 3].map((weight) => ({ routing: { type: "weighted", weight } })),
    );
    expect(ask(zones)).toEqual(["192.0.2.1"]);
    expect(ask(zones, undefined, () => 0.24)).toEqual(["192.0.2.1"]);
    expect(ask(zones, undefined, () => 0.26)).toEqual(["192.0.2.2"]);
    const zero = routed("A", [{ routing: { type: "weighted", weight: 0 } }]);
    expect(ask(zero)).toEqual(["192.0.2.0"]);
  });

  it("chooses the region of the VPC, else a near one", () => {
    const zones = routed(
      "A",
      ["us-east-1", "eu-west-1", "eu-south-1"].map((region) => ({ routing: { type: "latency", region } })),
    );
    expect(ask(zones)).toEqual(["192.0.2.2"]);
    expect(ask(zones, "eu-north-1")).toEqual(["192.0.2.1"]);
    expect(ask(zones, "ap-south-1")).toEqual(["192.0.2.0"]);
  });

  it("answers the primary, or the secondary where the primary is unhealthy", () => {
    const both = (isUnhealthy: boolean) =>
      routed("A", [
        { routing: { type: "failover", role: "PRIMARY" }, isUnhealthy },
        { routing: { type: "failover", role: "SECONDARY" } },
      ]);
    expect(ask(both(false))).toEqual(["192.0.2.0"]);
    expect(ask(both(true))).toEqual(["192.0.2.1"]);
  });

  it("answers at most eight of several values", () => {
    const zones = routed(
      "A",
      Array.from({ length: 12 }, () => ({ routing: { type: "multivalue" } })),
    );
    expect(new Set(ask(zones)).size).toBe(8);
  });

  it("leads an alias to the addresses that the VPC sees, and to public ones elsewhere", () => {
    const alias = { target: "lb.elb.localhost", isInZone: false, addresses: ["198.18.0.1"] };
    const zones = routed("A", [
      { values: [], alias },
      { type: "AAAA", values: [], alias },
    ]);
    const own = vpc("vpc-a", { "lb.elb.localhost": ["10.0.0.7"] });
    expect(values(inside(zones, own, "r.com"))).toEqual(["10.0.0.7"]);
    expect(ask(zones)).toEqual(["198.18.0.1"]);
    expect(outside(zones, "r.com", "AAAA")).toMatchObject({ code: CODES.found, records: [] });
  });
});

describe("the server", () => {
  const open: { close(): void }[] = [];
  afterEach(() => {
    for (const each of open.splice(0)) each.close();
  });
  const freePort = async (): Promise<number> => {
    const socket = createSocket("udp4");
    await new Promise<void>((done) => socket.bind(0, "127.0.0.1", done));
    const { port } = socket.address();
    socket.close();
    return port;
  };
  const serve = async (zones: Zones) => {
    const port = await freePort();
    const resolve = (question: { name: string; type: string }) => resolveOutside(zones, question, first);
    const log = silentLogger;
    open.push(
      new DnsServer({
        ...{ clock: new SystemClock(), log, address: "127.0.0.1", port, forwarder: undefined, resolve },
      }),
    );
    const overUdp = (message: Buffer, waitMs = 400) =>
      new Promise<Packet | undefined>((done) => {
        const socket = createSocket("udp4");
        open.push(socket);
        const timer = setTimeout(() => done(undefined), waitMs);
        socket.on("message", (answer) => {
          clearTimeout(timer);
          done(packet.decode(answer));
        });
        socket.send(message, port, "127.0.0.1");
      });
    const overTcp = (message: Buffer) =>
      new Promise<Packet>((done, reject) => {
        const socket = connect(port, "127.0.0.1", () => socket.write(framed(message)));
        let all = Buffer.alloc(0);
        socket.on("error", reject);
        socket.on("data", (chunk: Buffer) => {
          all = Buffer.concat([all, chunk]);
          if (all.length < 2 || all.length < 2 + all.readUInt16BE(0)) return;
          socket.destroy();
          done(packet.decode(all.subarray(2)));
        });
      });
    return { overUdp, overTcp };
  };
  const framed = (message: Buffer): Buffer => {
    const head = Buffer.alloc(2);
    head.writeUInt16BE(message.length);
    return Buffer.concat([head, message]);
  };
  const query = (name: string, type = "A", more: Partial<Packet> = {}) =>
    packet.encode({
      ...{ type: "query", id: 7, flags: packet.RECURSION_DESIRED },
      questions: [{ name, type: type as "A" }],
      ...more,
    });

  it("does not recurse for strangers, and answers no response", async () => {
    const { overUdp } = await serve(zonesOf(zone("s.com", [set("a.s.com", "192.0.2.1")])));
    const refused = await overUdp(query("example.org"));
    expect(refused).toMatchObject({ rcode: "REFUSED", flag_ra: false, answers: [] });
    expect(await overUdp(query("a.s.com"))).toMatchObject({
      ...{ rcode: "NOERROR", flag_aa: true, flag_ra: false },
      answers: [{ data: "192.0.2.1" }],
    });
    const response = packet.encode({ type: "response", id: 7, questions: [{ name: "a.s.com", type: "A" }] });
    expect(await overUdp(response)).toBeUndefined();
    expect(await overUdp(Buffer.from("no query"))).toBeUndefined();
    const chaos = query("version.bind", "TXT", {
      questions: [{ name: "version.bind", type: "TXT", class: "CH" }],
    });
    expect(await overUdp(chaos)).toMatchObject({ rcode: "REFUSED" });
  });

  it("answers what no datagram takes over TCP, and amplifies nothing", async () => {
    const long = Array.from({ length: 20 }, (_, index) => `"${index}${"x".repeat(200)}"`);
    const { overUdp, overTcp } = await serve(
      zonesOf(zone("t.com", [set("t.com", "", { type: "TXT", values: long })])),
    );
    expect(await overUdp(query("t.com", "TXT"))).toMatchObject({ flag_tc: true, answers: [] });
    expect((await overTcp(query("t.com", "TXT"))).answers).toHaveLength(20);
    const any = await overUdp(query("t.com", "ANY"));
    expect(any).toMatchObject({ flag_tc: false, answers: [] });
  });

  it("encodes every type", async () => {
    const sets: readonly (readonly [string, string, unknown])[] = [
      ["AAAA", "2001:db8::1", "2001:db8::1"],
      ["MX", "10 mail.e.com.", { preference: 10, exchange: "mail.e.com" }],
      ["SRV", "1 2 443 a.e.com.", { priority: 1, weight: 2, port: 443, target: "a.e.com" }],
      ["CAA", '0 issue "ca.org"', expect.objectContaining({ tag: "issue", value: "ca.org" })],
      ["PTR", "host.e.com.", "host.e.com"],
      ["CNAME", "b.e.com.", "b.e.com"],
      ["TXT", String.raw`"a \"q\"" "\101"`, [Buffer.from('a "q"'), Buffer.from("A")]],
      ["SPF", '"v=spf1"', expect.anything()],
    ];
    const { overUdp } = await serve(
      zonesOf(
        zone(
          "e.com",
          sets.map(([type, value]) => set(`${type.toLowerCase()}.e.com`, value, { type })),
        ),
      ),
    );
    for (const [type, , data] of sets) {
      const answer = await overUdp(query(`${type.toLowerCase()}.e.com`, type));
      expect(answer?.answers?.[0], type).toMatchObject({ data });
    }
    expect(await overUdp(query("e.com", "SOA"))).toMatchObject({ answers: [{ data: { minimum: 300 } }] });
  });
});

describe("the agent's checks of a zone", () => {
  const good = zone("good.com", [set("a.good.com", "192.0.2.1")]);
  const check = (changes: Partial<DnsZone>, key = `zone/${good.id}`) =>
    checkAssignment({ kind: "zone", key, zone: { ...good, ...changes } });

  it("accepts a zone", () => expect(check({})).toMatchObject({ type: "accepted" }));

  it.each<[string, Partial<DnsZone>]>([
    ["a name that is too long", { name: `${"a.".repeat(130)}com` }],
    ["a label that is too long", { name: `${"a".repeat(64)}.com` }],
    ["a name with other characters", { recordSets: [set("a\n.com", "192.0.2.1")] }],
    [
      "an address that is none",
      {
        recordSets: [set("a.com", "", { alias: { target: "b.com", isInZone: false, addresses: ["x"] } })],
      },
    ],
    ["a version that is no number", { version: Number.NaN }],
    [
      "a policy that is unknown",
      { recordSets: [set("a.com", "1.1.1.1", { routing: { type: "x" } as never })] },
    ],
  ])("refuses %s", (_, changes) => expect(check(changes)).toMatchObject({ type: "refused" }));
});
