import { createHash } from "node:crypto";
import { copyFileSync, cpSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  CreateRepositoryCommand,
  DescribeImagesCommand,
  DescribeRepositoriesCommand,
  GetAuthorizationTokenCommand,
} from "@aws-sdk/client-ecr";
import {
  CreateServiceCommand,
  DescribeServicesCommand,
  DescribeTaskDefinitionCommand,
  RegisterTaskDefinitionCommand,
  UpdateServiceCommand,
  type ContainerDefinition,
} from "@aws-sdk/client-ecs";
import type { InstanceSettings } from "@gantry/control-plane";
import { NODE_BASE_TAG, nodeBaseRecipe, provideImage } from "@gantry/images";
import { present, sleep } from "@gantry/kernel";
import { isRelease, PROJECT, type PlatformDeps } from "../project.ts";
import { run, succeeds, UserError } from "../run.ts";
import type { Clients } from "./clients.ts";
import type { DemoNetwork } from "./network.ts";
import type { DemoResources } from "./resources.ts";

const FOLDER = join(PROJECT, "examples/fileshare");
const BASE_UPSTREAM = "node:22-slim";
const STEADY_WAIT_MS = 180_000;
const law = "A response contains the resource that the request created.";

/**
 * Builds the website's image and pushes it to this instance's registry if it is not there; returns its
 * address.
 */
export async function ensureWebsiteImage(
  deps: PlatformDeps,
  settings: InstanceSettings,
  { ecr }: Clients,
): Promise<string> {
  const tag = sourcesHash();
  const uri = await repositoryUri(ecr);
  const there = await ecr
    .send(new DescribeImagesCommand({ repositoryName: "fileshare", imageIds: [{ imageTag: tag }] }))
    .catch(() => undefined);
  const image = `${uri}:${tag}`;
  if (there !== undefined) return image;
  await deps.progress.step("Building the website", async () => build(image, await baseImage(settings)));
  await deps.progress.step("Pushing its image to the registry", () => push(settings, ecr, image));
  return image;
}

