import { X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect as connectTcp, createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, createServer as createTlsServer, type ConnectionOptions, type TLSSocket } from "node:tls";
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { connectLink } from "@gantry/agent-app/link";
import {
  controlPlaneIdentity,
  LINK_PROTOCOL,
  nodeIdentity,
  writeMessage,
  type NodeCredentials,
} from "@gantry/agent-protocol";
import { AgentServer } from "@gantry/control-plane/agent-stream";
import { ensureLink, localNodeId, type Link } from "@gantry/control-plane/link";
import type { NodeConnection } from "@gantry/controllers";
import { jsonLogger, VirtualClock } from "@gantry/kernel";
import {
  issueLinkCertificate,
  newAuthority,
  newLinkAuthority,
  openAuthority,
  type Authority,
  type AuthorityFiles,
} from "@gantry/tls";

const INSTANCE = "default";
const NODE = localNodeId(INSTANCE);
const DAY_MS = 24 * 60 * 60_000;
const lifetime = { from: Date.now() - DAY_MS, to: Date.now() + DAY_MS };
const hello = {
  type: "hello",
  nodeId: NODE,
  hostname: "host",
  cpu: 1,
  memoryMiB: 1,
  pid: 1,
} as const;

let folder: string;
let link: Link;
let platform: Authority;
let otherLink: AuthorityFiles;
const opened: { destroy(): unknown }[] = [];

beforeAll(async () => {
  platform = openAuthority(await newAuthority(Date.now()));
  otherLink = await newLinkAuthority(Date.now());
});

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "gantry-link-"));
  link = await ensureLink({ folder, instance: INSTANCE, now: Date.now() });
});

afterEach(() => {
  for (const each of opened.splice(0)) each.destroy();
  rmSync(folder, { recursive: true });
});

const credentialsFile = () => join(folder, "node/link.json");
const credentials = () => JSON.parse(readFileSync(credentialsFile(), "utf8")) as NodeCredentials; // ensureLink wrote it.

/** The control plane's side, with a gateway that writes down what reaches it. */
async function listen() {
  const clock = new VirtualClock();
  const received: unknown[] = [];
  const warnings: { message: string }[] = [];
  const connected = new Set<NodeConnection>();
  const agents = new AgentServer(link, {
    clock,
    gateway: {
      connect: (peer) => void connected.add(peer),
      disconnect: (peer) => void connected.delete(peer),
      receive: (_peer, envelope) => void received.push(envelope.message),
    },
    log: jsonLogger({
      clock,
      level: "warn",
      write: (line) => void warnings.push(JSON.parse(line) as { message: string }), // The logger wrote it.
    }),
  });
  const port = await portOf(agents.server);
  opened.push({ destroy: () => agents.close() });
  return { agents, port, clock, received, warnings, connected };
}

async function portOf(server: Server): Promise<number> {
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  opened.push({ destroy: () => server.close() });
  return (server.address() as AddressInfo).port; // It listens on a port.
}

/** A peer that presents these credentials, says hello, and waits for the end of the connection; answers what it was sent. */
async function attack(port: number, presented: Partial<ConnectionOptions>): Promise<string> {
  const socket = connect({
    port,
    host: "127.0.0.1",
    ALPNProtocols: [LINK_PROTOCOL],
    rejectUnauthorized: false,
    ...presented,
  });
  opened.push(socket);
  socket.on("secureConnect", () => socket.write(writeMessage({ sequence: 1, message: hello })));
  return untilClosed(socket);
}

function untilClosed(socket: Socket): Promise<string> {
  let text = "";
  socket.on("data", (chunk) => (text += chunk.toString()));
  socket.on("error", () => {});
  return new Promise((done) => socket.on("close", () => done(text)));
}

const open = async (port: number): Promise<TLSSocket> => {
  const socket = await connectLink({
    host: "127.0.0.1",
    port,
    instance: INSTANCE,
    credentialsFile: credentialsFile(),
  });
  opened.push(socket);
  return socket;
};

async function eventually(check: () => void): Promise<void> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      check();
      return;
    } catch (thrown) {
      if (attempt > 200) throw thrown;
      await new Promise((done) => setTimeout(done, 10));
    }
  }
}

