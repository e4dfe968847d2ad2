import type { Envelope, ToAgent, ToControlPlane } from "@gantry/agent-protocol";
import { NodeGateway, type NodeConnection } from "@gantry/controllers";
import { newVault, seededIds, silentLogger, VirtualClock } from "@gantry/kernel";
import { MemoryStore, type InterfaceOwner } from "@gantry/state";
import { beforeEach, describe, expect, it } from "vitest";

// A node speaks for itself alone, and is told what is its own.
// Before: there was one session for all nodes. Whoever connected last was told everything, credentials of all
// tasks among it, and what it said counted for every task, interface, load balancer and database.
const PLACE = { account: "000000000000", region: "eu-south-1", tags: {} };
const TASK = "arn:aws:ecs:eu-south-1:000000000000:task/c/0123";
const BALANCER = "arn:aws:elasticloadbalancing:eu-south-1:000000000000:loadbalancer/app/b/1";
const TARGET = { targetGroupArn: "tg", address: "10.0.0.9", port: 80 };
let store: MemoryStore;
let gateway: NodeGateway;
let measured: Extract<ToControlPlane, { type: "metrics" }>[];

/** A session of a node that has said hello; answers what the node is told. */
function join(nodeId: string, pid = 1) {
  const told: ToAgent[] = [];
  let sequence = 0;
  const peer: NodeConnection = { send: (envelope: Envelope<ToAgent>) => void told.push(envelope.message) };
  const say = (message: ToControlPlane) => gateway.receive(peer, { sequence: (sequence += 1), message });
  gateway.connect(peer);
  const hello = (name: string) =>
    say({ type: "hello", nodeId: name, hostname: name, cpu: 1_024, memoryMiB: 1_024, pid });
  hello(nodeId);
  return { told, say, hello, peer };
}
const put = (kind: string, key: string, record: object) =>
  store.transact((tx) => tx.put(kind as never, key, { ...PLACE, ...record } as never)); // What is looked at.
const eni = (id: string, owner: InterfaceOwner, given: object = {}) =>
  put("networkInterface", id, {
    ...{ id, vpcId: "vpc-1", subnetId: "subnet-1", privateIp: "10.0.0.9", mac: "02:00:00:00:00:01" },
    ...{ securityGroups: [], publicIp: undefined, type: "interface", ready: true, createdAt: 0 },
    ...{ description: "", owner, nodeId: "n1", ...given },
  });

