import { createServer, type AddressInfo } from "node:net";

const ADDRESS = "127.0.0.1";

/** Ports that were free a moment ago. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from(
      { length: count },
      () =>
        new Promise<ReturnType<typeof createServer>>((resolve) => {
          const server = createServer();
          server.listen(0, ADDRESS, () => resolve(server));
        }),
    ),
  );
  const ports = servers.map((server) => (server.address() as AddressInfo).port); // Listening TCP servers have one.
  await Promise.all(servers.map((server) => new Promise((done) => server.close(done))));
  return ports;
}
