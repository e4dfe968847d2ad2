import { X509Certificate } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import type { Server } from "node:http";
import { messageOf, type Logger } from "@gantry/kernel";
import type { Authority } from "@gantry/tls";
import { newHttpsServer, type RequestHandler } from "@gantry/wire";
import { writeSecretFile } from "./secret-file.ts";

const LISTEN_FILE = "listen.pem";
const DAY_MS = 24 * 60 * 60_000;
/** The certificate is renewed by a start when less than this is left of it. */
const RENEWAL_DAYS = 90;

/**
 * Serves the API, the registry and the console on an address that others reach, over TLS alone. The operator's endpoints
 * are not among them. Where the address cannot be had the platform goes on without, and the log says so.
 */
export async function listenOutside(options: {
  folder: string;
  address: string;
  authority: Authority;
  now: number;
  log: Logger;
  handlers: readonly { readonly port: number; readonly handle: RequestHandler }[];
}): Promise<readonly Server[]> {
  const { address, log, handlers } = options;
  const tls = await listenCertificate(options);
  return handlers.map(({ port, handle }) => {
    const server = newHttpsServer({ ...tls, minVersion: "TLSv1.2" }, handle);
    server.on("error", (thrown) =>
      log.error("The address given with --listen cannot be had: free it, or give another one", {
        address,
        port,
        reason: messageOf(thrown),
      }),
    );
    server.listen(port, address);
    return server;
  });
}

/** A certificate of the platform's authority for the address and this machine's names: kept, and made anew where it is not good any more. */
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
  const issued = await authority.issue([hostname(), "localhost"], now, [address]);
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
