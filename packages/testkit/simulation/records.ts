import {
  beginServiceDeployment,
  newTask,
  NO_OVERRIDES,
  primaryOf,
  type AlarmState,
  type ServiceVersion,
  type ServiceRecord,
  type TaskDefinitionRecord,
  type TaskRecord,
  type Transaction,
} from "@gantry/state";
import { present, type Ids } from "@gantry/kernel";
import { PAIRS, putBalancer, INFRASTRUCTURE_ROLE } from "./balancers.ts";
import { putRegistry, REGISTRY } from "./names.ts";
import { PLACE } from "./place.ts";

const CLUSTER = "arn:aws:ecs:eu-south-1:000000000000:cluster/c";

export function serviceArnOf(name: string): string {
  return `arn:aws:ecs:eu-south-1:000000000000:service/c/${name}`;
}

/** Writes the network, the cluster and the load balancer that every service of a world shares. */
export function putGround(tx: Transaction): void {
  putRegistry(tx);
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
    cidr: "10.0.0.0/17",
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
}

/** The name of the alarm that services of a world may watch. */
export const ALARM = "errors";

export function putAlarm(tx: Transaction, options: { stateValue: AlarmState; now: number }): void {
  const arn = `arn:aws:cloudwatch:${PLACE.region}:${PLACE.account}:alarm:${ALARM}`;
  tx.put("alarm", arn, {
    ...PLACE,
    arn,
    name: ALARM,
    description: undefined,
    spec: { type: "composite", rule: "TRUE", suppressor: undefined },
    actionsEnabled: false,
    okActions: [],
    alarmActions: [],
    insufficientDataActions: [],
    stateValue: options.stateValue,
    stateReason: "",
    stateReasonData: undefined,
    stateUpdatedAt: options.now,
    stateTransitionedAt: options.now,
    evaluationState: undefined,
    configurationUpdatedAt: options.now,
    pendingActions: [],
    suppression: undefined,
    tags: {},
  });
}

/** Writes a service of one container of the image, behind this number of load balancers' target groups or pairs. */
export function putService(
  tx: Transaction,
  ids: Ids,
  options: {
    name: string;
    image: string;
    pairs: number;
    spec: Partial<ServiceRecord["spec"]>;
    now: number;
  },
): void {
  if (options.pairs > 0) putBalancer(tx);
  tx.put("taskDefinition", definitionOf(options.image).arn, definitionOf(options.image));
  const service = newServiceOf(options);
  const { arn } = service;
  tx.put("service", arn, service);
  const isStaged = (service.spec.rollout?.strategy ?? "ROLLING") !== "ROLLING";
  beginServiceDeployment(tx, service, versionOf({ ...options, isStaged }), { ids, now: options.now });
}

/** A service record as CreateService writes it. */
export function newServiceOf(options: {
  name: string;
  spec: Partial<ServiceRecord["spec"]>;
  now: number;
}): ServiceRecord {
  const arn = serviceArnOf(options.name);
  return {
    ...PLACE,
    arn,
    clusterArn: CLUSTER,
    name: options.name,
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
      ...options.spec,
    },
    createdBy: "",
    createdAt: options.now,
    tags: {},
  };
}

/** Writes the records of UpdateService for a new version. */
export function putDeployment(
  tx: Transaction,
  ids: Ids,
  options: { service: ServiceRecord; image: string; now: number },
): void {
  tx.put("taskDefinition", definitionOf(options.image).arn, definitionOf(options.image));
  const { service } = options;
  const balancers = primaryOf(tx, service.arn)?.loadBalancers ?? [];
  const isStaged = balancers.some((balancer) => balancer.advanced !== undefined);
  const version = versionOf({ image: options.image, pairs: balancers.length, isStaged });
  beginServiceDeployment(tx, service, version, { ids, now: options.now });
}

/** Writes the records of RunTask for a task of one container of the image. */
export function putTask(tx: Transaction, ids: Ids, options: { image: string; now: number }): TaskRecord {
  const definition = definitionOf(options.image);
  tx.put("taskDefinition", definition.arn, definition);
  const task = newTask(ids, {
    cluster: present(tx.get("cluster", CLUSTER), "The world has a cluster."),
    definition,
    network: versionOf({ image: options.image, pairs: 0, isStaged: false }).network,
    overrides: NO_OVERRIDES,
    group: `family:${definition.family}`,
    startedBy: undefined,
    serviceArn: undefined,
    deploymentId: undefined,
    launchType: "FARGATE",
    platformVersion: "1.4.0",
    enableExecuteCommand: false,
    tags: {},
    now: options.now,
  });
  tx.put("task", task.arn, task);
  return task;
}

/** A version with the container of an image, behind the first of the pairs of target groups. */
export function versionOf(options: { image: string; pairs: number; isStaged: boolean }): ServiceVersion {
  return {
    taskDefinitionArn: definitionOf(options.image).arn,
    network: { subnets: ["subnet-1"], securityGroups: [], assignPublicIp: "DISABLED" },
    loadBalancers: PAIRS.slice(0, options.pairs).map(({ group, alternate, production, test, port }) => ({
      targetGroupArn: group,
      containerName: "web",
      containerPort: port,
      ...(options.isStaged
        ? {
            advanced: {
              alternateTargetGroupArn: alternate,
              productionListenerRule: production,
              testListenerRule: test,
              roleArn: INFRASTRUCTURE_ROLE,
            },
          }
        : {}),
    })),
    serviceRegistries: [{ registryArn: REGISTRY }],
    launchType: "FARGATE",
    platformVersion: "1.4.0",
  };
}

export function definitionOf(image: string): TaskDefinitionRecord {
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
          privileged: false,
        },
      ],
      volumes: [],
      networkMode: "awsvpc",
      pidMode: undefined,
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
