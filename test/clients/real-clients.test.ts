import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  DescribeSecurityGroupsCommand,
  DescribeSubnetsCommand,
  DescribeVpcsCommand,
  EC2Client,
} from "@aws-sdk/client-ec2";
import {
  CodeDeployClient,
  CreateDeploymentCommand,
  waitUntilDeploymentSuccessful,
} from "@aws-sdk/client-codedeploy";
import { DescribeServicesCommand, ECSClient } from "@aws-sdk/client-ecs";
import {
  BatchGetImageCommand,
  CreateRepositoryCommand,
  DescribeRepositoriesCommand,
  ECRClient,
  GetAuthorizationTokenCommand,
} from "@aws-sdk/client-ecr";
import { DescribeDBInstancesCommand, RDSClient } from "@aws-sdk/client-rds";
import { ListBucketsCommand, S3Client } from "@aws-sdk/client-s3";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { canRunTerraform, openSshKey, openTerraform } from "../../tools/terraform/terraform.ts";
import { CLIENTS, debianPackages, has, JOURNEYS, ociConformance } from "./clients.ts";
import { openDemo, REGION } from "../e2e/demo.ts";
import { eventually, get, PROJECT, run } from "../e2e/helpers.ts";

const canRun = canRunTerraform();
if (!canRun)
  process.stderr.write(
    "\nTerraform or its AWS provider is not here: the tests of the website's Terraform are skipped.\n",
  );

const demo = openDemo(inject("demo"));
const present = CLIENTS.filter((client) => client.needs.every(has));
for (const client of CLIENTS.filter((each) => !present.includes(each)))
  process.stderr.write(
    `\n${client.needs.join(" and ")} is not here: the journeys by ${client.name} are skipped.\n`,
  );
const journeys = new Map<string, Promise<{ output: string } | { problem: unknown }>>();

/** The demo's network, by the names that the journeys know it by. */
async function surroundings(): Promise<Record<string, string>> {
  const ec2 = new EC2Client(demo.client());
  const named = async (names: string) =>
    (
      await ec2.send(new DescribeSubnetsCommand({ Filters: [{ Name: "tag:Name", Values: [names] }] }))
    ).Subnets?.map((subnet) => subnet.SubnetId ?? "").join(",") ?? "";
  const { SecurityGroups = [] } = await ec2.send(
    new DescribeSecurityGroupsCommand({ Filters: [{ Name: "group-name", Values: ["fileshare-app"] }] }),
  );
  return {
    ...demo.environment,
    AWS_REGION: REGION,
    AWS_DEFAULT_REGION: REGION,
    JOURNEY_VPC: SecurityGroups[0]?.VpcId ?? "",
    JOURNEY_GROUP: SecurityGroups[0]?.GroupId ?? "",
    JOURNEY_SUBNETS: await named("fileshare-private-*"),
    JOURNEY_PUBLIC_SUBNETS: await named("fileshare-public-*"),
    JOURNEY_EXECUTION_ROLE: "arn:aws:iam::000000000000:role/fileshare-execution",
    JOURNEY_IMAGE: "gantry/pause:1",
    JOURNEY_PUSH: join(PROJECT, "test/clients/push.sh"),
  };
}

// The journeys go on while Terraform waits, which it does most of its time; one client after the other.
beforeAll(async () => {
  const environment = await surroundings();
  let before: Promise<unknown> = Promise.resolve();
  for (const client of present) {
    const journey = before.then(() => client.journeys({ ...environment, JOURNEY_NAME: `by-${client.name}` }));
    const outcome = journey.then(
      (output) => ({ output }),
      (problem: unknown) => ({ problem }),
    );
    journeys.set(client.name, outcome);
    before = outcome;
  }
});

const keys = generateKeyPairSync("ed25519");
const variables = {
  ...{ name: "webshop", domain: "webshop.example.com", db_password: "sesame-open-sesame" },
  bastion_public_key: openSshKey(keys.publicKey),
  // Traffic moves at once, and the version before ends at once.
  ...{ deployment_config: "CodeDeployDefault.ECSAllAtOnce", keep_minutes: "0" },
};
const changed = {
  environment: "staging",
  app_version: "2",
  desired_count: "3",
  administrators: '["10.1.2.3/32"]',
};

/**
 * As a person would: the configuration as it stands, the variables of `gantry env`, the real Terraform and
 * provider.
 */