beforeEach(() => {
  store = new MemoryStore();
  measured = [];
  const vault = newVault(Buffer.alloc(32, 1));
  gateway = new NodeGateway({
    ...{ store, clock: new VirtualClock(1_000), ids: seededIds(1), log: silentLogger },
    assignments: {
      vault,
      secretId: (text) => text,
      resolveImage: (image) => ({ image, registryAuth: undefined }),
      databaseImage: "db",
      postgresImage: "pg",
      machineImage: "machine",
    },
    settings: () => ({ tlsHost: "", tlsPort: 1, caPem: "", account: PLACE.account }),
    takeLogs: () => undefined,
    takeMetrics: async (_node, batch) => void measured.push(batch),
    takeBalancerLog: () => Promise.resolve(),
    takeFlows: () => Promise.resolve(),
    provideImage: async () => {},
  });
  put("vpc", "vpc-1", { id: "vpc-1", cidr: "10.0.0.0/16", index: 1 });
  put("subnet", "subnet-1", { id: "subnet-1", vpcId: "vpc-1", cidr: "10.0.0.0/24", availabilityZone: "a" });
  put("taskDefinition", "td", { arn: "td", family: "f", revision: 1, spec: { containers: [], volumes: [] } });
  eni("eni-task", { type: "task", key: TASK });
  eni(
    "eni-warm",
    { type: "warmPool", key: "warm/n1" },
    { type: "warm", privateIp: "10.0.0.10", ready: false },
  );
  eni("eni-database", { type: "databaseInstance", key: "db-1" }, { privateIp: "10.0.0.11" });
  put("task", TASK, {
    arn: TASK,
    taskDefinitionArn: "td",
    desiredStatus: "RUNNING",
    lastStatus: "PENDING",
    placement: { nodeId: "n1", networkInterfaceId: "eni-task" },
    overrides: { containers: [] },
    containers: [],
    credentials: {},
  });
  put("fileSystem", "fs-1", { id: "fs-1", nodeId: "n1" });
  put("databaseInstance", "d:db-1", {
    ...{ arn: "d:db-1", resourceId: "db-1", nodeId: "n1", networkInterfaceId: "eni-database" },
    ...{
      vpcId: "vpc-1",
      endpointName: "x",
      engine: "mysql",
      engineVersion: "8.0.40",
      instanceClass: "db.t3.micro",
    },
    ...{ sealedPassword: vault.seal("secret"), status: "creating" },
    certificate: { certificatePem: "c", chainPem: "c", sealedKey: vault.seal("k"), notAfter: 1 },
  });
  put("loadBalancer", BALANCER, {
    ...{ arn: BALANCER, nodeId: "n1", vpcId: "vpc-1", dnsName: "b", networkInterfaceIds: [] },
    ...{ securityGroups: [], attributes: {}, state: "provisioning", hostPorts: {} },
  });
  const targets = [{ targetGroupArn: "tg", weight: 1 }];
  put("listener", "l", {
    arn: "l",
    loadBalancerArn: BALANCER,
    defaultActions: [{ type: "forward", targets }],
  });
  put("target", "tg|10.0.0.9|80", { ...TARGET, taskArn: TASK, state: "initial", registeredAt: 0 });
});

