import { connect, type TLSSocket } from "node:tls";
import { newAuthority, openAuthority } from "@gantry/tls";
import { afterAll, beforeAll, expect, it } from "vitest";
import { balancer, listenerOn, says } from "../attacks/balancer-builders.ts";
import { freePorts } from "./free-ports.ts";
import { openLiveProxy } from "./live-proxy.ts";

const [ADDRESS, NAME, BODY] = ["127.0.0.1", "a.elb.localhost", "served"];
/** How often a renewed certificate replaces the one before, and how many clients connect all the while. */
const [RENEWALS, CLIENTS] = [4, 4];

let proxy: Awaited<ReturnType<typeof openLiveProxy>>;
beforeAll(async () => {
  proxy = await openLiveProxy();
});
afterAll(() => proxy.close());

/** Opens a connection that trusts the authority alone; answers the serial number of the certificate. */
const open = (port: number, ca: string) =>
  new Promise<{ socket: TLSSocket; serial: string }>((resolve, reject) => {
    const socket = connect({ host: ADDRESS, port, servername: NAME, ca }, () =>
      resolve({ socket, serial: socket.getPeerCertificate().serialNumber }),
    );
    socket.on("error", reject);
  });
const ask = (socket: TLSSocket) =>
  new Promise<string>((resolve, reject) => {
    let said = "";
    socket.on("data", (chunk: Buffer) => {
      said += chunk.toString();
      if (said.endsWith(BODY)) resolve(said);
    });
    socket.on("error", reject).on("close", () => reject(new Error(`closed after: ${said}`)));
    socket.write(`GET / HTTP/1.1\r\nhost: ${NAME}\r\n\r\n`);
  });

it("a renewed certificate replaces the one before, and no connection fails or is closed", async () => {
  const authority = openAuthority(await newAuthority(Date.now()));
  const [port = 0] = await freePorts(1);
  const serve = async () => {
    const issued = await authority.issue([NAME], Date.now());
    const pem = [issued.certificatePem, issued.keyPem].join("\n");
    const listener = listenerOn(port, {
      ...{ tls: true, certificates: [{ names: [NAME], pem }] },
      defaultAction: says(BODY),
    });
    const applied = { ...balancer("a", listener), addresses: ["127.0.0.78"], listeners: [listener] };
    await proxy.apply({ kind: "balancers", key: "balancers", balancers: [applied], targetGroups: [] });
    return issued.serial.toUpperCase();
  };
  const first = await serve();
  await expect.poll(async () => (await open(port, authority.caPem)).serial).toBe(first);
  const kept = await open(port, authority.caPem);
  expect(await ask(kept.socket)).toContain(BODY);
  const going = new AbortController();
  const failures: string[] = [];
  let total = 0;
  const clients = Array.from({ length: CLIENTS }, async () => {
    while (!going.signal.aborted) {
      total += 1;
      try {
        const { socket } = await open(port, authority.caPem);
        await ask(socket);
        socket.destroy();
      } catch (thrown) {
        failures.push(String(thrown));
      }
    }
  });
  for (let renewal = 0; renewal < RENEWALS; renewal += 1) {
    const serial = await serve();
    await expect.poll(async () => (await open(port, authority.caPem)).serial).toBe(serial);
    expect(kept.socket.closed, "a connection from before").toBe(false);
  }
  going.abort();
  await Promise.all(clients);
  expect(failures).toEqual([]);
  expect(total).toBeGreaterThan(RENEWALS * CLIENTS);
  expect(kept.serial).toBe(first);
  kept.socket.destroy();
});
