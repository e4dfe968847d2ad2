import { DescribeVpcsCommand, EC2Client } from "@aws-sdk/client-ec2";
import { DescribeServicesCommand, ECSClient, waitUntilServicesStable } from "@aws-sdk/client-ecs";
import { DescribeRepositoriesCommand, ECRClient } from "@aws-sdk/client-ecr";
import { DescribeDBInstancesCommand, RDSClient } from "@aws-sdk/client-rds";
import { ListBucketsCommand, S3Client } from "@aws-sdk/client-s3";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { canRunTerraform, openTerraform } from "../../tools/terraform/terraform.ts";
import { openDemo, REGION } from "./demo.ts";
import { get, run } from "./helpers.ts";

const canRun = canRunTerraform();
if (!canRun) process.stderr.write("\nTerraform or its AWS provider is not here: the tests of the website's Terraform are skipped.\n");

const demo = openDemo(inject("demo"));
const variables = { name: "webshop", domain: "webshop.example.com", db_password: "sesame-open-sesame" };
const changed = { environment: "staging", app_version: "2", desired_count: "3", administrators: '["10.1.2.3/32"]' };

/** As a person would: the configuration as it stands, the variables of `gantry env`, the real Terraform and provider. */
describe.skipIf(!canRun)("the website's Terraform", () => {
  const [first, second] = canRun ? [openTerraform(demo.environment, variables), openTerraform(demo.environment, variables)] : [];
  const ecs = new ECSClient(demo.client());
  const service = async () => (await ecs.send(new DescribeServicesCommand({ cluster: "webshop", services: ["webshop"] }))).services?.[0];
  const website = async (path: string) => {
    const balancer = (await demo.instance.status()).loadBalancers.find((each) => each.dnsName.startsWith("webshop-"));
    const url = new URL(path, balancer?.listeners.find((listener) => listener.url.startsWith("https:"))?.url);
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
    expect(await first?.apply()).toMatch(/Apply complete! Resources: 61 added, 0 changed, 0 destroyed/);
    expect(await first?.plan()).toContain("No changes. Your infrastructure matches the configuration.");
  });

  it("runs the website once its image is pushed", async () => {
    const repositories = (await new ECRClient(demo.client()).send(new DescribeRepositoriesCommand({ repositoryNames: ["webshop"] }))).repositories;
    const container = (await demo.taskContainers())[0] ?? "";
    const image = (await run("docker", ["inspect", "-f", "{{.Config.Image}}", container])).trim();
    const own = `${repositories?.[0]?.repositoryUri}:latest`;
    await run("docker", ["tag", image, own]);
    await demo.push(own);
    await waitUntilServicesStable({ client: ecs, maxWaitTime: 120, minDelay: 2, maxDelay: 2 }, { cluster: "webshop", services: ["webshop"] });
    expect(await website("/health")).toContain("healthy");
    expect(await website("/balancer")).toBe("BALANCER IS HEALTHY");
  });

  it("is changed in place: a count, a tag, a rule, a variable of the environment; and the plan after it is empty", async () => {
    const output = await first?.apply(changed);
    expect(output).toMatch(/Apply complete! Resources: 2 added, \d+ changed, 1 destroyed/);
    expect(output).toContain("aws_ecs_task_definition.app must be replaced");
    expect(output).not.toMatch(/(?<!task_definition\.app) must be replaced/);
    expect(await first?.plan(changed)).toContain("No changes. Your infrastructure matches the configuration.");
    await waitUntilServicesStable({ client: ecs, maxWaitTime: 120, minDelay: 2, maxDelay: 2 }, { cluster: "webshop", services: ["webshop"] });
    expect(await service()).toMatchObject({ desiredCount: 3, runningCount: 3 });
    expect(await website("/version")).toContain("2");
  });

  it("is taken over by import, every resource, into a state that had none; the plan after it is empty", async () => {
    const resources = (await first?.resources()) ?? [];
    second?.writeImports(resources);
    expect(await second?.apply(changed)).toContain(`Apply complete! Resources: ${resources.length} imported, 0 added, 6 changed, 0 destroyed.`);
    second?.removeImports();
    expect(await second?.plan(changed)).toContain("No changes. Your infrastructure matches the configuration.");
  });

  it("is destroyed, and nothing is left", async () => {
    expect(await second?.destroy(changed)).toMatch(/Destroy complete! Resources: 62 destroyed/);
    const config = demo.client();
    const { Vpcs = [] } = await new EC2Client(config).send(new DescribeVpcsCommand({ Filters: [{ Name: "tag:Project", Values: ["webshop"] }] }));
    const { DBInstances = [] } = await new RDSClient(config).send(new DescribeDBInstancesCommand({}));
    const { Buckets = [] } = await new S3Client({ ...config, forcePathStyle: true }).send(new ListBucketsCommand({}));
    expect(Vpcs).toEqual([]);
    expect(DBInstances.map((each) => each.DBInstanceIdentifier)).toEqual(["fileshare"]);
    expect(Buckets.map((each) => each.Name)).not.toContain("webshop-files-000000000000");
    await expect(service()).rejects.toMatchObject({ name: "ClusterNotFoundException" });
    expect(await run("docker", ["ps", "-q", "--filter", "label=com.amazonaws.ecs.cluster=webshop"])).toBe("");
    // The demo beside it goes on as before.
    expect((await get(demo.url, { path: "/health" })).status).toBe(200);
    expect(REGION).toBe(config.region);
  });
});