describe.skipIf(!canRun)("the website's Terraform", () => {
  const [first, second] = canRun
    ? [openTerraform(demo.environment, variables), openTerraform(demo.environment, variables)]
    : [];
  const ecs = new ECSClient(demo.client());
  const service = async () =>
    (await ecs.send(new DescribeServicesCommand({ cluster: "webshop", services: ["webshop"] })))
      .services?.[0];
  const website = async (path: string) => {
    const balancer = (await demo.instance.status()).loadBalancers.find((each) =>
      each.dnsName.startsWith("webshop-"),
    );
    // The test listener speaks HTTPS too, and lets in administrators alone.
    const url = new URL(path, balancer?.listeners.find((listener) => listener.port === 443)?.url);
    return run("curl", ["-sk", "--resolve", `${url.hostname}:${url.port || "443"}:127.0.0.1`, url.href]);
  };

  beforeAll(async () => {
    await first?.init();
    await second?.init();
  });
  afterAll(() => {
    first?.remove();
    second?.remove();
  });

  it("is applied, and a second plan has nothing to do", async () => {
    expect(await first?.apply()).toMatch(/Apply complete! Resources: 92 added, 0 changed, 0 destroyed/);
    expect(await first?.plan()).toContain("No changes. Your infrastructure matches the configuration.");
  });

  it("runs the website once its image is pushed", async () => {
    const repositories = (
      await new ECRClient(demo.client()).send(
        new DescribeRepositoriesCommand({ repositoryNames: ["webshop"] }),
      )
    ).repositories;
    const container = (await demo.taskContainers())[0] ?? "";
    const image = (await run("docker", ["inspect", "-f", "{{.Config.Image}}", container])).trim();
    const own = `${repositories?.[0]?.repositoryUri}:latest`;
    await run("docker", ["tag", image, own]);
    await demo.push(own);
    await eventually(async () => expect((await service())?.runningCount).toBe(2), 120_000);
    // Tasks may be targets that are yet to pass their health checks.
    await eventually(async () => expect(await website("/health")).toContain("healthy"));
    expect(await website("/balancer")).toBe("BALANCER IS HEALTHY");
  });

  it("is changed in place (count, tag, rule, environment), and the next plan is empty", async () => {
    const output = await first?.apply(changed);
    expect(output).toMatch(/Apply complete! Resources: 2 added, \d+ changed, 1 destroyed/);
    expect(output).toContain("aws_ecs_task_definition.app must be replaced");
    expect(output).not.toMatch(/(?<!task_definition\.app) must be replaced/);
    expect(await first?.plan(changed)).toContain(
      "No changes. Your infrastructure matches the configuration.",
    );
    // Auto scaling's new minimum.
    await eventually(async () => expect(await service()).toMatchObject({ desiredCount: 3, runningCount: 3 }));
  });

  it("is rolled forward by CodeDeploy", async () => {
    const Properties = {
      TaskDefinition: await first?.output("task_definition"),
      LoadBalancerInfo: { ContainerName: "webshop-app", ContainerPort: 8080 },
    };
    const content = JSON.stringify({
      version: "0.0",
      Resources: [{ TargetService: { Type: "AWS::ECS::Service", Properties } }],
    });
    const codeDeploy = new CodeDeployClient(demo.client());
    const { deploymentId = "" } = await codeDeploy.send(
      new CreateDeploymentCommand({
        applicationName: "webshop",
        deploymentGroupName: "webshop",
        revision: { revisionType: "AppSpecContent", appSpecContent: { content } },
      }),
    );
    await waitUntilDeploymentSuccessful(
      { client: codeDeploy, maxWaitTime: 180, minDelay: 2, maxDelay: 2 },
      { deploymentId },
    );
    expect(await website("/version")).toContain("2");
    expect(await first?.plan(changed)).toContain(
      "No changes. Your infrastructure matches the configuration.",
    );
  });

  it("is imported completely into an empty state, and the next plan is empty", async () => {
    // The validation of a certificate is nothing that is there, and EC2 does not return public keys to the provider.
    const resources = ((await first?.resources()) ?? []).filter(
      ({ type }) => type !== "aws_acm_certificate_validation",
    );
    expect(resources).toHaveLength(92);
    expect(await second?.importAll(resources, changed)).toMatch(
      /Apply complete! Resources: 92 imported, 2 added, \d+ changed, 1 destroyed\./,
    );
    expect(await second?.plan(changed)).toContain(
      "No changes. Your infrastructure matches the configuration.",
    );
  });

  it("is destroyed, and nothing is left", async () => {
    expect(await second?.destroy(changed)).toMatch(/Destroy complete! Resources: 93 destroyed/);
    const config = demo.client();
    const { Vpcs = [] } = await new EC2Client(config).send(
      new DescribeVpcsCommand({ Filters: [{ Name: "tag:Project", Values: ["webshop"] }] }),
    );
    const { DBInstances = [] } = await new RDSClient(config).send(new DescribeDBInstancesCommand({}));
    const { Buckets = [] } = await new S3Client({ ...config, forcePathStyle: true }).send(
      new ListBucketsCommand({}),
    );
    expect(Vpcs).toEqual([]);
    expect(DBInstances.map((each) => each.DBInstanceIdentifier)).not.toContain("webshop");
    expect(Buckets.map((each) => each.Name)).not.toContain("webshop-files-000000000000");
    await expect(service()).rejects.toThrow(/inactive/);
    expect(await run("docker", ["ps", "-q", "--filter", "label=com.amazonaws.ecs.cluster=webshop"])).toBe("");
    // The demo beside it goes on as before.
    expect((await get(demo.url, { path: "/health" })).status).toBe(200);
  });
});

