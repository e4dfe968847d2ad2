import { NodeGateway, schedulerController, serviceController, targetController, taskController, warmPoolController } from "@gantry/controllers";
import { Controller, newVault, seededIds, silentLogger, VirtualClock } from "@gantry/kernel";
import type { Assignment, PodAssignment, PodObservation, ToAgent } from "@gantry/agent-protocol";
import { MemoryStore, newDeployment, type ServiceRecord, type TaskDefinitionRecord, type TaskRecord } from "@gantry/state";

const PLACE = { account: "000000000000", region: "eu-south-1" };
const CLUSTER = "arn:aws:ecs:eu-south-1:000000000000:cluster/c";
const START_MS = 300;

/** A node of virtual time: starts what is assigned after a while, stops what is to stop, and can be made to fail. */
export class FakeNode {
  readonly #world: { clock: VirtualClock; receive: (observation: PodObservation) => void; removed: (key: string) => void };
  readonly pods = new Map<string, { assignment: PodAssignment; phase: PodObservation["phase"]; stop: PodObservation["stop"] }>();
  /** Whether a pod of this image starts, fails at once, or runs and ends. */
  behaviour: (image: string) => "runs" | "fails" | "crashes" = () => "runs";

  constructor(world: { clock: VirtualClock; receive: (observation: PodObservation) => void; removed: (key: string) => void }) {
    this.#world = world;
  }

  receive(message: ToAgent): void {
    if (message.type === "sync") for (const assignment of message.assignments) this.#assign(assignment);
    if (message.type === "assign") this.#assign(message.assignment);
    if (message.type === "unassign") {
      this.pods.delete(message.key);
      this.#world.clock.after(1, () => this.#world.removed(message.key));
    }
  }

  /** Ends a running pod from outside, as `docker kill` would. */
  kill(key: string): void {
    const pod = this.pods.get(key);
    if (pod === undefined || pod.phase !== "running") return;
    [pod.phase, pod.stop] = ["stopped", { code: "EssentialContainerExited", reason: "Essential container in task exited" }];
    this.#report(key);
  }

  #assign(assignment: Assignment): void {
    if (assignment.kind !== "pod") return;
    const there = this.pods.get(assignment.key);
    if (there === undefined) {
      this.pods.set(assignment.key, { assignment, phase: "pending", stop: undefined });
      this.#report(assignment.key);
      if (assignment.desired === "RUNNING") this.#world.clock.after(START_MS, () => this.#start(assignment.key));
      else this.#end(assignment.key);
      return;
    }
    there.assignment = assignment;
    if (assignment.desired === "STOPPED") this.#end(assignment.key);
  }

  #start(key: string): void {
    const pod = this.pods.get(key);
    if (pod === undefined || pod.phase !== "pending" || pod.assignment.desired !== "RUNNING") return;
    const behaviour = this.behaviour(pod.assignment.containers[0]?.image ?? "");
    if (behaviour === "fails") [pod.phase, pod.stop] = ["stopped", { code: "TaskFailedToStart", reason: "CannotPullContainerError: not found" }];
    else pod.phase = "running";
    this.#report(key);
    if (behaviour === "crashes") this.#world.clock.after(500, () => this.kill(key));
  }

  #end(key: string): void {
    this.#world.clock.after(50, () => {
      const pod = this.pods.get(key);
      if (pod === undefined || pod.phase === "stopped") return;
      pod.phase = "stopped";
      this.#report(key);
    });
  }

  #report(key: string): void {
    const pod = this.pods.get(key);
    if (pod === undefined) return;
    const running = pod.phase === "running";
    this.#world.receive({
      key,
      phase: pod.phase,
      containers: pod.assignment.containers.map((container) => ({
        name: container.name,
        runtimeId: key,
        imageDigest: undefined,
        status: running ? "RUNNING" : pod.phase === "stopped" ? "STOPPED" : "PENDING",
        exitCode: pod.phase === "stopped" ? 137 : undefined,
        reason: undefined,
        health: "UNKNOWN",
      })),
      stop: pod.stop,
      connectivityAt: undefined,
      pullStartedAt: undefined,
      pullStoppedAt: undefined,
      startedAt: undefined,
      executionStoppedAt: undefined,
    });
  }
}

