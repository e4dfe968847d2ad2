import { createServer, type AddressInfo, type Server } from "node:net";
import type { BalancersAssignment } from "@gantry/agent-protocol";
import { silentLogger } from "@gantry/kernel";
import { expect, it } from "vitest";
import { HostPorts } from "./host-ports.ts";

function openHostPorts() {
  const memory = new Map<string, number>();
  const ports = new HostPorts(
    { get: (key) => memory.get(key), set: (key, each) => memory.set(key, each) },
    silentLogger,
  );
  return { memory, ports };
}

const assignmentOn = (port: number): BalancersAssignment => ({
  kind: "balancers",
  key: "balancers",
  targetGroups: [],
  balancers: [
    {
      arn: "lb",
      dnsName: "lb.elb.localhost",
      vpcId: "vpc-1",
      addresses: [],
      internetFacing: true,
      idleTimeoutSeconds: 60,
      listeners: [
        {
          port,
          tls: false,
          certificates: [],
          rules: [],
          defaultAction: {
            type: "redirect",
            statusCode: 301,
            protocol: "HTTPS",
            host: "x",
            port: "1",
            path: "/",
            query: "",
          },
        },
      ],
    },
  ],
});

function occupy(): Promise<Server> {
  return new Promise((resolve) => {
    const server = createServer();
    server.listen(0, "127.0.0.1", () => resolve(server));
  });
}

// Regression: the remembered port was always rendered, and the proxy could load no configuration of any load
// balancer.
it("gives a listener another host port where its remembered one was taken by another program", async () => {
  const server = await occupy();
  const { port } = server.address() as AddressInfo; // A listening TCP server has one.
  const { memory, ports } = openHostPorts();
  memory.set(`${port}/plain`, port);
  const assignment = assignmentOn(port);
  const [balancer] = assignment.balancers;
  const [listener] = balancer?.listeners ?? [];
  if (balancer === undefined || listener === undefined) throw new Error("The assignment has a listener.");
  // The proxy itself holds the port, or may hold it: no other program can determine that.
  await ports.choose(assignment, assignment);
  await ports.choose(assignment, undefined);
  expect(ports.of(balancer, listener)).toBe(port);
  await ports.choose(assignment, { ...assignment, balancers: [] });
  expect(ports.of(balancer, listener)).not.toBe(port);
  server.close();
});

// Before: both probed the port, found it free and chose it.
it("gives two instances that choose at the same moment different host ports", async () => {
  const server = await occupy();
  const { port } = server.address() as AddressInfo; // As above.
  await new Promise((done) => server.close(done));
  const both = [openHostPorts(), openHostPorts()];
  await Promise.all(both.map(({ ports }) => ports.choose(assignmentOn(port), undefined)));
  const chosen = both.map(({ memory }) => memory.get(`${port}/plain`));
  expect(new Set(chosen).size).toBe(2);
  expect(chosen).toContain(port);
  for (const { ports } of both) ports.release();
  const third = openHostPorts();
  await third.ports.choose(assignmentOn(port), undefined);
  expect(third.memory.get(`${port}/plain`)).toBe(port);
  third.ports.release();
});
