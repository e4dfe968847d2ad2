import type { Envelope, ToControlPlane } from "@gantry/agent-protocol";
import { NodeGateway, type NodeConnection } from "@gantry/controllers";
import { newVault, silentLogger } from "@gantry/kernel";
import { seededIds } from "@gantry/kernel/ids";
import type { TaskRecord } from "@gantry/state";
import { newWorld } from "@gantry/testkit";
import { afterEach, expect, it } from "vitest";

// Messages of a node's session come again: in a later session, from another node, before a node says who it is.
let world: ReturnType<typeof newWorld>;
afterEach(() => world.stop());

type Message = ToControlPlane;
const hello = (nodeId: string): Message => ({
  type: "hello",
  nodeId,
  hostname: nodeId,
  cpu: 1,
  memoryMiB: 1,
  pid: 1,
});

const keyOf = (task: TaskRecord | undefined) => `pod/${task?.arn.split("/").at(-1)}`;

function stopped(task: TaskRecord): Message {
  return {
    type: "pod",
    observation: {
      key: keyOf(task),
      phase: "stopped",
      containers: [],
      stop: { code: "EssentialContainerExited", reason: "Essential container in task exited" },
      connectivityAt: undefined,
      pullStartedAt: undefined,
      pullStoppedAt: undefined,
      startedAt: undefined,
      executionStoppedAt: world.clock.now(),
    },
  };
}

/** A running task of node "n", its interface, and a gateway that no node is connected to. */
async function newTarget() {
  world = newWorld({ checked: false });
  world.createService({ desiredCount: 1 });
  await world.clock.advance(30_000);
  const [task] = world.runningTasks();
  if (task === undefined) throw new Error("The task runs.");
  const { store, clock } = world;
  const gateway = new NodeGateway({
    store,
    clock,
    log: silentLogger,
    ids: seededIds(7),
    assignments: {
      vault: newVault(Buffer.alloc(32, 3)),
      secretId: (text) => text,
      resolveImage: (image) => ({ image, registryAuth: undefined }),
      databaseImage: "db",
      postgresImage: "pg",
      machineImage: "machine",
    },
    settings: () => ({ tlsHost: "127.0.0.1", tlsPort: 443, caPem: "", account: task.account }),
    takeLogs: () => undefined,
    takeMetrics: () => Promise.resolve(),
    takeBalancerLog: () => Promise.resolve(),
    takeFlows: () => Promise.resolve(),
    provideImage: async () => {},
  });
  const open = (): NodeConnection => {
    const peer: NodeConnection = { send: () => {} };
    gateway.connect(peer);
    return peer;
  };
  const eniId = task.placement?.networkInterfaceId ?? "";
  const replay = (peer: NodeConnection, ...messages: readonly Message[]) => {
    for (const [index, message] of messages.entries()) {
      const envelope: Envelope<Message> = { sequence: index + 1, message };
      gateway.receive(peer, envelope);
    }
  };
  const attack: readonly Message[] = [
    stopped(task),
    { type: "interface", id: eniId, ready: false },
    { type: "removed", key: keyOf(task) },
  ];
  const seen = () => ({ task: store.get("task", task.arn), eni: store.get("networkInterface", eniId) });
  return { open, replay, attack, seen };
}

// Before: they were applied, whichever node sent them, and the address of the running task became free for another one.
it("reports of another node about a task and its interface change nothing", async () => {
  const { open, replay, attack, seen } = await newTarget();
  const before = seen();
  for (const message of attack) replay(open(), hello("node-2"), message);
  expect(seen()).toEqual(before);
});

// Before: they were applied too.
it("messages before hello change nothing", async () => {
  const { open, replay, attack, seen } = await newTarget();
  const before = seen();
  for (const message of attack) replay(open(), message);
  expect(seen()).toEqual(before);
});

it("messages of a replaced session change nothing", async () => {
  const { open, replay, attack, seen } = await newTarget();
  const [old, next] = [open(), open()];
  replay(old, hello("n"));
  replay(next, hello("n"));
  const before = seen();
  replay(old, ...attack);
  expect(seen()).toEqual(before);
});

it("a repeated message of a session is ignored", async () => {
  const { open, replay, attack, seen } = await newTarget();
  const [, notReady = hello("n")] = attack;
  const peer = open();
  replay(peer, hello("n"), { ...notReady, ready: true } as Message, notReady, {
    ...notReady,
    ready: true,
  } as Message); // Of the same kind.
  const before = seen();
  replay(peer, hello("n"), notReady, notReady);
  expect(seen()).toEqual(before);
});

// Before: the removal of a pod was believed of a running task, and its address became free for another one.
it("an old removal does not release the address of a running task", async () => {
  const { open, replay, seen } = await newTarget();
  const before = seen();
  replay(open(), hello("n"), { type: "removed", key: keyOf(before.task) });
  expect(seen().eni).toEqual(before.eni);
});
