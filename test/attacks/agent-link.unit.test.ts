import { X509Certificate } from "node:crypto";
import { connect as connectTcp, createServer } from "node:net";
import { createServer as createTlsServer, type ConnectionOptions } from "node:tls";
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { controlPlaneIdentity, LINK_PROTOCOL, nodeIdentity, writeMessage } from "@gantry/agent-protocol";
import {
  issueLinkCertificate,
  newAuthority,
  newLinkAuthority,
  openAuthority,
  type Authority,
  type AuthorityFiles,
} from "@gantry/tls";
import {
  DAY_MS,
  eventually,
  HELLO,
  INSTANCE,
  NODE,
  openLinkWorld,
  pairOf,
  untilClosed,
} from "./agent-link-world.ts";

const lifetime = { from: Date.now() - DAY_MS, to: Date.now() + DAY_MS };
let platform: Authority;
let otherLink: AuthorityFiles;

beforeAll(async () => {
  platform = openAuthority(await newAuthority(Date.now()));
  otherLink = await newLinkAuthority(Date.now());
});

let world: Awaited<ReturnType<typeof openLinkWorld>>;

beforeEach(async () => {
  world = await openLinkWorld();
});

afterEach(() => world.close());

// Before: the agent sent its bearer token in clear to whoever answered on the control plane's port, and did
// what it said.
describe("a program that takes the control plane's port", () => {
  it("receives nothing from the agent but the start of a handshake", async () => {
    let bytes = Buffer.alloc(0);
    const port = await world.portOf(
      createServer((socket) => {
        world.opened.push(socket);
        socket.on("error", () => {});
        socket.on("data", (chunk: Buffer) => {
          bytes = Buffer.concat([bytes, chunk]);
          socket.end('HTTP/1.1 101 Switching Protocols\r\n\r\n{"sequence":1,"message":{"type":"sync"}}\n');
        });
      }),
    );
    await expect(world.open(port)).rejects.toThrow();
    const { certificatePem, keyPem } = world.credentials();
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
    ["the node's own certificate", async () => world.credentials()],
    [
      "a certificate with another identity",
      () =>
        issueLinkCertificate(world.link.authority, {
          identity: nodeIdentity(INSTANCE, NODE),
          usage: "server",
          ...lifetime,
        }),
    ],
    [
      "another instance's control plane",
      () =>
        issueLinkCertificate(world.link.authority, {
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
        issueLinkCertificate(world.link.authority, {
          identity: controlPlaneIdentity(INSTANCE),
          usage: "server",
          from: Date.now() - 2 * DAY_MS,
          to: Date.now() - DAY_MS,
        }),
    ],
  ];
  it.each(imposters)("is not trusted with %s", async (_name, issue) => {
    const { certificatePem: cert, keyPem: key } = await issue();
    let heard = "";
    const port = await world.portOf(
      createTlsServer(
        { cert, key, ALPNProtocols: [LINK_PROTOCOL], requestCert: true, rejectUnauthorized: false },
        (socket) => {
          world.opened.push(socket);
          socket.on("error", () => {});
          socket.on("data", (chunk: Buffer) => (heard += chunk.toString()));
        },
      ),
    );
    await expect(world.open(port)).rejects.toThrow();
    expect(heard).toBe("");
  });
});

// Before: any program that had the token, which stood in the process list, was the node.
describe("a client that connects as an agent", () => {
  const fakes: readonly (readonly [string, () => Promise<Partial<ConnectionOptions>>])[] = [
    ["no certificate", async () => ({})],
    [
      "a tenant's certificate of ACM",
      async () => {
        const issued = await platform.issue([nodeIdentity(INSTANCE, NODE)], Date.now());
        return { cert: `${issued.certificatePem}\n${issued.chainPem}`, key: issued.keyPem };
      },
    ],
    ["the control plane's certificate", async () => pairOf(world.link.controlPlane)],
    [
      "another node's certificate",
      async () =>
        pairOf(
          await issueLinkCertificate(world.link.authority, {
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
          await issueLinkCertificate(world.link.authority, {
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
          await issueLinkCertificate(world.link.authority, {
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
      async () => ({ ...pairOf(world.link.controlPlane), cert: world.credentials().certificatePem }),
    ],
    ["another protocol", async () => ({ ...pairOf(world.credentials()), ALPNProtocols: ["http/1.1"] })],
    ["no protocol", async () => ({ ...pairOf(world.credentials()), ALPNProtocols: [] })],
  ];
  it.each(fakes)("is refused with %s", async (_name, present) => {
    const { port, received, connected } = await world.listen();
    const said = await attackOrThrow(port, present);
    expect(said).toBe("");
    expect([...connected, ...received]).toEqual([]);
  });

  it("is refused when it replays another connection's bytes", async () => {
    const { port, received } = await world.listen();
    const bytes: Buffer[] = [];
    const relay = await world.portOf(
      createServer((client) => {
        const upstream = connectTcp(port, "127.0.0.1");
        world.opened.push(client, upstream);
        for (const each of [client, upstream]) each.on("error", () => {});
        client.on("data", (chunk: Buffer) => bytes.push(chunk));
        client.pipe(upstream).pipe(client);
      }),
    );
    const socket = await world.open(relay);
    socket.write(writeMessage({ sequence: 1, message: HELLO }));
    await eventually(() => expect(received).toHaveLength(1));
    socket.destroy();
    const replay = connectTcp(port, "127.0.0.1");
    world.opened.push(replay);
    replay.write(Buffer.concat(bytes));
    await untilClosed(replay);
    expect(received).toHaveLength(1);
  });

  it("speaks for its own node alone", async () => {
    const { port, received, connected } = await world.listen();
    const socket = await world.open(port);
    socket.write(writeMessage({ sequence: 1, message: { ...HELLO, nodeId: "node-2" } }));
    await untilClosed(socket);
    await eventually(() => expect(connected.size).toBe(0));
    expect(received).toEqual([]);
  });
});

/** A key that is not the certificate's fails before anything is sent; that is a refusal too. */
async function attackOrThrow(
  port: number,
  present: () => Promise<Partial<ConnectionOptions>>,
): Promise<string> {
  const presented = await present();
  try {
    return await world.attack(port, presented);
  } catch {
    return "";
  }
}
