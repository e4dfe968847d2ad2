import { X509Certificate } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { messageOf, type Clock, type Logger, type Timer } from "@gantry/kernel";
import type { Authority } from "@gantry/tls";
import { newHttpsServer, type RequestHandler } from "@gantry/wire";
import { writeSecretFile } from "./secret-file.ts";

const LISTEN_FILE = "listen.pem";
const DAY_MS = 24 * 60 * 60_000;
/**
 * The certificate is renewed when fewer days than this remain. This is checked at each start and once a day.
 */
const RENEWAL_DAYS = 90;
const LOOK_EVERY_MS = DAY_MS;
const MIN_VERSION = "TLSv1.2";

/**
 * Serves the API, the registry and the console over TLS on an address that other machines reach. The
 * operator's endpoints are excluded. The certificate is renewed while the server listens: new connections are
 * shown the new certificate, and established ones continue. Where the address is not available, the platform
 * continues without it and logs this. Returns a function that stops the server.
 */
export async function listenOutside(options: {
  folder: string;
  address: string;
  authority: Authority;
  clock: Clock;
  log: Logger;
  handlers: readonly { readonly port: number; readonly handle: RequestHandler }[];
}): Promise<{ close(): void }> {
  const { folder, address, authority, clock, log, handlers } = options;
  const certificate = () => listenCertificate({ folder, address, authority, now: clock.now() });
  let shown = await certificate();
  const servers = handlers.map(({ port, handle }) => {
    const server = newHttpsServer({ ...shown, minVersion: MIN_VERSION }, handle);
    server.on("error", (thrown) =>
      log.error("The address given with --listen cannot be opened: free it, or give another one", {
        address,
        port,
        reason: messageOf(thrown),
      }),
    );
    server.listen(port, address);
    return server;
  });
  const renew = async (): Promise<void> => {
    const current = await certificate();
    if (current.cert === shown.cert) return;
    shown = current;
    for (const server of servers) server.setSecureContext({ ...current, minVersion: MIN_VERSION });
    log.info("The certificate of the address given with --listen was renewed", { address });
  };
  const stopLooking = every(clock, LOOK_EVERY_MS, () =>
    renew().catch((thrown: unknown) =>
      log.warn("The certificate of the address given with --listen could not be renewed", {
        address,
        reason: messageOf(thrown),
      }),
    ),
  );
  return {
    close() {
      stopLooking();
      for (const server of servers) server.close();
    },
  };
}

/**
 * Repeats the work; each run starts `delayMs` after the previous one ended. Returns a function that stops it.
 */
function every(clock: Clock, delayMs: number, work: () => Promise<void>): () => void {
  let timer: Timer;
  let isStopped = false;
  const wait = (): void => {
    if (isStopped) return;
    timer = clock.after(delayMs, () => void work().finally(wait)); // The work never rejects.
  };
  wait();
  return () => {
    isStopped = true;
    timer.cancel();
  };
}

/**
 * A certificate of the platform's authority for the address and this machine's names. It is kept, and
 * reissued where it is no longer valid.
 */
export async function listenCertificate(options: {
  folder: string;
  address: string;
  authority: Authority;
  now: number;
}): Promise<{ cert: string; key: string }> {
  const { folder, address, authority, now } = options;
  const path = join(folder, LISTEN_FILE);
  const known = existsSync(path) ? readFileSync(path, "utf8") : "";
  if (known.includes(authority.chainPem.trim()) && covers(known, address, now)) return splitPem(known);
  const issued = await authority.issue([hostname(), "localhost"], now, { addresses: [address] });
  const parts = [issued.certificatePem, issued.chainPem, issued.keyPem].map((part) => `${part.trim()}\n`);
  writeSecretFile(path, parts.join(""));
  return splitPem(parts.join(""));
}

function covers(pem: string, address: string, now: number): boolean {
  const certificate = new X509Certificate(pem);
  return (
    certificate.checkIP(address) !== undefined &&
    certificate.checkHost(hostname()) !== undefined &&
    certificate.validFromDate.getTime() <= now &&
    certificate.validToDate.getTime() - RENEWAL_DAYS * DAY_MS > now
  );
}

function splitPem(pem: string): { cert: string; key: string } {
  const at = pem.indexOf("-----BEGIN PRIVATE KEY-----");
  return { cert: pem.slice(0, at), key: pem.slice(at) };
}
