import { readFileSync } from "node:fs";
import { connect as connectTcp, type Socket } from "node:net";
import { connect, type PeerCertificate, type TLSSocket } from "node:tls";
import { controlPlaneIdentity, LINK_PROTOCOL, namesOnly, type NodeCredentials } from "@gantry/agent-protocol";

const HANDSHAKE_MAX_MS = 5_000;

/**
 * Connects to the control plane and proves both ends: it must present a certificate of the link's authority with the
 * control plane's name, and is shown this node's. Nothing is sent before that. The credentials are read with each
 * connection, so that renewed ones are used from the next one on; not before it is accepted, because a node whose
 * control plane is away tries five times a second. Errors: who answers is not the control plane, or nobody does.
 */
export async function connectLink(options: {
  host: string;
  port: number;
  instance: string;
  credentialsFile: string;
}): Promise<TLSSocket> {
  const { host, port, instance, credentialsFile } = options;
  const plain = connectTcp({ host, port });
  let connecting: Socket = plain;
  const timeout = AbortSignal.timeout(HANDSHAKE_MAX_MS);
  const giveUp = (): void =>
    void connecting.destroy(new Error("The control plane did not complete the handshake."));
  timeout.addEventListener("abort", giveUp);
  try {
    await opened(plain, "connect");
    const credentials = readCredentials(credentialsFile);
    const socket = connect({
      socket: plain,
      ca: credentials.caPem,
      cert: credentials.certificatePem,
      key: credentials.keyPem,
      minVersion: "TLSv1.3",
      ALPNProtocols: [LINK_PROTOCOL],
      rejectUnauthorized: true,
      checkServerIdentity: (_host, certificate) => problemOf(certificate, instance),
    });
    connecting = socket;
    await opened(socket, "secureConnect");
    socket.setNoDelay(true);
    socket.setKeepAlive(true, 5_000);
    return socket;
  } catch (thrown) {
    connecting.destroy();
    plain.destroy();
    throw thrown;
  } finally {
    timeout.removeEventListener("abort", giveUp);
  }
}

/** Resolves with the event; rejects where the socket fails or closes before. */
function opened(socket: Socket, event: "connect" | "secureConnect"): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once(event, resolve);
    socket.once("error", reject);
    socket.once("close", () => reject(new Error("The control plane closed the connection.")));
  });
}

/** This node's certificate and key. Errors: where the file is not there. */
export function readCredentials(file: string): NodeCredentials {
  return JSON.parse(readFileSync(file, "utf8")) as NodeCredentials; // The control plane wrote it.
}

function problemOf(certificate: PeerCertificate, instance: string): Error | undefined {
  return namesOnly(certificate.subjectaltname, controlPlaneIdentity(instance))
    ? undefined
    : new Error("The certificate at the control plane's address is not the control plane's.");
}
