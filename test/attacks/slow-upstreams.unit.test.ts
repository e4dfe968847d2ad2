import { once } from "node:events";
import { createServer, type AddressInfo, type Socket } from "node:net";
import { RegistryError } from "@gantry/registry";
import { PullThroughCache } from "@gantry/registry/pull-through";
import { silentLogger, SystemClock } from "@gantry/kernel";
import { MemoryStore, type PullThroughRuleRecord } from "@gantry/state";
import { expect, it } from "vitest";

const REGION = "eu-south-1";

// An upstream registry that does not answer. Before: eight pulls of one account kept those of all others from
// upstream registries.
it("images are copied while those of another account do not arrive", async () => {
  const sockets: Socket[] = [];
  const server = createServer((socket) => void sockets.push(socket)).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo; // A listening TCP server has an address.
  const cache = new PullThroughCache({
    store: new MemoryStore(),
    clock: new SystemClock(),
    log: silentLogger,
    upstreamAt: () => new URL(`http://127.0.0.1:${port}`),
  } as never); // What a copy uses before the upstream registry answers.
  const outcomes: unknown[] = [];
  const pull = (account: string, index: number) => {
    const place = { account, region: REGION };
    const rule = { ...place, prefix: "p", upstreamUrl: "registry.example" } as PullThroughRuleRecord; // As above.
    cache.provide(rule, { place, name: `p/${index}`, reference: "latest" }).catch((thrown: unknown) => {
      outcomes.push(thrown instanceof RegistryError ? `${account} ${thrown.code}` : thrown);
    });
  };
  for (let index = 0; index < 10; index += 1) pull("111111111111", index);
  pull("000000000000", 0);
  await new Promise((resolve) => setImmediate(resolve));
  expect(outcomes).toEqual(Array.from({ length: 2 }, () => "111111111111 TOOMANYREQUESTS"));
  sockets.forEach((socket) => socket.destroy());
  server.close();
});
