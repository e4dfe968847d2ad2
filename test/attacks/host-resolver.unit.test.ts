import { createSocket, type Socket } from "node:dgram";
import { connect, createServer } from "node:net";
import packet, { type Packet } from "dns-packet";
import { messageProblem } from "@gantry/agent/checks/check-message";
import { DnsServer } from "@gantry/agent/dns/dns-server";
import { framed, Forwarder } from "@gantry/agent/dns/forward";
import { CODES, type Resolution } from "@gantry/agent/dns/messages";
import { resolveOnHost } from "@gantry/agent/dns/resolve";
import { silentLogger, SystemClock, randomIds } from "@gantry/kernel";
import { nameServersIn } from "@gantry/kernel/dns/host-resolver";
import type { DnsRecordSet, DnsZone } from "@gantry/kernel/dns/zone-content";
import { Zones } from "@gantry/kernel/dns/zones";
import { afterEach, describe, expect, it } from "vitest";

// The resolver that `gantry dns install` has the host's own programs ask. Before: no program of the host asked the
// instance, and the agent took the first datagram that arrived at its port for an answer of the host's resolver.

const OPERATOR = "000000000000";
const TENANT = "111111111111";
const ADDRESS = "127.0.153.1";

let order = 0;
const set = (name: string, value: string, more: Partial<DnsRecordSet> = {}): DnsRecordSet => ({
  ...{ name, type: "A", ttl: 60, values: [value] },
  ...more,
});
const zone = (name: string, recordSets: readonly DnsRecordSet[], more: Partial<DnsZone> = {}): DnsZone => ({
  ...{ id: `Z${(order += 1)}`, name, order, version: 1, account: OPERATOR },
  ...{ isPrivate: false, vpcIds: [], nameServers: ["ns.example.org"] },
  ...more,
  recordSets: [set(name, "ns. host. 1 7200 900 1209600 300", { type: "SOA" }), ...recordSets],
});
const zonesOf = (...all: readonly DnsZone[]): Zones => {
  const zones = new Zones();
  for (const each of all) zones.put(each);
  return zones;
};
const ask = (zones: Zones, name: string, type = "A"): Resolution =>
  resolveOnHost(zones, { address: ADDRESS, account: OPERATOR }, { name, type }, () => 0);
const values = (resolution: Resolution) => resolution.records.map(({ value }) => value);

describe("names of the host", () => {
  it.each([
    ["talk.example", ["198.18.1.5"]],
    ["WWW.talk.example.", ["web.elb.localhost.", "127.0.0.1"]],
    ["web-1.eu-south-1.elb.localhost", ["127.0.0.1"]],
    ["bucket.s3.eu-south-1.amazonaws.com", [ADDRESS]],
    ["000000000000.dkr.ecr.eu-south-1.amazonaws.com", [ADDRESS]],
    ["sts.amazonaws.com", [ADDRESS]],
  ])("%s leads to %j", (name, expected) => {
    const zones = zonesOf(
      zone("talk.example", [
        set("talk.example", "", {
          ...{
            values: [],
            alias: { target: "web.elb.localhost", isInZone: false, addresses: ["198.18.1.5"] },
          },
        }),
        set("www.talk.example", "web.elb.localhost.", { type: "CNAME" }),
      ]),
    );
    expect(values(ask(zones, name))).toEqual(expected);
    expect(ask(zones, name, "AAAA")).toMatchObject({ type: "reply", code: CODES.found });
  });

  it.each([
    "example.org",
    "amazonaws.com.evil.example",
    "notamazonaws.com",
    "db.x.eu-south-1.rds.amazonaws.com",
  ])("%s is asked of the resolvers that the host had", (name) =>
    expect(ask(zonesOf(), name)).toEqual({ type: "forward", name, records: [] }),
  );

  it("are not answered from private zones, by whatever record leads there", () => {
    const secret = zone("secret.example", [set("db.secret.example", "10.0.0.5")], {
      ...{ isPrivate: true, vpcIds: ["vpc-a"] },
    });
    const lure = zone("lure.example", [set("a.lure.example", "db.secret.example.", { type: "CNAME" })]);
    const zones = zonesOf(secret, lure);
    expect(ask(zones, "db.secret.example")).toMatchObject({ type: "forward", records: [] });
    expect(ask(zones, "a.lure.example")).toMatchObject({ type: "forward", name: "db.secret.example" });
  });

  it("are not those of other accounts' zones, which anybody may create under any name", () => {
    const zones = zonesOf(
      zone("github.com", [set("github.com", "203.0.113.66")], { account: TENANT }),
      zone("www.own.example", [set("www.own.example", "203.0.113.66")], { account: TENANT }),
      zone("old.example", [set("old.example", "203.0.113.66")], { account: undefined }),
      zone("own.example", [set("own.example", "192.0.2.1")]),
    );
    for (const name of ["github.com", "www.own.example", "old.example"])
      expect(ask(zones, name), name).toEqual({ type: "forward", name, records: [] });
    expect(values(ask(zones, "own.example"))).toEqual(["192.0.2.1"]);
    const taken = zonesOf(
      zone("s3.amazonaws.com", [set("s3.amazonaws.com", "203.0.113.66")], { account: TENANT }),
    );
    expect(values(ask(taken, "s3.amazonaws.com"))).toEqual([ADDRESS]);
  });
});