/** Every controller on virtual time over one store, with one fake node. A restart is a new world on the old store. */
export function newWorld(options: { store?: MemoryStore; clock?: VirtualClock; seed?: number } = {}) {
  const clock = options.clock ?? new VirtualClock();
  const store = options.store ?? new MemoryStore();
  const ids = seededIds(options.seed ?? 1);
  const vault = newVault(Buffer.alloc(32, 3));
  const deps = { store, clock, ids, log: silentLogger };
  const gateway = new NodeGateway({
    ...deps,
    assignments: {
      vault,
      secretId: (text) => text.padEnd(32, "0").slice(0, 32),
      resolveImage: (image) => ({ image, registryAuth: undefined }),
      databaseImage: "db",
    },
    settings: { tlsHost: "", tlsPort: 0, caPem: "", account: PLACE.account },
    takeLogs: () => undefined,
    provideImage: async () => {},
  });
  const peer = { send: (message: ToAgent) => node.receive(message) };
  const node = new FakeNode({
    clock,
    receive: (observation) => gateway.receive(peer, { type: "pod", observation }),
    removed: (key) => gateway.receive(peer, { type: "removed", key }),
  });
  const controllers = [
    schedulerController({ ...deps, publicPool: "198.18.9.0/24" }),
    warmPoolController(deps),
    taskController({ ...deps, vault }),
    serviceController(deps),
    targetController(deps),
  ].map((reconciler) => new Controller(reconciler, { clock, log: silentLogger }));
  gateway.connect(peer);
  gateway.receive(peer, { type: "hello", nodeId: "n", hostname: "n", cpu: 4096, memoryMiB: 8192, pid: 1 });
  gateway.start();
  for (const controller of controllers) controller.start();
  const serviceArn = `arn:aws:ecs:eu-south-1:000000000000:service/c/s`;
  return {
    clock,
    store,
    node,
    stop: () => Promise.all([gateway.stop(), ...controllers.map((controller) => controller.stop())]),
    createService(spec: Partial<ServiceRecord["spec"]> = {}, image = "good"): void {
      store.transact((tx) => {
        tx.put("vpc", "vpc-1", {
          ...PLACE,
          id: "vpc-1",
          cidr: "10.0.0.0/16",
          isDefault: false,
          enableDnsSupport: true,
          enableDnsHostnames: true,
          index: 1,
          tags: {},
        });
        tx.put("subnet", "subnet-1", {
          ...PLACE,
          id: "subnet-1",
          vpcId: "vpc-1",
          cidr: "10.0.0.0/24",
          availabilityZone: "eu-south-1a",
          mapPublicIpOnLaunch: false,
          defaultForAz: false,
          tags: {},
        });
        tx.put("cluster", CLUSTER, {
          ...PLACE,
          arn: CLUSTER,
          name: "c",
          status: "ACTIVE",
          settings: [],
          capacityProviders: [],
          tags: {},
          createdAt: 0,
        });
        tx.put("taskDefinition", definitionOf(image).arn, definitionOf(image));
        const service: ServiceRecord = {
          ...PLACE,
          arn: serviceArn,
          clusterArn: CLUSTER,
          name: "s",
          status: "ACTIVE",
          spec: {
            desiredCount: 2,
            launchType: "FARGATE",
            minimumHealthyPercent: 100,
            maximumPercent: 200,
            circuitBreaker: { enable: false, rollback: false },
            healthCheckGracePeriodSeconds: 0,
            propagateTags: "NONE",
            enableEcsManagedTags: false,
            enableExecuteCommand: false,
            roleArn: undefined,
            ...spec,
          },
          deployments: [deploymentOf(image)],
          events: [],
          steady: false,
          createdBy: "",
          createdAt: clock.now(),
          tags: {},
        };
        tx.put("service", serviceArn, service);
      });
    },
    deploy(image: string): void {
      store.transact((tx) => {
        tx.put("taskDefinition", definitionOf(image).arn, definitionOf(image));
        const service = tx.get("service", serviceArn);
        if (service === undefined) throw new Error("Create the service first.");
        tx.put("service", serviceArn, {
          ...service,
          steady: false,
          deployments: [deploymentOf(image), ...service.deployments.map((deployment) => ({ ...deployment, status: "ACTIVE" as const }))],
        });
      });
    },
    scale(desiredCount: number): void {
      store.transact((tx) => {
        const service = tx.get("service", serviceArn);
        if (service !== undefined) tx.put("service", serviceArn, { ...service, spec: { ...service.spec, desiredCount }, steady: false });
      });
    },
    service: () => store.get("service", serviceArn),
    runningTasks: (): readonly TaskRecord[] =>
      store.listBy("task", "service", serviceArn).filter((task) => task.lastStatus === "RUNNING" && task.desiredStatus === "RUNNING"),
    tasks: (): readonly TaskRecord[] => store.listBy("task", "service", serviceArn),
  };

  function deploymentOf(image: string) {
    return newDeployment(ids, {
      definition: definitionOf(image),
      network: { subnets: ["subnet-1"], securityGroups: [], assignPublicIp: "DISABLED" },
      loadBalancers: [],
      platformVersion: "1.4.0",
      now: clock.now(),
    });
  }
}

export type World = ReturnType<typeof newWorld>;

function definitionOf(image: string): TaskDefinitionRecord {
  return {
    ...PLACE,
    arn: `arn:aws:ecs:eu-south-1:000000000000:task-definition/${image}:1`,
    family: image,
    revision: 1,
    status: "ACTIVE",
    spec: {
      containers: [
        {
          name: "web",
          image,
          essential: true,
          cpu: 0,
          memoryMiB: 128,
          memoryReservationMiB: undefined,
          command: undefined,
          entryPoint: undefined,
          workingDirectory: undefined,
          user: undefined,
          environment: [],
          portMappings: [],
          mountPoints: [],
          volumesFrom: [],
          dependsOn: [],
          healthCheck: undefined,
          logConfiguration: undefined,
          startTimeoutSeconds: undefined,
          stopTimeoutSeconds: 30,
          readonlyRootFilesystem: false,
          interactive: false,
          pseudoTerminal: false,
          initProcessEnabled: false,
          capabilitiesAdd: [],
          capabilitiesDrop: [],
          ulimits: [],
          systemControls: [],
          dockerLabels: {},
        },
      ],
      volumes: [],
      networkMode: "awsvpc",
      requiresCompatibilities: ["FARGATE"],
      cpu: 256,
      memoryMiB: 512,
      taskRoleArn: undefined,
      executionRoleArn: undefined,
      runtimePlatform: undefined,
      ephemeralStorageGiB: undefined,
    },
    presented: { containerDefinitions: [], volumes: [] },
    requiresAttributes: [],
    registeredBy: "",
    registeredAt: 0,
    deregisteredAt: undefined,
    tags: {},
  };
}