// Before: the agent sent its bearer token in clear to whoever answered on the control plane's port, and did what it said.
describe("whoever takes the control plane's port", () => {
  it("gets nothing of the agent but the start of a handshake", async () => {
    let bytes = Buffer.alloc(0);
    const port = await portOf(
      createServer((socket) => {
        opened.push(socket);
        socket.on("data", (chunk: Buffer) => {
          bytes = Buffer.concat([bytes, chunk]);
          socket.end('HTTP/1.1 101 Switching Protocols\r\n\r\n{"sequence":1,"message":{"type":"sync"}}\n');
        });
      }),
    );
    await expect(open(port)).rejects.toThrow();
    const { certificatePem, keyPem } = credentials();
    expect(bytes.subarray(0, 3).toString("hex")).toBe("160301"); // A TLS handshake record.
    for (const secret of [
      "hello",
      "Bearer",
      NODE,
      certificatePem,
      keyPem,
      new X509Certificate(certificatePem).raw.toString("latin1"),
    ])
      expect(bytes.toString("latin1")).not.toContain(secret);
  });

  const imposters: readonly (readonly [string, () => Promise<AuthorityFiles>])[] = [
    ["a tenant's certificate of ACM", () => platform.issue(["control-plane", "127.0.0.1"], Date.now())],
    [
      "a tenant's certificate of ACM whose name is the control plane's",
      () => platform.issue([controlPlaneIdentity(INSTANCE)], Date.now()),
    ],
    ["the node's own certificate", async () => credentials()],
    [
      "a certificate with another identity",
      () =>
        issueLinkCertificate(link.authority, {
          identity: nodeIdentity(INSTANCE, NODE),
          usage: "server",
          ...lifetime,
        }),
    ],
    [
      "another instance's control plane",
      () =>
        issueLinkCertificate(link.authority, {
          identity: controlPlaneIdentity("other"),
          usage: "server",
          ...lifetime,
        }),
    ],
    [
      "another link authority",
      () =>
        issueLinkCertificate(otherLink, {
          identity: controlPlaneIdentity(INSTANCE),
          usage: "server",
          ...lifetime,
        }),
    ],
    [
      "an expired certificate",
      () =>
        issueLinkCertificate(link.authority, {
          identity: controlPlaneIdentity(INSTANCE),
          usage: "server",
          from: Date.now() - 2 * DAY_MS,
          to: Date.now() - DAY_MS,
        }),
    ],
  ];
  it.each(imposters)("is not believed with %s", async (_name, issue) => {
    const { certificatePem: cert, keyPem: key } = await issue();
    let heard = "";
    const port = await portOf(
      createTlsServer(
        { cert, key, ALPNProtocols: [LINK_PROTOCOL], requestCert: true, rejectUnauthorized: false },
        (socket) => {
          opened.push(socket);
          socket.on("error", () => {});
          socket.on("data", (chunk: Buffer) => (heard += chunk.toString()));
        },
      ),
    );
    await expect(open(port)).rejects.toThrow();
    expect(heard).toBe("");
  });
});

// Before: any program that had the token, which stood in the process list, was the node.
describe("whoever connects as an agent", () => {
  const fakes: readonly (readonly [string, () => Promise<Partial<ConnectionOptions>>])[] = [
    ["no certificate", async () => ({})],
    [
      "a tenant's certificate of ACM",
      async () => {
        const issued = await platform.issue([nodeIdentity(INSTANCE, NODE)], Date.now());
        return { cert: `${issued.certificatePem}\n${issued.chainPem}`, key: issued.keyPem };
      },
    ],
    ["the control plane's certificate", async () => pairOf(link.controlPlane)],
    [
      "another node's certificate",
      async () =>
        pairOf(
          await issueLinkCertificate(link.authority, {
            identity: nodeIdentity(INSTANCE, "node-2"),
            usage: "client",
            ...lifetime,
          }),
        ),
    ],
    [
      "a certificate for the node that is not its current one",
      async () =>
        pairOf(
          await issueLinkCertificate(link.authority, {
            identity: nodeIdentity(INSTANCE, NODE),
            usage: "client",
            ...lifetime,
          }),
        ),
    ],
    [
      "an expired certificate for the node",
      async () =>
        pairOf(
          await issueLinkCertificate(link.authority, {
            identity: nodeIdentity(INSTANCE, NODE),
            usage: "client",
            from: Date.now() - 2 * DAY_MS,
            to: Date.now() - DAY_MS,
          }),
        ),
    ],
    [
      "another link authority's certificate",
      async () =>
        pairOf(
          await issueLinkCertificate(otherLink, {
            identity: nodeIdentity(INSTANCE, NODE),
            usage: "client",
            ...lifetime,
          }),
        ),
    ],
    [
      "the node's certificate and another key",
      async () => ({ ...pairOf(link.controlPlane), cert: credentials().certificatePem }),
    ],
    ["another protocol", async () => ({ ...pairOf(credentials()), ALPNProtocols: ["http/1.1"] })],
    ["no protocol", async () => ({ ...pairOf(credentials()), ALPNProtocols: [] })],
  ];
  it.each(fakes)("is refused with %s", async (_name, present) => {
    const { port, received, connected } = await listen();
    const said = await attackOrThrow(port, present);
    expect(said).toBe("");
    expect([...connected, ...received]).toEqual([]);
  });

  it("is refused when it replays another connection's bytes", async () => {
    const { port, received } = await listen();
    const bytes: Buffer[] = [];
    const relay = await portOf(
      createServer((client) => {
        const upstream = connectTcp(port, "127.0.0.1");
        opened.push(client, upstream);
        client.on("data", (chunk: Buffer) => bytes.push(chunk));
        client.pipe(upstream).pipe(client);
      }),
    );
    const socket = await open(relay);
    socket.write(writeMessage({ sequence: 1, message: hello }));
    await eventually(() => expect(received).toHaveLength(1));
    socket.destroy();
    const replay = connectTcp(port, "127.0.0.1");
    opened.push(replay);
    replay.write(Buffer.concat(bytes));
    await untilClosed(replay);
    expect(received).toHaveLength(1);
  });

  it("speaks for its own node alone", async () => {
    const { port, received, connected } = await listen();
    const socket = await open(port);
    socket.write(writeMessage({ sequence: 1, message: { ...hello, nodeId: "node-2" } }));
    await untilClosed(socket);
    await eventually(() => expect(connected.size).toBe(0));
    expect(received).toEqual([]);
  });
});

