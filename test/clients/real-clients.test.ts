import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DescribeSecurityGroupsCommand, DescribeSubnetsCommand, EC2Client } from "@aws-sdk/client-ec2";
import {
  BatchGetImageCommand,
  CreateRepositoryCommand,
  ECRClient,
  GetAuthorizationTokenCommand,
} from "@aws-sdk/client-ecr";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { type Client, CLIENTS, debianPackages, has, JOURNEYS, ociConformance } from "./clients.ts";
import { openDemo, REGION } from "../e2e/demo.ts";
import { PROJECT, run } from "../e2e/helpers.ts";

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

/** The client that copies ten thousand files, which takes as long as all others together. */
const SLOWEST = "aws-cli-2";

// Two clients at a time, and the tools for images beside them: each waits for the platform most of its time.
beforeAll(async () => {
  const environment = await surroundings();
  const start = (clients: readonly Client[]): void => {
    let before: Promise<unknown> = Promise.resolve();
    for (const client of clients) {
      const journey = before.then(() =>
        client.journeys({ ...environment, JOURNEY_NAME: `by-${client.name}` }),
      );
      const outcome = journey.then(
        (output) => ({ output }),
        (problem: unknown) => ({ problem }),
      );
      journeys.set(client.name, outcome);
      before = outcome;
    }
  };
  start(present.filter(({ name }) => name === SLOWEST));
  start(present.filter(({ name }) => name !== SLOWEST));
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
