import { createServer } from "node:net";

/** Whether this process can listen on a port of the loopback address: the port is free, and permitted. */
export function isPortFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}

/** A port of the loopback address that was free when it was claimed. */
export interface PortClaim {
  readonly port: number;
  release(): void;
}

/**
 * Claims a port among all instances on this machine: until it is released, no other instance can claim it.
 * Undefined where the port is claimed, taken or not permitted. A claim is a name in the abstract namespace of
 * Unix sockets, which the kernel keeps for each network namespace and frees when the process ends. Source:
 * unix(7).
 */
export async function claimPort(port: number): Promise<PortClaim | undefined> {
  const name = createServer((socket) => socket.destroy());
  const isClaimed = await new Promise<boolean>((resolve) => {
    name.once("error", () => resolve(false));
    name.listen(`\0gantry/host-port/${port}`, () => resolve(true));
  });
  if (!isClaimed) return undefined;
  name.unref();
  if (await isPortFree(port)) return { port, release: () => name.close() };
  name.close();
  return undefined;
}
