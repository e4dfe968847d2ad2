import { policyDecider } from "@gantry/api/iam/decide";
import { newVault, VirtualClock } from "@gantry/kernel";
import { MemoryStore, type ImageRecord, type RoleRecord, type VpcEndpointRecord } from "@gantry/state";
import { describe, expect, it } from "vitest";
import { imageFinder } from "./image-resolver.ts";

const REPOSITORY = "arn:aws:ecr:us-east-1:000000000000:repository/team/app";
const URI = "000000000000.dkr.ecr.us-east-1.amazonaws.com/team/app";
const ROLE = "arn:aws:iam::000000000000:role/execution";
const OLD = `sha256:${"a".repeat(64)}`;
const NEW = `sha256:${"b".repeat(64)}`;
const PULL = ["ecr:GetAuthorizationToken", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"];

const role = (actions: readonly string[]): RoleRecord => ({
  type: "role",
  arn: ROLE,
  account: "000000000000",
  id: "AROA",
  name: "execution",
  path: "/",
  description: undefined,
  trustPolicy: JSON.stringify({
    Statement: [
      { Effect: "Allow", Principal: { Service: "ecs-tasks.amazonaws.com" }, Action: "sts:AssumeRole" },
    ],
  }),
  maxSessionSeconds: 3_600,
  inlinePolicies: {
    own: JSON.stringify({ Statement: [{ Effect: "Allow", Action: actions, Resource: "*" }] }),
  },
  attachedPolicies: [],
  permissionsBoundary: undefined,
  createdAt: 0,
  tags: {},
});

const image = (digest: string, imageTags: readonly string[]): ImageRecord => ({
  repositoryArn: REPOSITORY,
  digest,
  mediaType: "application/vnd.oci.image.manifest.v1+json",
  artifactType: undefined,
  sizeBytes: 1,
  imageTags,
  references: [],
  pushedAt: 0,
});

function newRegistry(actions: readonly string[] = PULL) {
  const store = new MemoryStore();
  const clock = new VirtualClock();
  const put = (...images: readonly ImageRecord[]) =>
    store.transact((tx) => {
      for (const each of images) tx.put("image", `${REPOSITORY}@${each.digest}`, each);
    });
  store.transact((tx) => {
    tx.put("role", ROLE, role(actions));
    tx.put("repository", REPOSITORY, {
      account: "000000000000",
      region: "us-east-1",
      arn: REPOSITORY,
      name: "team/app",
      tagMutability: "MUTABLE",
      scanOnPush: false,
      createdAt: 0,
      tags: {},
    });
  });
  put(image(OLD, ["latest"]));
  const find = imageFinder({
    registry: "127.0.0.1:4510",
    vault: newVault(Buffer.alloc(32)),
    clock,
    store,
    isPlainSecure: true,
    policy: policyDecider({ store, now: () => clock.now() }),
  });
  const ask = (
    name: string,
    options: { digest?: string; executionRoleArn?: string | undefined; vpcId?: string } = {},
  ) =>
    find(store, {
      image: name,
      digest: undefined,
      executionRoleArn: ROLE,
      taskArn: "arn:aws:ecs:us-east-1:000000000000:task/default/1",
      account: "000000000000",
      vpcId: undefined,
      ...options,
    });
  return { put, ask, store };
}

describe("an image of the platform's registry", () => {
  // Regression: the tag reached the engine, which ran whatever image it had under that name.
  it("is the one that the tag names now, after the tag has moved", () => {
    const { put, ask } = newRegistry();
    expect(ask(`${URI}:latest`)).toEqual({ type: "resolved", digest: OLD });
    put(image(OLD, []), image(NEW, ["latest"]));
    for (const name of [URI, `${URI}:latest`, "127.0.0.1:4510/team/app:latest"])
      expect(ask(name)).toEqual({ type: "resolved", digest: NEW });
    expect(ask(`${URI}@${OLD}`)).toEqual({ type: "resolved", digest: OLD });
    expect(ask(`${URI}:latest`, { digest: OLD })).toEqual({ type: "resolved", digest: OLD });
  });

  // Regression: the pull failed with "no basic auth credentials", and permissions were not checked where the
  // engine had the image.
  it.each([
    ["ecr:GetAuthorizationToken", "*"],
    ["ecr:BatchGetImage", REPOSITORY],
    ["ecr:GetDownloadUrlForLayer", REPOSITORY],
  ])("is refused to an execution role without %s, in words that name both", (missing, resource) => {
    const { ask } = newRegistry(PULL.filter((action) => action !== missing));
    const answer = ask(`${URI}:latest`);
    expect(answer).toMatchObject({
      type: "refused",
      reason: expect.stringMatching(/^CannotPullContainerError: The task can't pull the image /) as string,
    });
    expect(JSON.stringify(answer)).toContain("assumed-role/execution/");
    expect(JSON.stringify(answer)).toContain(`is not authorized to perform: ${missing} on resource: `);
    expect(JSON.stringify(answer)).toContain(resource);
  });

  // Before: the policies of the endpoints ecr.api and ecr.dkr were not evaluated for a task's images.
  it.each([
    ["ecr.api", "ecr:GetAuthorizationToken"],
    ["ecr.dkr", "ecr:GetDownloadUrlForLayer"],
  ])("is refused where the policy of the VPC's endpoint %s denies %s", (part, denied) => {
    const { ask, store } = newRegistry();
    const policyOf = (...denials: readonly object[]) => {
      const Statement = [{ Effect: "Allow", Principal: "*", Action: "*", Resource: "*" }, ...denials];
      const endpoint: VpcEndpointRecord = {
        ...{ account: "000000000000", region: "us-east-1", id: "vpce-1", type: "Interface", vpcId: "vpc-1" },
        serviceName: `com.amazonaws.us-east-1.${part}`,
        policy: JSON.stringify({ Version: "2012-10-17", Statement }),
        ...{ routeTableIds: [], subnetIds: [], securityGroups: [], networkInterfaceIds: [] },
        ...{ privateDns: true, dnsRecordIpType: "ipv4", privateDnsOnlyForInboundResolver: false },
        ...{ createdAt: 0, tags: {} },
      };
      store.transact((tx) => tx.put("vpcEndpoint", "vpce-1", endpoint));
    };
    const denial = { Effect: "Deny", Principal: "*", Action: denied, Resource: "*" };
    policyOf(denial);
    const answer = JSON.stringify(ask(URI, { vpcId: "vpc-1" }));
    expect(answer).toContain("CannotPullContainerError");
    expect(answer).toContain(`perform: ${denied} on resource: `);
    expect(answer).toContain("with an explicit deny in a VPC endpoint policy");
    expect(ask(URI, { vpcId: "vpc-2" })).toEqual({ type: "resolved", digest: OLD });
    policyOf({ ...denial, Condition: { StringEquals: { "aws:SourceVpce": "vpce-other" } } });
    expect(ask(URI, { vpcId: "vpc-1" })).toEqual({ type: "resolved", digest: OLD });
  });

  it("is refused to a task without an execution role or with a deleted one", () => {
    const { ask } = newRegistry();
    const without = ask("127.0.0.1:4510/team/app", { executionRoleArn: undefined });
    expect(without).toMatchObject({ type: "refused" });
    expect(JSON.stringify(without)).toContain("no execution role");
    expect(JSON.stringify(ask(URI, { executionRoleArn: `${ROLE}-gone` }))).toContain(
      `unable to assume the role '${ROLE}-gone'`,
    );
  });

  it("is refused where the tag or the repository does not exist", () => {
    const { ask } = newRegistry();
    expect(JSON.stringify(ask(`${URI}:none`))).toContain(`failed to resolve ref ${URI}:none: not found`);
    expect(JSON.stringify(ask(`${URI}2:none`))).toContain("team/app2: repository not found");
  });

  it("is not resolved if it is in another registry", () => {
    const { ask } = newRegistry();
    expect(ask("nginx:latest", { executionRoleArn: undefined })).toEqual({ type: "foreign" });
    expect(ask("localhost:5000/team/app")).toEqual({ type: "foreign" });
  });
});
