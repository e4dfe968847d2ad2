import { request } from "node:http";
import { connect, type AddressInfo, type Server, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { startApi } from "@gantry/testkit";
import { newAuthority, openAuthority } from "@gantry/tls";
import { describe, expect, it, onTestFinished } from "vitest";
import { newHttpServer, newHttpsServer } from "./http-server.ts";

it("answers a client that offers HTTP/2 by HTTP/1.1", async () => {
  const api = await startApi();
  const headers = {
    connection: "Upgrade, HTTP2-Settings",
    upgrade: "h2c",
    "http2-settings": "AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA",
  };
  const status = await new Promise((resolve, reject) => {
    request({ port: api.port, path: "/no-bucket/key", headers }, (response) =>
      resolve(response.resume().statusCode),
    )
      .on("error", reject)
      .end();
  });
  expect(status).toBe(403);
  api.close();
});

// Before: the TLS listener had none of these bounds: a client that sent nothing kept its connection for ever.
describe("a client that is silent", () => {
  const nobody = () => Promise.resolve();

  async function portOf(server: Server): Promise<number> {
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    onTestFinished(() => void server.close());
    return (server.address() as AddressInfo).port; // It listens on a port.
  }

  /** Milliseconds until the server closes the connection. */
  async function lifetimeOf(socket: Socket): Promise<number> {
    const since = performance.now();
    socket.on("error", () => {});
    socket.resume();
    await new Promise((done) => socket.on("close", done));
    return performance.now() - since;
  }

  async function newTlsServer(timeouts: { idleMs?: number; handshakeMs?: number }) {
    const issued = await openAuthority(await newAuthority(Date.now())).issue(["localhost"], Date.now());
    return newHttpsServer({ cert: issued.certificatePem, key: issued.keyPem }, nobody, timeouts);
  }

  it("is disconnected, without and with TLS, during the handshake and after it", async () => {
    const plain = await portOf(newHttpServer(nobody, { idleMs: 200 }));
    const tls = await portOf(await newTlsServer({ idleMs: 200 }));
    const slow = await portOf(await newTlsServer({ handshakeMs: 200 }));
    const lifetimes = await Promise.all([
      lifetimeOf(connect(plain, "127.0.0.1")),
      lifetimeOf(connectTls({ port: tls, host: "127.0.0.1", rejectUnauthorized: false })),
      lifetimeOf(connect(slow, "127.0.0.1")),
    ]);
    // Without these limits it is kept for minutes.
    expect(Math.max(...lifetimes)).toBeLessThan(15_000);
  });

  it("has the same limits on both", async () => {
    const [plain, tls] = [newHttpServer(nobody), await newTlsServer({})];
    const bounds = ({
      headersTimeout,
      requestTimeout,
      keepAliveTimeout,
      timeout,
    }: typeof plain | typeof tls) => ({
      ...{ headersTimeout, requestTimeout, keepAliveTimeout, timeout },
    });
    expect(bounds(tls)).toEqual(bounds(plain));
    expect(Object.values(bounds(tls)).every((bound) => bound > 0)).toBe(true);
  });
});

// Before: one with an expectation that is not 100-continue was not looked at.
it.each(["", "expect: 100-continue\r\n", "expect: other\r\n"])(
  "refuses a request with two hosts and %j",
  async (more) => {
    const server = newHttpServer(async (_, response) => void response.end());
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    onTestFinished(() => void server.close());
    const socket = connect((server.address() as AddressInfo).port, "127.0.0.1"); // It listens on a port.
    socket.end(`GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n${more}\r\n`);
    let answer = "";
    for await (const chunk of socket) answer += String(chunk);
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
  },
);
