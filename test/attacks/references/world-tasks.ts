import { global, regional, type Defaults, type Send, type Target } from "./targets.ts";
import type { Network } from "./world-network.ts";

const LIFECYCLE_POLICY = JSON.stringify({
  rules: [
    {
      rulePriority: 1,
      selection: { tagStatus: "untagged", countType: "imageCountMoreThan", countNumber: 9 },
      action: { type: "expire" },
    },
  ],
});

type TaskServices = "ecs" | "ecr";

/** A cluster with a service and a task, two task definitions, and a repository. */
export async function createTasks(
  send: Send,
  { subnetIds }: Network,
): Promise<{
  readonly targets: readonly Target[];
  readonly defaults: Readonly<Record<TaskServices, Defaults>>;
}> {
  const networkConfiguration = { awsvpcConfiguration: { subnets: subnetIds.slice(0, 1) } };
  const definition = {
    networkMode: "awsvpc",
    cpu: "256",
    memory: "512",
    containerDefinitions: [{ name: "c", image: "busybox" }],
  };
  for (const clusterName of ["prod", "default", "mine"]) await send("ecs", "CreateCluster", { clusterName });
  for (const family of ["app", "other"])
    await send("ecs", "RegisterTaskDefinition", { family, ...definition });
  const service = { cluster: "prod", networkConfiguration, taskDefinition: "other", desiredCount: 0 };
  await send("ecs", "CreateService", { ...service, serviceName: "web" });
  const external = { cluster: "prod", service: "external" };
  await send("ecs", "CreateService", {
    cluster: "prod",
    serviceName: "external",
    desiredCount: 0,
    deploymentController: { type: "EXTERNAL" },
  });
  const { taskSet } = await send("ecs", "CreateTaskSet", {
    ...external,
    taskDefinition: "other",
    networkConfiguration,
  });
  const set = taskSet as { id: string; taskSetArn: string }; // As answered.
  const run = { cluster: "prod", taskDefinition: "other", networkConfiguration };
  const { tasks } = await send("ecs", "RunTask", run);
  const task = (tasks as { taskArn: string }[])[0]?.taskArn ?? ""; // As answered.
  const { serviceDeployments } = await send("ecs", "ListServiceDeployments", {
    cluster: "prod",
    service: "web",
  });
  // As answered.
  const [deployment] = serviceDeployments as {
    serviceDeploymentArn: string;
    targetServiceRevisionArn: string;
  }[];
  await send("ecr", "CreateRepository", { repositoryName: "prod" });
  return {
    targets: [
      ...ecsTargets(task),
      ...deploymentTarget("serviceDeployment", "service-deployment", deployment?.serviceDeploymentArn),
      ...deploymentTarget("serviceRevision", "service-revision", deployment?.targetServiceRevisionArn),
      {
        kind: "taskSet",
        arns: [set.taskSetArn],
        family: regional("ecs", "task-set/*"),
        spellings: [set.id, set.taskSetArn],
        within: external,
      },
      ...ecrTargets(),
    ],
    defaults: {
      ecs: {
        cluster: "prod",
        taskDefinition: "other",
        "RunTask.networkConfiguration": networkConfiguration,
        "RunTask.taskDefinition": "other",
        "StartTask.networkConfiguration": networkConfiguration,
        "StartTask.taskDefinition": "other",
        "StartTask.containerInstances": ["none"],
        "PutAttributes.attributes": [{ name: "a", targetId: "none" }],
        "DeleteAttributes.attributes": [{ name: "a", targetId: "none" }],
        capacityProviders: ["FARGATE"],
        defaultCapacityProviderStrategy: [],
        name: "containerInsights",
        value: "enabled",
        containerInstance: "none",
        containerInstances: ["none"],
        status: "DRAINING",
        "CreateService.networkConfiguration": networkConfiguration,
        "CreateService.taskDefinition": "other",
        "CreateService.desiredCount": 0,
        "CreateTaskSet.networkConfiguration": networkConfiguration,
        "CreateTaskSet.taskDefinition": "other",
        taskSet: set.id,
        primaryTaskSet: set.id,
        scale: { value: 0, unit: "PERCENT" },
        serviceName: "new",
        service: "web",
        hookId: "none",
        task,
        tasks: [task],
        services: ["web"],
        containerDefinitions: definition.containerDefinitions,
        "RegisterTaskDefinition.networkMode": "awsvpc",
        "RegisterTaskDefinition.cpu": "256",
        "RegisterTaskDefinition.memory": "512",
        family: "new",
        tags: [{ key: "a", value: "b" }],
        tagKeys: ["a"],
      },
      ecr: {
        tags: [{ Key: "a", Value: "b" }],
        tagKeys: ["a"],
        imageTagMutability: "MUTABLE",
        lifecyclePolicyText: LIFECYCLE_POLICY,
        imageIds: [{ imageTag: "x" }],
      },
    },
  };
}

function ecsTargets(task: string): readonly Target[] {
  const cluster = regional("ecs", "cluster/prod");
  const service = regional("ecs", "service/prod/web");
  const app = regional("ecs", "task-definition/app:1");
  const family = (type: string) => regional("ecs", `${type}/*`);
  const [id = ""] = task.split("/").slice(-1);
  const other = regional("ecs", "cluster/default");
  const instance = regional("ecs", "container-instance/prod/0123456789abcdef0123456789abcdef");
  const within = { cluster: "prod" };
  return [
    { kind: "cluster", arns: [cluster], family: family("cluster"), spellings: ["prod", cluster] },
    { kind: "cluster", arns: [other], family: family("cluster"), spellings: ["default", other, ""] },
    { kind: "service", arns: [service], family: family("service"), spellings: ["web", service], within },
    {
      kind: "containerInstance",
      arns: [instance],
      family: family("container-instance"),
      spellings: ["0123456789abcdef0123456789abcdef", instance],
      within,
    },
    { kind: "task", arns: [task], family: family("task"), spellings: [id, task], within },
    {
      kind: "taskDefinition",
      arns: [app],
      family: family("task-definition"),
      spellings: ["app", "app:1", app],
    },
    ...[cluster, service, task, app].map((arn) => ({
      kind: "ecsArn" as const,
      arns: [arn],
      family: regional("ecs", "*"),
      spellings: [arn],
    })),
    {
      kind: "passedRole",
      arns: [global("role/team/prod")],
      family: global("role/*"),
      spellings: [global("role/team/prod")],
    },
  ];
}

function deploymentTarget(
  kind: "serviceDeployment" | "serviceRevision",
  type: string,
  arn = "",
): readonly Target[] {
  return [{ kind, arns: [arn], family: regional("ecs", `${type}/*`), spellings: [arn] }];
}

function ecrTargets(): readonly Target[] {
  const arn = regional("ecr", "repository/prod");
  const family = regional("ecr", "repository/*");
  return [
    { kind: "repository", arns: [arn], family, spellings: ["prod"] },
    { kind: "repositoryArn", arns: [arn], family, spellings: [arn] },
  ];
}
