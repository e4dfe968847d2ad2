import { X509Certificate } from "node:crypto";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { Agent, request } from "node:https";
import {
  request as requestPlainly,
  type ClientRequest,
  type IncomingMessage,
  type ServerResponse,
} from "node:http";
import { createServer } from "node:net";
import { hostname, networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { TLSSocket } from "node:tls";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ensureAuthority } from "@gantry/control-plane/certificates";
import { listenCertificate, listenOutside } from "@gantry/control-plane/listen";
import { problemOfListen } from "@gantry/control-plane/loopback";
import { jsonLogger, silentLogger, SystemClock, VirtualClock } from "@gantry/kernel";
import { eventually } from "./agent-link-world.ts";

const clock = new SystemClock();
const DAY_MS = 24 * 60 * 60_000;
let folder: string;

beforeEach(() => (folder = mkdtempSync(join(tmpdir(), "gantry-listen-"))));
afterEach(() => rmSync(folder, { recursive: true }));

// Before: there was no such address, and no rule that kept plain HTTP off it.
describe("an address that others reach", () => {
  it("is one address of this machine, and never all of them", () => {
    const [own] = Object.values(networkInterfaces()).flatMap((each) =>
      (each ?? []).map((one) => one.address),
    );
    expect(problemOfListen(own ?? "")).toBeUndefined();
    expect(problemOfListen("127.0.0.1")).toBeUndefined();
    for (const address of ["0.0.0.0", "::", "0:0:0:0:0:0:0:0"])
      expect(problemOfListen(address)).toContain("takes one address");
    expect(problemOfListen("203.0.113.77")).toContain("is no address of this machine");
    for (const address of ["", "localhost", "example.org", "127.0.0.1:80", "127.0.0.1; id", "10.0.0.0/8"])
      expect(problemOfListen(address)).toContain("takes an IP address");
  });

  it("has a certificate for it and for the machine's name, which is kept while it is valid", async () => {
    const authority = await ensureAuthority(folder, clock);
    const options = { folder, address: "192.0.2.10", authority, now: clock.now() };
    const { cert, key } = await listenCertificate(options);
    const certificate = new X509Certificate(cert);
    expect(certificate.checkIP("192.0.2.10")).toBe("192.0.2.10");
    expect(certificate.checkHost(hostname())).toBe(hostname());
    expect(statSync(join(folder, "listen.pem")).mode & 0o777).toBe(0o600);
    expect(await listenCertificate(options)).toEqual({ cert, key });
    const others = [
      { ...options, address: "192.0.2.11" },
      { ...options, address: "192.0.2.11", now: clock.now() + 310 * DAY_MS },
    ];
    const serials = [certificate.serialNumber];
    for (const other of others)
      serials.push(new X509Certificate((await listenCertificate(other)).cert).serialNumber);
    expect(new Set(serials).size).toBe(3);
  });

  it("is served over TLS and not over plain HTTP", async () => {
    const authority = await ensureAuthority(folder, clock);
    const port = await freePort();
    let asked = 0;
    const outside = await listenOutside({
      folder,
      address: "127.0.0.1",
      authority,
      clock,
      log: jsonLogger({ clock, level: "error", write: () => {} }),
      handlers: [
        {
          port,
          handle: async (_request, response) => {
            asked += 1;
            response.end("answered");
          },
        },
      ],
    });
    await new Promise((done) => setTimeout(done, 50));
    const options = { host: "127.0.0.1", port, agent: false } as const;
    try {
      expect(await answerOf((done) => request({ ...options, ca: authority.caPem }, done))).toBe("answered");
      await expect(answerOf((done) => request(options, done))).rejects.toThrow(/certificate/);
      await expect(answerOf((done) => requestPlainly(options, done))).rejects.toThrow();
      await expect(
        answerOf((done) =>
          request({ ...options, ca: authority.caPem, maxVersion: "TLSv1.1", minVersion: "TLSv1" }, done),
        ),
      ).rejects.toThrow();
      expect(asked).toBe(1);
    } finally {
      outside.close();
    }
  });

  // Before: a platform that ran for 395 days showed an expired certificate from then on.
  it("gets a new certificate without a restart, long before the old one expires", async () => {
    const time = new VirtualClock(Date.now() - 307 * DAY_MS);
    const authority = await ensureAuthority(folder, time);
    const port = await freePort();
    const handle = async (_request: IncomingMessage, response: ServerResponse) =>
      void response.end("answered");
    const outside = await listenOutside({
      ...{ folder, address: "127.0.0.1", authority, clock: time, log: silentLogger },
      handlers: [{ port, handle }],
    });
    await new Promise((done) => setTimeout(done, 50));
    const options = { host: "127.0.0.1", port, ca: authority.caPem, agent: false } as const;
    const standing = new Agent({ keepAlive: true, maxSockets: 1 });
    let shown = "";
    const ask = (agent: Agent | false) =>
      answerOf((done) =>
        request({ ...options, agent }, (response) => {
          if (agent === false && response.socket instanceof TLSSocket)
            shown = response.socket.getPeerX509Certificate()?.serialNumber ?? "";
          done(response);
        }),
      );
    try {
      await ask(standing);
      await ask(false);
      const first = shown;
      await time.advance(300 * DAY_MS);
      await ask(false);
      expect(shown).toBe(first); // 95 days are left.
      await time.advance(6 * DAY_MS);
      await eventually(async () => {
        expect(await ask(false)).toBe("answered");
        expect(shown).not.toBe(first);
      });
      const [socket] = Object.values(standing.freeSockets).flat();
      expect(await ask(standing)).toBe("answered");
      expect(Object.values(standing.freeSockets).flat()).toEqual([socket]); // The connection that stood went on.
    } finally {
      standing.destroy();
      outside.close();
    }
  });
});

function answerOf(send: (done: (response: IncomingMessage) => void) => ClientRequest) {
  return new Promise<string>((done, failed) => {
    const call = send((response) => {
      let text = "";
      response.on("data", (chunk: Buffer) => (text += chunk.toString()));
      response.on("end", () => done(text));
    });
    call.on("error", failed);
    call.end();
  });
}

function freePort(): Promise<number> {
  const server = createServer();
  return new Promise((done) =>
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => done(typeof address === "object" && address !== null ? address.port : 0));
    }),
  );
}