/**
 * Each client from its own registry, unmodified: it differs from the others in protocol, signing, checksums,
 * retries and pages.
 */
describe("the same calls by every client", () => {
  it.each(CLIENTS.map((client) => client.name))("%s", async (name) => {
    const journey = journeys.get(name);
    if (journey === undefined) return expect(present.map((client) => client.name)).not.toContain(name);
    const outcome = await journey;
    if ("problem" in outcome) throw outcome.problem;
    // What else a client prints is its own: warnings of libraries, lines of a logger.
    expect(outcome.output.split("\n").filter((line) => JOURNEYS.includes(line))).toEqual(JOURNEYS);
  });
});

describe.skipIf(!has("apt-get"))("tools for images, from Debian's packages", () => {
  const folder = mkdtempSync(join(tmpdir(), "gantry-image-tools-"));
  const ecr = new ECRClient(demo.client());
  let [credentials, repository] = ["", ""];

  beforeAll(async () => {
    await debianPackages("skopeo", "buildah");
    const { authorizationData = [] } = await ecr.send(new GetAuthorizationTokenCommand({}));
    credentials = Buffer.from(authorizationData[0]?.authorizationToken ?? "", "base64").toString();
    repository =
      (await ecr.send(new CreateRepositoryCommand({ repositoryName: "image-tools" }))).repository
        ?.repositoryUri ?? "";
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it("skopeo pushes, inspects, lists, copies and deletes", async () => {
    const image = `docker://${repository}:by-skopeo`;
    await run("skopeo", [
      "copy",
      "--insecure-policy",
      "--dest-tls-verify=false",
      "--dest-creds",
      credentials,
      "docker-daemon:gantry/pause:1",
      image,
    ]);
    const look = JSON.parse(
      await run("skopeo", ["inspect", "--tls-verify=false", "--creds", credentials, image]),
    ) as { Digest: string }; // Its documented form.
    const { images = [] } = await ecr.send(
      new BatchGetImageCommand({ repositoryName: "image-tools", imageIds: [{ imageTag: "by-skopeo" }] }),
    );
    expect(look.Digest).toBe(images[0]?.imageId?.imageDigest);
    await run("skopeo", [
      "copy",
      "--insecure-policy",
      "--src-tls-verify=false",
      "--src-creds",
      credentials,
      image,
      `oci:${folder}/layout:copy`,
    ]);
    await run("skopeo", [
      "copy",
      "--insecure-policy",
      "--dest-tls-verify=false",
      "--dest-creds",
      credentials,
      `oci:${folder}/layout:copy`,
      `docker://${repository}:as-oci`,
    ]);
    expect(
      await run("skopeo", [
        "list-tags",
        "--tls-verify=false",
        "--creds",
        credentials,
        `docker://${repository}`,
      ]),
    ).toMatch(/"as-oci",\s+"by-skopeo"/);
    await run("skopeo", ["delete", "--tls-verify=false", "--creds", credentials, image]);
    expect(
      await run("skopeo", [
        "list-tags",
        "--tls-verify=false",
        "--creds",
        credentials,
        `docker://${repository}`,
      ]),
    ).not.toContain("by-skopeo");
  });

  it("buildah builds, pushes and pulls", async () => {
    const buildah = (...parameters: readonly string[]) =>
      run("buildah", [
        "--root",
        join(folder, "root"),
        "--runroot",
        join(folder, "run"),
        "--storage-driver",
        "vfs",
        ...parameters,
      ]);
    const container = (await buildah("from", "scratch")).trim();
    await buildah("copy", container, join(PROJECT, "LICENSE"), "/LICENSE");
    const id = (await buildah("commit", container)).trim();
    await buildah(
      "push",
      "--tls-verify=false",
      "--creds",
      credentials,
      id,
      `docker://${repository}:by-buildah`,
    );
    await buildah("rmi", "--all", "--force");
    await buildah("pull", "--tls-verify=false", "--creds", credentials, `docker://${repository}:by-buildah`);
    expect(await buildah("images")).toContain("by-buildah");
  });
});

describe.skipIf(!has("go"))("the OCI's conformance suite, version 1.1", () => {
  it("finds nothing wrong with the registry", async () => {
    const ecr = new ECRClient(demo.client());
    const { authorizationData = [] } = await ecr.send(new GetAuthorizationTokenCommand({}));
    const uriOf = async (repositoryName: string) =>
      (await ecr.send(new CreateRepositoryCommand({ repositoryName }))).repository?.repositoryUri ?? "";
    const report = await ociConformance(
      [await uriOf("conformance/one"), await uriOf("conformance/two")],
      Buffer.from(authorizationData[0]?.authorizationToken ?? "", "base64").toString(),
    );
    expect(report).toMatch(/OCI Conformance Result: Pass/);
    expect(
      report.split("\n").filter((line) => /FAIL\.*: +[1-9]|: +(FAIL|Error|Unknown)$/.test(line)),
    ).toEqual([]);
  });
});
