import { connect, type Socket } from "node:net";
import type { AddressInfo } from "node:net";
import type { Server } from "node:http";
import { connect as connectTls } from "node:tls";
import { SystemClock, VirtualClock } from "@gantry/kernel";
import { ROOT, sendRaw, signedHeaders, startApi } from "@gantry/testkit";
import { newAuthority, openAuthority } from "@gantry/tls";
import { newHttpServer, newHttpsServer, type RequestHandler } from "@gantry/wire";
import { afterEach, beforeAll, describe, expect, it } from "vitest";

// Clients that connect and are in no hurry: they hold what they were given until somebody takes it back.
const LIMITS = { handshakeMs: 300, headersMs: 300 };
/** Before the limits, clients were disconnected after 30 s and later. */
const CLOSED_MS_MAX = 10_000;
const opened: { destroy(): void }[] = [];
const servers: Server[] = [];
afterEach(() => {
  for (const each of opened.splice(0)) each.destroy();
  for (const each of servers.splice(0)) {
    each.close();
    each.closeAllConnections();
  }
});

const answer: RequestHandler = async (request, response) => {
  request.resume();
  response.end("ok");
};
let tls = { cert: "", key: "" };
beforeAll(async () => {
  const clock = new SystemClock();
  const authority = openAuthority(await newAuthority(clock.now()));
  const issued = await authority.issue(["localhost"], clock.now());
  tls = { cert: `${issued.certificatePem}\n${issued.chainPem}`, key: issued.keyPem };
});

async function portOf(server: Server): Promise<number> {
  servers.push(server);
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  return (server.address() as AddressInfo).port; // A listening TCP server has an address.
}

/** Sends the parts, one every 50 ms, and answers after how long the server closes the connection. */
function heldFor(socket: Socket, parts: Iterable<string | Uint8Array>): Promise<number> {
  opened.push(socket);
  const began = performance.now();
  const rest = parts[Symbol.iterator]();
  const timer = setInterval(() => {
    const { value, done } = rest.next();
    if (done !== true && !socket.destroyed) socket.write(value);
  }, 50);
  return new Promise((resolve) => {
    socket.on("error", () => {});
    socket.resume();
    socket.on("close", () => {
      clearInterval(timer);
      resolve(performance.now() - began);
    });
  });
}

function* endless(text: string): Generator<string> {
  for (;;) yield text;
}

describe.each(["plain", "TLS"])("a listener that speaks %s", (kind) => {
  const listen = () =>
    portOf(kind === "TLS" ? newHttpsServer(tls, answer, LIMITS) : newHttpServer(answer, LIMITS));
  const open = (port: number): Socket =>
    kind === "TLS"
      ? connectTls({ port, host: "127.0.0.1", rejectUnauthorized: false })
      : connect(port, "127.0.0.1");

  // Before: Node looked at such connections every 30 s, so that headers were waited for up to 60 s.
  it.each([
    ["half of its headers", ["x-half: "]],
    ["a header a little at a time", { [Symbol.iterator]: () => endless("x") }],
    ["headers that never end", { [Symbol.iterator]: () => endless("a: b\r\n") }],
  ])("disconnects a client that sends %s", async (_, parts) => {
    const port = await listen();
    const socket = open(port);
    socket.write("GET / HTTP/1.1\r\nhost: x\r\n");
    expect(await heldFor(socket, parts)).toBeLessThan(CLOSED_MS_MAX);
  });
});

// Before: a handshake that does not end was waited for 120 s.
it.each([
  ["nothing", []],
  ["half of a handshake", [Buffer.from("16030100c8010000c40303", "hex")]],
  ["a record a byte at a time", { [Symbol.iterator]: () => endless("\u0016") }],
])("a TLS listener disconnects a client that sends %s", async (_, parts) => {
  const port = await portOf(newHttpsServer(tls, answer, LIMITS));
  expect(await heldFor(connect(port, "127.0.0.1"), parts)).toBeLessThan(CLOSED_MS_MAX);
});

const LIST = {
  service: "ecs",
  headers: {
    "x-amz-target": "AmazonEC2ContainerServiceV20141113.ListClusters",
    "content-type": "application/x-amz-json-1.1",
  },
  body: "{}",
};

/** A request of somebody who knows an access key's id, not its secret, with a body of which one byte comes. */
function openUnfinished(port: number, now: number): Socket {
  const { "x-amz-content-sha256": _, ...headers } = signedHeaders("127.0.0.1", LIST, now, {
    ...ROOT,
    secretAccessKey: "guessed",
  });
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  const socket = connect(port, "127.0.0.1");
  opened.push(socket);
  socket.on("error", () => {});
  socket.write(`POST / HTTP/1.1\r\n${lines.join("\r\n")}\r\ncontent-length: 1000\r\n\r\n{`);
  return socket;
}

describe("bodies that do not arrive", () => {
  // Before: each took one of the places of all requests until it ended, so that 2,000 of them had everybody
  // else throttled.
  it("take no place from requests without a body", async () => {
    const api = await startApi({ inFlightMax: 20 });
    try {
      // The service is loaded by its first request.
      await sendRaw(api.endpoint, LIST, Date.now());
      for (let count = 0; count < 40; count += 1) openUnfinished(api.port, Date.now());
      await expect.poll(() => api.connections()).toBeGreaterThanOrEqual(40);
      await new Promise((resolve) => setTimeout(resolve, 50));
      for (let count = 0; count < 5; count += 1)
        expect((await sendRaw(api.endpoint, LIST, Date.now())).status).toBe(200);
    } finally {
      api.close();
    }
  });

  // Before: a body of an ordinary call might take 30 minutes.
  it("have a time limit that a slow line meets", async () => {
    const clock = new VirtualClock();
    const api = await startApi({ clock });
    try {
      const socket = openUnfinished(api.port, clock.now());
      let isClosed = false;
      socket.resume().on("close", () => (isClosed = true));
      await expect.poll(() => api.connections()).toBe(1);
      // The server reads the head in real time, and starts the limit on the virtual clock.
      await new Promise((resolve) => setTimeout(resolve, 500));
      await clock.advance(30_000);
      await new Promise((resolve) => setTimeout(resolve, 100));
      expect(isClosed).toBe(false);
      await clock.advance(30_000);
      await expect.poll(() => isClosed).toBe(true);
    } finally {
      api.close();
    }
  });
});