// Before: the last one to connect replaced the one before without a word.
describe("a second agent with the same certificate", () => {
  /** An agent that answers pings, as the real one does. */
  function answering(socket: TLSSocket): TLSSocket {
    socket.on("data", (chunk: Buffer) => {
      if (chunk.toString().includes('"ping"'))
        socket.write(writeMessage({ sequence: 0, message: { type: "pong" } }));
    });
    return socket;
  }

  it("is refused while the first one answers, and the log says so", async () => {
    const { port, connected, warnings } = await listen();
    const first = answering(await open(port));
    await eventually(() => expect(connected.size).toBe(1));
    const second = await open(port);
    expect(await untilClosed(second)).toContain('"type":"refused"');
    expect(first.destroyed).toBe(false);
    expect(warnings.map((each) => each.message)).toEqual([expect.stringContaining("second agent")]);
  });

  it("takes the place of one that does not answer", async () => {
    const { port, clock, connected } = await listen();
    const first = await open(port);
    first.on("error", () => {});
    await eventually(() => expect(connected.size).toBe(1));
    const [peer] = connected;
    await open(port);
    await new Promise((done) => setTimeout(done, 50));
    expect([...connected]).toEqual([peer]);
    await clock.advance(2_000);
    await eventually(() => expect(connected.size === 1 && !connected.has(peer as NodeConnection)).toBe(true));
  });

  it("gets in at once after the first one was killed", async () => {
    const { port, connected, received } = await listen();
    (await open(port)).destroy();
    const again = await open(port);
    again.write(writeMessage({ sequence: 1, message: hello }));
    await eventually(() => expect(received).toEqual([hello]));
    expect(connected.size).toBe(1);
  });
});

describe("renewed certificates", () => {
  it("replace those that expire within a month, and the link goes on with them", async () => {
    const { agents, port, received } = await listen();
    const before = credentials();
    link = await ensureLink({ folder, instance: INSTANCE, now: Date.now() + 59 * DAY_MS });
    expect(credentials()).toEqual(before);
    link = await ensureLink({ folder, instance: INSTANCE, now: Date.now(), replace: "node" });
    agents.renew(link);
    expect(credentials().certificatePem).not.toBe(before.certificatePem);
    expect(credentials().caPem).toBe(before.caPem);
    // The replaced certificate is worth nothing from here on, though its authority and its dates are good.
    expect(await attack(port, pairOf(before))).toBe("");
    expect(received).toEqual([]);
    (await open(port)).write(writeMessage({ sequence: 1, message: hello }));
    await eventually(() => expect(received).toEqual([hello]));
  });

  it("are made when a third of their time is left, or when the clock was set back", async () => {
    const serial = (files: AuthorityFiles) => new X509Certificate(files.certificatePem).serialNumber;
    const later = await ensureLink({ folder, instance: INSTANCE, now: Date.now() + 61 * DAY_MS });
    expect(serial(later.controlPlane)).not.toBe(serial(link.controlPlane));
    expect(serial(later.authority)).toBe(serial(link.authority));
    const earlier = await ensureLink({ folder, instance: INSTANCE, now: Date.now() });
    expect(serial(earlier.controlPlane)).not.toBe(serial(later.controlPlane));
  });

  it("reach the node's file even where a crash came between", async () => {
    writeFileSync(credentialsFile(), "{");
    await ensureLink({ folder, instance: INSTANCE, now: Date.now() });
    expect(credentials().certificatePem).toBe(link.nodes[NODE]?.certificatePem);
  });
});

function pairOf(files: AuthorityFiles): { cert: string; key: string } {
  return { cert: files.certificatePem, key: files.keyPem };
}

/** A key that is not the certificate's fails before anything is sent; that is a refusal too. */
async function attackOrThrow(
  port: number,
  present: () => Promise<Partial<ConnectionOptions>>,
): Promise<string> {
  const presented = await present();
  try {
    return await attack(port, presented);
  } catch {
    return "";
  }
}
