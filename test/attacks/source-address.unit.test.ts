import { once } from "node:events";
import { createServer } from "node:https";
import { connect, type AddressInfo } from "node:net";
import { connect as connectTls } from "node:tls";
import { encodeRelayHeader, readRelayHeader } from "@gantry/agent-protocol";
import { SystemClock } from "@gantry/kernel";
import { newAuthority, openAuthority } from "@gantry/tls";
import { afterAll, describe, expect, it } from "vitest";
import { secureContexts } from "../../apps/control-plane/secure-contexts.ts";
import { RelayedConnections } from "../../apps/control-plane/relayed-connections.ts";

const KEY = "11".repeat(32);
const authority = openAuthority(await newAuthority(new SystemClock().now()));
const server = createServer(
  { SNICallback: secureContexts(authority, new SystemClock()) },
  (asked, response) => response.end(front.sourceOf(asked.socket)),
);
server.emit("listening"); // Starts the time limits for slow clients.
const front = new RelayedConnections(KEY, () => Promise.resolve(server));
front.server.listen(0, "127.0.0.1");
await once(front.server, "listening");
const { port } = front.server.address() as AddressInfo; // A listening TCP server has an address.
afterAll(() => {
  front.server.close();
  server.closeAllConnections();
});

const header = (address: string, key = KEY) =>
  encodeRelayHeader(key, { address, port: 40_000 }, { address: "169.254.170.10", port: 443 });

/** The address that the control plane sees; rejects where the connection is closed. */
async function seenAddress(ahead: Buffer, headers = ""): Promise<string> {
  const raw = connect(port, "127.0.0.1");
  raw.write(ahead);
  const socket = connectTls({ socket: raw, servername: "sts.amazonaws.com", rejectUnauthorized: false });
  const failed = new Promise<never>((_, reject) => {
    raw.on("error", reject);
    socket.on("error", reject);
  });
  const answered = socket
    .end(`GET / HTTP/1.1\r\nhost: sts.amazonaws.com\r\nconnection: close\r\n${headers}\r\n`)
    .toArray()
    .then((chunks) => Buffer.concat(chunks).toString());
  const text = await Promise.race([answered, failed]);
  if (!text.startsWith("HTTP/1.1 200")) throw new Error("The connection was closed.");
  return /([\d.]+)\s*(?:0\s*)?$/.exec(text.split("\r\n\r\n")[1] ?? "")?.[1] ?? "";
}

// Before: every request of a task had the address 127.0.0.1, whatever sent it.
describe("aws:SourceIp of a relayed connection", () => {
  const origin = { vpcId: "vpc-0123456789abcdef0", sourceIp: "10.0.1.7", destinationIp: "10.0.2.9" };
  const withOrigin = encodeRelayHeader(
    KEY,
    { address: "198.18.0.1", port: 40_000 },
    { address: "100.64.0.1", port: 443 },
    origin,
  );

  it("is the address that the relay signs", async () => {
    expect(await seenAddress(header("10.0.1.7"))).toBe("10.0.1.7");
  });

  it("is the peer's address without a relay, regardless of the request", async () => {
    const claims = "x-forwarded-for: 10.0.1.7\r\nforwarded: for=10.0.1.7\r\n";
    expect(await seenAddress(Buffer.alloc(0), claims)).toBe("127.0.0.1");
  });

  // Before: the port alone identified a relayed connection, so that whoever chose the port of one that was open
  // had the address and the VPC endpoint of its task, at each port and address of the API.
  it("is not that of an open connection whose port another peer or another server's client has", async () => {
    const relayed = connect(port, "127.0.0.1");
    relayed.write(withOrigin);
    relayed.write("x");
    await once(relayed, "connect");
    const relayedFrom = { remoteAddress: "127.0.0.1", remotePort: relayed.localPort };
    const at = { localAddress: "127.0.0.1", localPort: port };
    await expect.poll(() => front.originOf({ ...relayedFrom, ...at })).toMatchObject(origin);
    for (const socket of [
      { ...relayedFrom, ...at, remoteAddress: "127.0.0.2" },
      { ...relayedFrom, ...at, localPort: port + 1 },
      { ...relayedFrom, ...at, localAddress: "127.0.0.9" },
      { ...relayedFrom, ...at, remoteAddress: "203.0.113.9", localAddress: "198.51.100.1", localPort: 4566 },
    ]) {
      expect(front.originOf(socket)).toBeUndefined();
      expect(front.sourceOf(socket)).toBe(socket.remoteAddress);
    }
    relayed.destroy();
    await expect.poll(() => front.originOf({ ...relayedFrom, ...at })).toBeUndefined();
  });

  it.each([
    ["another key", header("10.0.1.7", "22".repeat(32))],
    ["the text form of the header", Buffer.from("PROXY TCP4 10.0.1.7 10.0.0.1 1 2\r\n")],
    ["a second header", Buffer.concat([header("10.0.1.7"), header("10.0.1.8")])],
    [
      "a header without an HMAC",
      Buffer.concat([
        header("10.0.1.7").subarray(0, 14),
        Buffer.from([0, 12]),
        header("10.0.1.7").subarray(16, 28),
      ]),
    ],
  ])("is not taken from %s: the connection is closed", async (_, ahead) => {
    await expect(seenAddress(ahead)).rejects.toThrow();
  });

  it("comes with the place in the VPC that the relay says", () => {
    const read = readRelayHeader(KEY, Buffer.concat([withOrigin, Buffer.from("more")]));
    expect(read).toMatchObject({ type: "header", origin, bytes: withOrigin.length });
    expect(readRelayHeader(KEY, header("10.0.1.7"))).toMatchObject({ origin: undefined });
    expect(readRelayHeader(KEY, withOrigin.subarray(0, -1)).type).toBe("incomplete");
  });

  it.each([
    ["without an origin", header("10.0.1.7")],
    ["with an origin", withOrigin],
  ])("is not what a header %s says in which one bit is changed", (_, whole) => {
    for (let bit = 0; bit < whole.length * 8; bit += 1) {
      const forged = Buffer.from(whole);
      forged.writeUInt8(forged.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
      expect(readRelayHeader(KEY, forged).type, `bit ${bit}`).toMatch(/^(?:none|forged)$/);
    }
  });
});