const open: { close(): void }[] = [];
afterEach(() => {
  for (const each of open.splice(0)) each.close();
});

const bound = async (): Promise<Socket> => {
  const socket = createSocket("udp4");
  await new Promise<void>((done) => socket.bind(0, "127.0.0.1", done));
  open.push(socket);
  return socket;
};
const query = (name: string, more: Partial<Packet> = {}): Buffer =>
  packet.encode({
    ...{ type: "query", id: 7, flags: packet.RECURSION_DESIRED },
    questions: [{ name, type: "A" }],
    ...more,
  });
const answerTo = (message: Buffer, data: string, more: Partial<Packet> = {}): Buffer => {
  const { id = 0, questions = [] } = packet.decode(message);
  const answers = questions.map(({ name }) => ({ name, type: "A" as const, ttl: 1, data }));
  return packet.encode({ type: "response", id, questions, answers, ...more });
};

/** A resolver of the host, and a forwarder that asks it. */
async function newUpstream(
  answer: (message: Buffer, reply: (bytes: Buffer) => void, client: number) => void,
) {
  const socket = await bound();
  socket.on("message", (message, peer) =>
    answer(message, (bytes) => socket.send(bytes, peer.port, peer.address), peer.port),
  );
  const forwarder = new Forwarder({
    ...{ clock: new SystemClock(), log: silentLogger, ids: randomIds() },
    ...{ resolvers: () => ["127.0.0.1"], port: socket.address().port },
  });
  const data = async (name: string): Promise<unknown> => {
    const [record] = packet.decode(await forwarder.forward(query(name), false)).answers ?? [];
    return record?.type === "A" ? record.data : undefined;
  };
  return { socket, forwarder, data };
}

describe("answers of the host's resolvers", () => {
  it("count for their own id and question alone, and from the resolver alone", async () => {
    const stranger = await bound();
    const { data } = await newUpstream((message, reply, port) => {
      const { id = 0 } = packet.decode(message);
      stranger.send(answerTo(message, "203.0.113.1"), port, "127.0.0.1");
      reply(answerTo(message, "203.0.113.2", { id: (id + 1) % 65_536 }));
      reply(answerTo(message, "203.0.113.3", { questions: [{ name: "other.example", type: "A" }] }));
      reply(answerTo(message, "203.0.113.4", { type: "query" }));
      reply(Buffer.from("no message"));
      setTimeout(() => reply(answerTo(message, "192.0.2.1")), 20);
    });
    expect(await data("example.org")).toBe("192.0.2.1");
  });

  it("are asked for with random ids from random ports, and have the client's id", async () => {
    const [ids, ports] = [new Set<number>(), new Set<number>()];
    const { forwarder } = await newUpstream((message, reply, port) => {
      ids.add(message.readUInt16BE(0));
      ports.add(port);
      reply(answerTo(message, "192.0.2.1"));
    });
    for (let count = 0; count < 20; count += 1)
      expect((await forwarder.forward(query(`n${count}.example`), false)).readUInt16BE(0)).toBe(7);
    expect(ids.size).toBeGreaterThan(15);
    expect(ports.size).toBeGreaterThan(15);
  });

  it("end for a resolver that sends each query back", async () => {
    const circle: { ask?: (message: Buffer) => Promise<Buffer> } = {};
    let asked = 0;
    const { forwarder } = await newUpstream((message, reply) => {
      asked += 1;
      void circle.ask?.(message).then(reply, () => reply(answerTo(message, "", { answers: [], flags: 2 })));
    });
    circle.ask = (message) => forwarder.forward(message, false);
    await forwarder.forward(query("circle.example"), false);
    expect(asked).toBeLessThan(10);
  });

  it("that no datagram takes are asked for over TCP, as the client has asked", async () => {
    const { socket, forwarder } = await newUpstream(() => {});
    const tcp = createServer((client) =>
      client.on("data", (chunk: Buffer) => client.write(framed(answerTo(chunk.subarray(2), "192.0.2.9")))),
    );
    await new Promise<void>((done) => tcp.listen(socket.address().port, "127.0.0.1", done));
    open.push(tcp);
    const answer = packet.decode(await forwarder.forward(query("long.example"), true));
    expect(answer).toMatchObject({ id: 7, answers: [{ data: "192.0.2.9" }] });
  });
});

