import { once } from "node:events";
import { createServer } from "node:https";
import { connect, type AddressInfo } from "node:net";
import { connect as connectTls } from "node:tls";
import { encodeRelayHeader, readRelayHeader } from "@gantry/agent-protocol";
import { SystemClock } from "@gantry/kernel";
import { newAuthority, openAuthority } from "@gantry/tls";
import { afterAll, describe, expect, it } from "vitest";
import { secureContexts } from "../../apps/control-plane/certificates.ts";
import { RelayedConnections } from "../../apps/control-plane/relayed-connections.ts";

const KEY = "11".repeat(32);
const authority = openAuthority(await newAuthority(new SystemClock().now()));
const server = createServer(
  { SNICallback: secureContexts(authority, new SystemClock()) },
  (asked, response) => response.end(front.sourceOf(asked.socket)),
);
const front = new RelayedConnections(KEY, server);
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
  it("is what the relay says", async () => {
    expect(await seenAddress(header("10.0.1.7"))).toBe("10.0.1.7");
  });

  it("is the peer's address without a relay, whatever the request says", async () => {
    const claims = "x-forwarded-for: 10.0.1.7\r\nforwarded: for=10.0.1.7\r\n";
    expect(await seenAddress(Buffer.alloc(0), claims)).toBe("127.0.0.1");
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
  ])("is not what %s says: the connection is closed", async (_, ahead) => {
    await expect(seenAddress(ahead)).rejects.toThrow();
  });

  it("is not what a header says in which one bit is changed", () => {
    for (let bit = 0; bit < header("10.0.1.7").length * 8; bit += 1) {
      const forged = Buffer.from(header("10.0.1.7"));
      forged.writeUInt8(forged.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
      expect(readRelayHeader(KEY, forged).type, `bit ${bit}`).toMatch(/^(?:none|forged)$/);
    }
  });
});
