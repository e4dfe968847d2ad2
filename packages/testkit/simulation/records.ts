import {
  beginServiceDeployment,
  newTask,
  NO_OVERRIDES,
  primaryOf,
  type AlarmState,
  type ListenerRecord,
  type ServiceVersion,
  type ServiceRecord,
  type TaskDefinitionRecord,
  type TaskRecord,
  type Transaction,
} from "@gantry/state";
import { present, type Ids } from "@gantry/kernel";
import { putRegistry, REGISTRY } from "./names.ts";

export const PLACE = { account: "000000000000", region: "eu-south-1" };
export const ACCOUNT_OF_WORLD = PLACE.account;
const CLUSTER = "arn:aws:ecs:eu-south-1:000000000000:cluster/c";
export const BALANCER = "arn:aws:elasticloadbalancing:eu-south-1:000000000000:loadbalancer/app/b/1";
const GROUP = "arn:aws:elasticloadbalancing:eu-south-1:000000000000:targetgroup/g/1";
export const ALTERNATE_GROUP = "arn:aws:elasticloadbalancing:eu-south-1:000000000000:targetgroup/h/1";
/** The action of the listener and of its rules until traffic is shifted. */
const FORWARD: ListenerRecord["defaultActions"] = [
  { type: "forward", targets: [{ targetGroupArn: GROUP, weight: 1 }], stickySeconds: undefined },
];
/** The role with which ECS changes rules and calls hooks in a world. */
export const INFRASTRUCTURE_ROLE = "arn:aws:iam::000000000000:role/ecs-infrastructure";
/** The rules that are modified for a service whose strategy shifts traffic. */
export const PRODUCTION_RULE = `${BALANCER}/l/production`;
export const TEST_RULE = `${BALANCER}/l/test`;

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

/**
 * Writes the load balancer with its listener, rules and target groups, and the role with which ECS changes
 * its rules.
 */
export function putBalancer(tx: Transaction): void {
  putLoadBalancerOnly(tx);
  tx.put("listener", `${BALANCER}/l`, {
    ...PLACE,
    arn: `${BALANCER}/l`,
    loadBalancerArn: BALANCER,
    port: 80,
    protocol: "HTTP",
    certificates: [],
    sslPolicy: undefined,
    defaultActions: FORWARD,
    tags: {},
  });
  putInfrastructureRole(tx);
  for (const [priority, arn] of [PRODUCTION_RULE, TEST_RULE].entries())
    tx.put("rule", arn, {
      ...PLACE,
      arn,
      listenerArn: `${BALANCER}/l`,
      priority: priority + 1,
      conditions: [{ field: "path-pattern", values: ["*"] }],
      actions: FORWARD,
      tags: {},
    });
  for (const [arn, name] of [
    [GROUP, "g"],
    [ALTERNATE_GROUP, "h"],
  ] as const)
    putGroup(tx, arn, name);
}

function putLoadBalancerOnly(tx: Transaction): void {
  const eni = "eni-00000000000000001";
  tx.put("networkInterface", eni, {
    ...PLACE,
    id: eni,
    vpcId: "vpc-1",
    subnetId: "subnet-1",
    privateIp: "10.0.127.250",
    mac: "02:00:00:00:00:01",
    securityGroups: [],
    publicIp: undefined,
    type: "interface",
    description: "ELB app/b/1",
    owner: { type: "loadBalancer", key: BALANCER },
    nodeId: undefined,
    ready: true,
    createdAt: 0,
    tags: {},
  });
  tx.put("loadBalancer", BALANCER, {
    ...PLACE,
    arn: BALANCER,
    name: "b",
    dnsName: "b.elb.localhost",
    scheme: "internet-facing",
    vpcId: "vpc-1",
    subnetIds: ["subnet-1"],
    securityGroups: [],
    networkInterfaceIds: [eni],
    attributes: {},
    state: "active",
    hostPorts: {},
    createdAt: 0,
    tags: {},
  });
}

function putInfrastructureRole(tx: Transaction): void {
  tx.put("role", INFRASTRUCTURE_ROLE, {
    type: "role",
    account: PLACE.account,
    arn: INFRASTRUCTURE_ROLE,
    id: "AROA1",
    name: "ecs-infrastructure",
    path: "/",
    description: undefined,
    permissionsBoundary: undefined,
    maxSessionSeconds: 3_600,
    trustPolicy: JSON.stringify({
      Version: "2012-10-17",
      Statement: [{ Effect: "Allow", Principal: { Service: "ecs.amazonaws.com" }, Action: "sts:AssumeRole" }],
    }),
    inlinePolicies: {},
    attachedPolicies: [],
    createdAt: 0,
    tags: {},
  });
}

function putGroup(tx: Transaction, arn: string, name: string): void {
  tx.put("targetGroup", arn, {
    ...PLACE,
    arn,
    name,
    protocol: "HTTP",
    port: 80,
    vpcId: "vpc-1",
    targetType: "ip",
    healthCheck: {
      enabled: true,
      protocol: "HTTP",
      port: "traffic-port",
      path: "/",
      intervalSeconds: 5,
      timeoutSeconds: 2,
      healthyThreshold: 2,
      unhealthyThreshold: 2,
      matcher: "200",
    },
    attributes: {},
    createdAt: 0,
    tags: {},
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

/** Writes a service of one container of the image, optionally behind the load balancer. */
export function putService(
  tx: Transaction,
  ids: Ids,
  options: {
    name: string;
    image: string;
    balanced: boolean;
    spec: Partial<ServiceRecord["spec"]>;
    now: number;
  },
): void {
  if (options.balanced) putBalancer(tx);
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
  const version = versionOf({ image: options.image, balanced: balancers.length > 0, isStaged });
  beginServiceDeployment(tx, service, version, { ids, now: options.now });
}

/** Writes the records of RunTask for a task of one container of the image. */
export function putTask(tx: Transaction, ids: Ids, options: { image: string; now: number }): TaskRecord {
  const definition = definitionOf(options.image);
  tx.put("taskDefinition", definition.arn, definition);
  const task = newTask(ids, {
    cluster: present(tx.get("cluster", CLUSTER), "The world has a cluster."),
    definition,
    network: versionOf({ image: options.image, balanced: false, isStaged: false }).network,
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

export function versionOf(options: { image: string; balanced: boolean; isStaged: boolean }): ServiceVersion {
  const advanced = {
    alternateTargetGroupArn: ALTERNATE_GROUP,
    productionListenerRule: PRODUCTION_RULE,
    testListenerRule: TEST_RULE,
    roleArn: INFRASTRUCTURE_ROLE,
  };
  return {
    taskDefinitionArn: definitionOf(options.image).arn,
    network: { subnets: ["subnet-1"], securityGroups: [], assignPublicIp: "DISABLED" },
    loadBalancers: options.balanced
      ? [
          {
            targetGroupArn: GROUP,
            containerName: "web",
            containerPort: 80,
            ...(options.isStaged ? { advanced } : {}),
          },
        ]
      : [],
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