describe("the resolver's port", () => {
  const serve = async () => {
    const { forwarder } = await newUpstream((message, reply) => reply(answerTo(message, "192.0.2.1")));
    const free = await bound();
    const { port } = free.address();
    free.close();
    open.splice(open.indexOf(free), 1);
    const server = new DnsServer({
      ...{ clock: new SystemClock(), log: silentLogger, address: "127.0.0.1", port, forwarder },
      resolve: (question) =>
        resolveOnHost(zonesOf(), { address: ADDRESS, account: OPERATOR }, question, () => 0),
    });
    open.push(server);
    return port;
  };
  /** Sends bytes over TCP; resolves with what came back when the server or the test closes the connection. */
  const exchange = (port: number, bytes: Buffer, expected: number) =>
    new Promise<Buffer>((done, reject) => {
      const socket = connect(port, "127.0.0.1", () => socket.write(bytes));
      let all: Buffer = Buffer.alloc(0);
      socket.on("error", (thrown: NodeJS.ErrnoException) =>
        thrown.code === "ECONNRESET" ? done(all) : reject(thrown),
      );
      socket.on("data", (chunk: Buffer) => {
        all = Buffer.concat([all, chunk]);
        if (all.length >= expected) socket.destroy();
      });
      socket.on("close", () => done(all));
    });

  it("closes a connection that announces a message larger than any query, before it is sent", async () => {
    const port = await serve();
    expect(await exchange(port, Buffer.from([0xff, 0xff, 0x00]), 1)).toHaveLength(0);
  });

  it("closes a connection with more queries than it reads answers", async () => {
    const port = await serve();
    const many = Buffer.concat(Array.from({ length: 2_000 }, (_, each) => framed(query(`n${each}.example`))));
    expect((await exchange(port, many, many.length * 2)).length).toBeLessThan(many.length);
  });

  it("answers several queries of one connection, and a name of AWS in a small datagram", async () => {
    const port = await serve();
    const two = Buffer.concat([framed(query("example.org")), framed(query("sts.amazonaws.com"))]);
    expect((await exchange(port, two, 90)).length).toBeGreaterThan(80);
    const client = await bound();
    const size = new Promise<number>((done) => client.on("message", (message) => done(message.length)));
    client.send(query("sts.amazonaws.com"), port, "127.0.0.1");
    expect(await size).toBeLessThan(512);
  });
});

describe("the agent's checks", () => {
  const problem = (hostResolver: unknown) =>
    messageProblem({
      sequence: 1,
      message: {
        ...{ type: "sync", assignments: [], kept: [] },
        settings: { tlsHost: "127.0.0.1", tlsPort: 1, caPem: "", account: OPERATOR, hostResolver },
      },
    });
  const good = { address: ADDRESS, upstreams: ["192.0.2.1", "fd00::1"], apiPort: 4566 };

  it("let the node listen for its host at loopback alone, and ask neither itself nor a name", () => {
    expect(problem(good)).toBeUndefined();
    for (const address of ["0.0.0.0", "127.0.0.1", "192.0.2.1", "127.0.153.999", 7])
      expect(problem({ ...good, address }), String(address)).toContain("address");
    for (const upstream of [ADDRESS, "resolver.example", "", null])
      expect(problem({ ...good, upstreams: [upstream] }), String(upstream)).toContain("resolver");
    expect(problem({ ...good, apiPort: 0 })).toContain("apiPort");
  });

  it("read only addresses from resolv.conf", () =>
    expect(
      nameServersIn(
        "nameserver 10.0.0.2\n#nameserver 10.0.0.3\nnameserver\tfd00::1 ; x\nnameserver fe80::1%eth0\n",
      ),
    ).toEqual(["10.0.0.2", "fd00::1"]));
});