/** Builds in a folder of its own: another instance may build the same website at this moment. */
async function build(image: string, base: string): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "gantry-website-"));
  try {
    copyFileSync(join(FOLDER, "Dockerfile"), join(folder, "Dockerfile"));
    const built = join(folder, "dist");
    // A release contains the built website.
    if (isRelease()) cpSync(join(FOLDER, "dist"), built, { recursive: true });
    else
      await run("npm", ["run", "build", "-w", "examples/fileshare"], {
        cwd: PROJECT,
        env: { ...process.env, OUT: built },
      });
    const options = ["--build-arg", `BASE=${base}`, "--label", "gantry.image=true", "-t", image];
    await run("docker", ["build", "-q", ...options, folder], {
      env: { ...process.env, DOCKER_BUILDKIT: "0" },
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function sourcesHash(): string {
  const hash = createHash("sha256");
  const skipped = isRelease() ? ["node_modules"] : ["node_modules", "dist"];
  const walk = (path: string): void => {
    for (const entry of readdirSync(path, { withFileTypes: true }).toSorted((a, b) =>
      a.name < b.name ? -1 : 1,
    )) {
      if (skipped.includes(entry.name)) continue;
      if (entry.isDirectory()) walk(join(path, entry.name));
      else hash.update(entry.name).update(readFileSync(join(path, entry.name)));
    }
  };
  walk(FOLDER);
  return hash.digest("hex").slice(0, 12);
}

async function repositoryUri(ecr: Clients["ecr"]): Promise<string> {
  const known = await ecr
    .send(new DescribeRepositoriesCommand({ repositoryNames: ["fileshare"] }))
    .catch(() => undefined);
  const repository =
    known?.repositories?.[0] ??
    (await ecr.send(new CreateRepositoryCommand({ repositoryName: "fileshare" }))).repository;
  return present(repository?.repositoryUri, law);
}

async function baseImage(settings: InstanceSettings): Promise<string> {
  if (await succeeds("docker", ["image", "inspect", BASE_UPSTREAM])) return BASE_UPSTREAM;
  if (await succeeds("docker", ["pull", "-q", BASE_UPSTREAM])) return BASE_UPSTREAM;
  await provideImage(nodeBaseRecipe(process.execPath), {
    cacheFolder: join(settings.folder, "cache"),
    label: "gantry.image=true",
  });
  return NODE_BASE_TAG;
}

/** Pushes with a separate configuration folder, so that the user's Docker logins stay unchanged. */
async function push(settings: InstanceSettings, ecr: Clients["ecr"], image: string): Promise<void> {
  const folder = join(settings.folder, "docker");
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const { authorizationData = [] } = await ecr.send(new GetAuthorizationTokenCommand({}));
  const [, password = ""] = Buffer.from(authorizationData[0]?.authorizationToken ?? "", "base64")
    .toString()
    .split(/:(.*)/s);
  const registry = image.slice(0, image.indexOf("/"));
  const login = ["--config", folder, "login", "-u", "AWS", "--password-stdin", registry];
  await run("docker", login, { input: password });
  await run("docker", ["--config", folder, "push", "-q", image]);
}

/** Creates or updates the task definition and the service; returns whether anything changed. */
export async function ensureService(
  { ecs }: Clients,
  options: { image: string; region: string; network: DemoNetwork; resources: DemoResources },
): Promise<boolean> {
  const { services = [] } = await ecs.send(
    new DescribeServicesCommand({ cluster: "fileshare", services: ["fileshare"] }),
  );
  const there = services.find((service) => service.status === "ACTIVE");
  const current =
    there?.taskDefinition === undefined
      ? undefined
      : (await ecs.send(new DescribeTaskDefinitionCommand({ taskDefinition: there.taskDefinition })))
          .taskDefinition;
  const container = current?.containerDefinitions?.[0];
  if (container?.image === options.image) return false;
  const password =
    options.resources.database.password ??
    container?.environment?.find((pair) => pair.name === "DB_PASSWORD")?.value;
  if (password === undefined)
    throw new UserError(
      'The demo was interrupted while it created its database: run "gantry down --purge", then "gantry demo" again.',
    );
  const taskDefinition = await register(ecs, { ...options, password });
  if (there !== undefined) {
    await ecs.send(new UpdateServiceCommand({ cluster: "fileshare", service: "fileshare", taskDefinition }));
    return true;
  }
  await ecs.send(
    new CreateServiceCommand({
      cluster: "fileshare",
      serviceName: "fileshare",
      taskDefinition,
      desiredCount: 2,
      launchType: "FARGATE",
      platformVersion: "1.4.0",
      healthCheckGracePeriodSeconds: 30,
      networkConfiguration: {
        awsvpcConfiguration: {
          subnets: [...options.network.privateSubnets],
          securityGroups: [options.network.groups.app],
          assignPublicIp: "DISABLED",
        },
      },
      loadBalancers: [
        {
          targetGroupArn: options.resources.targetGroupArn,
          containerName: "fileshare-app",
          containerPort: 8080,
        },
      ],
      deploymentConfiguration: { minimumHealthyPercent: 100, maximumPercent: 200 },
    }),
  );
  return true;
}

async function register(
  ecs: Clients["ecs"],
  options: { image: string; region: string; resources: DemoResources; password: string },
): Promise<string> {
  const { resources, region } = options;
  const environment = {
    AWS_REGION: region,
    S3_BUCKET: resources.bucket,
    USER_FILE_PATH: "/efs",
    DB_HOST: resources.database.host,
    DB_USER: resources.database.user,
    DB_NAME: resources.database.name,
    DB_PASSWORD: options.password,
  };
  const container: ContainerDefinition = {
    name: "fileshare-app",
    image: options.image,
    essential: true,
    portMappings: [{ containerPort: 8080 }],
    environment: Object.entries(environment).map(([name, value]) => ({ name, value })),
    mountPoints: [{ sourceVolume: "efs", containerPath: "/efs" }],
    logConfiguration: {
      logDriver: "awslogs",
      options: {
        "awslogs-group": resources.logGroup,
        "awslogs-region": region,
        "awslogs-stream-prefix": "app",
      },
    },
  };
  const { taskDefinition } = await ecs.send(
    new RegisterTaskDefinitionCommand({
      family: "fileshare-app",
      requiresCompatibilities: ["FARGATE"],
      networkMode: "awsvpc",
      cpu: "512",
      memory: "1024",
      taskRoleArn: resources.roles.task,
      executionRoleArn: resources.roles.execution,
      containerDefinitions: [container],
      volumes: [
        {
          name: "efs",
          efsVolumeConfiguration: {
            fileSystemId: resources.fileSystemId,
            transitEncryption: "ENABLED",
            authorizationConfig: { accessPointId: resources.accessPointId },
          },
        },
      ],
    }),
  );
  return present(taskDefinition?.taskDefinitionArn, law);
}

/**
 * Waits until the service has one deployment and all its tasks run. Reports the service's last event where it
 * does not reach this state.
 */
export async function waitUntilSteady(deps: PlatformDeps, { ecs }: Clients): Promise<void> {
  const deadline = deps.clock.now() + STEADY_WAIT_MS;
  for (;;) {
    const { services = [] } = await ecs.send(
      new DescribeServicesCommand({ cluster: "fileshare", services: ["fileshare"] }),
    );
    const [service] = services;
    // A service that CodeDeploy deploys has task sets instead of deployments.
    const { deployments = [], taskSets = [] } = service ?? {};
    const isSteady =
      (deployments.length === 1 && deployments[0]?.rolloutState === "COMPLETED") ||
      (taskSets.length === 1 && taskSets[0]?.stabilityStatus === "STEADY_STATE");
    if (isSteady && service?.runningCount === service?.desiredCount) return;
    if (deps.clock.now() > deadline)
      throw new UserError(
        `The website's service did not reach a steady state within ${STEADY_WAIT_MS / 60_000} minutes. ` +
          `Its last event: ${service?.events?.[0]?.message ?? "nothing"}`,
      );
    await sleep(deps.clock, 200);
  }
}
