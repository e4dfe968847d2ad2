import type { BalancersAssignment } from "@gantry/agent-protocol";
import { expect, it } from "vitest";
import { ConnectionCounts } from "./connection-counts.ts";
import { frontendName } from "./names.ts";
import { parseFrontends } from "./proxy-socket.ts";

const balancer = { arn: "lb", listeners: [{ port: 80 }, { port: 81 }] };
const ASSIGNMENT = { balancers: [balancer] } as unknown as BalancersAssignment; // Only these fields are read.
const NAMES = balancer.listeners.map((listener) => frontendName(balancer as never, listener as never)); // As above.
const stats = (...rows: readonly (readonly [opened: number, active: number, bytes: number])[]) =>
  parseFrontends(
    [
      "# pxname,svname,qcur,qmax,scur,smax,slim,stot,bin,bout,conn_tot,",
      ...rows.map(
        ([opened, active, bytes], index) =>
          `${NAMES[index]},FRONTEND,0,0,${active},9,9,9,${bytes},1,${opened},`,
      ),
      "tg_1,t_1,0,0,7,7,7,7,7,7,,",
    ].join("\n"),
  );

it("counts the connections of all listeners since the last time, across a new worker", () => {
  const counts = new ConnectionCounts();
  counts.note(stats([100, 5, 1_000], [7, 0, 10]));
  expect(counts.drain(ASSIGNMENT)).toEqual([]);
  counts.note(stats([110, 6, 1_100], [8, 1, 10]));
  counts.note(stats([3, 2, 50], [1, 1, 5]));
  expect(counts.drain(ASSIGNMENT)).toMatchObject([
    { balancer: "lb", requests: 0, connections: { opened: 10 + 1 + 3 + 1, active: 3, bytes: 100 + 51 + 6 } },
  ]);
  expect(counts.drain(ASSIGNMENT)).toEqual([]);
});