describe("a node", () => {
  it("receives its own assignments, and none of another node", () => {
    const [n1, n2] = [join("n1"), join("n2")];
    return store.settled().then(() => {
      const keysOf = ({ told }: { told: readonly ToAgent[] }) =>
        told.flatMap((message) =>
          message.type === "sync" ? message.assignments.map(({ key }) => key).toSorted() : [],
        );
      expect(keysOf(n1)).toEqual([
        ...["balancers", "folder/fs-1", "interface/eni-warm"],
        ...["pod/0123", "pod/db-1", "vpc/vpc-1"],
      ]);
      expect(n2.told.filter(({ type }) => type !== "clock")).toEqual([
        expect.objectContaining({
          type: "sync",
          assignments: [{ kind: "balancers", key: "balancers", balancers: [], targetGroups: [] }],
        }),
      ]);
    });
  });

  it("cannot report tasks, interfaces, databases and load balancers of another", () => {
    join("n1");
    const { say } = join("n2");
    const before = JSON.stringify(KINDS.map((kind) => store.list(kind)));
    for (const message of LIES) say(message);
    expect(JSON.stringify(KINDS.map((kind) => store.list(kind)))).toBe(before);
  });

  it("reports its own", () => {
    const { say } = join("n1");
    for (const message of LIES) say(message);
    expect(store.get("task", TASK)?.lastStatus).toBe("STOPPED");
    expect(store.get("networkInterface", "eni-task")).toBeUndefined();
    expect(store.get("networkInterface", "eni-warm")?.ready).toBe(true);
    expect(store.get("loadBalancer", BALANCER)).toMatchObject({ state: "active", hostPorts: { 80: 8_080 } });
    expect(store.get("target", "tg|10.0.0.9|80")?.state).toBe("healthy");
  });

  // Before: what a node measured counted for the tasks, databases and load balancers of every other one, so
  // that it scaled their services and set off their alarms.
  it("cannot measure tasks, instances, databases and load balancers of another", () => {
    put("ec2Instance", "i-1", { id: "i-1", nodeId: "n1", state: "running" });
    const sampleOf = (pod: string) => ({ pod, from: 0, until: 20_000, cpuSeconds: 20, memoryBytes: 1 });
    const batch: ToControlPlane = {
      ...{ type: "metrics", session: "s", sequence: 1, at: 0 },
      usage: ["pod/0123", "pod/db-1", "pod/i-1", "pod/i-nobody", "pod/nobody"].map(sampleOf),
      traffic: [
        {
          ...{ balancer: BALANCER, targetGroup: "tg", target: "10.0.0.9", requests: 1_000 },
          ...{ answered: [0, 0, 0, 1_000], generated: {}, bytes: 0, connectionErrors: 0, latencies: [] },
        },
      ],
    };
    const [n1, n2] = [join("n1"), join("n2")];
    n2.say(batch);
    expect(measured).toEqual([{ ...batch, usage: [], traffic: [] }]);
    n1.say(batch);
    expect(measured[1]).toEqual({ ...batch, usage: batch.usage.slice(0, 3) });
  });

  it("is ignored before its hello, after a later session of its own, and under another name", () => {
    const peer: NodeConnection = { send: () => {} };
    gateway.connect(peer);
    const early: ToControlPlane = { type: "interface", id: "eni-warm", ready: true };
    gateway.receive(peer, { sequence: 1, message: early });
    expect(store.get("networkInterface", "eni-warm")?.ready).toBe(false);

    const first = join("n1");
    join("n1", 2);
    first.say(early);
    expect(store.get("networkInterface", "eni-warm")?.ready).toBe(false);

    const other = join("n2");
    other.hello("n1");
    other.say(early);
    expect(store.get("networkInterface", "eni-warm")?.ready).toBe(false);
    expect(gateway.agents).toEqual([
      { nodeId: "n1", pid: 2 },
      { nodeId: "n2", pid: 1 },
    ]);
  });

  it("that closes a VPC does not change the report of another", () => {
    const [n1, n2] = [join("n1"), join("n2")];
    n1.say({ type: "firewall", vpcId: "vpc-1", closed: true, problems: ["nft fails"] });
    n2.say({ type: "firewall", vpcId: "vpc-1", closed: false, problems: [] });
    expect(store.get("vpc", "vpc-1")?.firewalls).toEqual({ n1: { closed: true, problems: ["nft fails"] } });
    n1.say({ type: "firewall", vpcId: "vpc-1", closed: false, problems: [] });
    expect(store.get("vpc", "vpc-1")?.firewalls).toEqual({});
  });

  it("is recorded as disconnected once its session has ended, and only then", () => {
    const first = join("n1");
    const second = join("n1", 2);
    gateway.disconnect(first.peer);
    expect(store.get("node", "n1")?.state).toBe("CONNECTED");
    gateway.disconnect(second.peer);
    expect(store.get("node", "n1")).toMatchObject({ state: "DISCONNECTED", lastContactAt: 1_000 });
  });
});

const KINDS = ["task", "networkInterface", "databaseInstance", "loadBalancer", "target"] as const;
const pod = { containers: [], connectivityAt: 1, pullStartedAt: 1, pullStoppedAt: 1, startedAt: 1 };
const stop = { code: "EssentialContainerExited", reason: "because" } as const;
/** Reports about what is on n1. */
const LIES: readonly ToControlPlane[] = [
  { type: "interface", id: "eni-warm", ready: true },
  {
    type: "balancers",
    observation: {
      targets: [
        {
          ...{ ...TARGET, health: "healthy", reason: undefined, description: undefined },
          ...{ draining: false, inFlight: 0 },
        },
      ],
      hostPorts: { [BALANCER]: { 80: 8_080 } },
    },
  },
  {
    type: "pod",
    observation: { key: "pod/0123", phase: "stopped", stop, ...pod, executionStoppedAt: 2 },
  },
  { type: "removed", key: "pod/0123" },
  {
    type: "pod",
    observation: {
      key: "pod/db-1",
      phase: "running",
      stop: undefined,
      ...pod,
      executionStoppedAt: undefined,
    },
  },
];
