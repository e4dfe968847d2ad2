import { recordFirewall, recordRefused } from "@gantry/controllers/node/record-firewall";
import { MemoryStore } from "@gantry/state";
import { expect, it } from "vitest";
import { networkStatus } from "./network-status.ts";

const PLACE = { account: "000000000000", region: "eu-south-1" };

it("lists closed VPCs, omitted rules and refused assignments until they are repaired", () => {
  const store = new MemoryStore();
  const node = { id: "node-1", hostname: "host", cpu: 1024, memoryMiB: 1024, registeredAt: 0, agentPid: 1 };
  store.transact((tx) => {
    tx.put("vpc", "vpc-1", {
      ...PLACE,
      id: "vpc-1",
      cidr: "10.0.0.0/16",
      isDefault: false,
      enableDnsSupport: true,
      enableDnsHostnames: false,
      index: 1,
      tags: {},
    });
    tx.put("node", node.id, node);
  });
  expect(networkStatus(store)).toEqual([]);
  const report = (closed: boolean, problems: readonly string[]) =>
    store.transact((tx) =>
      recordFirewall(tx, node.id, { type: "firewall", vpcId: "vpc-1", closed, problems }),
    );
  report(true, ["The security groups could not be applied."]);
  store.transact((tx) =>
    recordRefused(tx, node.id, {
      type: "refused",
      key: "pod/1",
      problem: "interface.ip is not an IPv4 address",
    }),
  );
  expect(networkStatus(store)).toEqual([
    { subject: "vpc-1", closed: true, problem: "The security groups could not be applied." },
    {
      subject: "pod/1",
      closed: false,
      problem: "The node refused it: interface.ip is not an IPv4 address.",
    },
  ]);
  report(false, []);
  store.transact((tx) => tx.put("node", node.id, node)); // The node's next hello writes its record anew.
  expect(networkStatus(store)).toEqual([]);
});
