import * as ecs from "@aws-sdk/client-ecs";
import * as iam from "@aws-sdk/client-iam";
import { parsePolicyDocument } from "@gantry/iam";
import { startApi } from "@gantry/testkit";
import { afterAll, describe, expect, it } from "vitest";
import { managedPolicies, managedPolicyDocument } from "./managed-policies.ts";
import { openPolicies, packPolicies } from "./managed/archive.ts";

const api = await startApi();
afterAll(() => api.close());
const root = new iam.IAMClient(api.client());
const ATTACHED = [
  ...[
    "AdministratorAccess",
    "ReadOnlyAccess",
    "PowerUserAccess",
    "IAMFullAccess",
    "job-function/ViewOnlyAccess",
  ],
  ...["AmazonSSMManagedInstanceCore", "CloudWatchAgentServerPolicy", "AWSCodeDeployRoleForECS"],
  ...["AmazonEC2ContainerRegistryReadOnly", "AmazonEC2ContainerRegistryPowerUser", "AmazonVPCFullAccess"],
  ...["service-role/AmazonECSTaskExecutionRolePolicy", "service-role/AmazonRDSEnhancedMonitoringRole"],
  ...["service-role/AWSLambdaBasicExecutionRole", "service-role/AmazonEC2ContainerServiceforEC2Role"],
].map((name) => `arn:aws:iam::aws:policy/${name}`);
const SERVICE_POLICY = "arn:aws:iam::aws:policy/aws-service-role/AmazonECSServiceRolePolicy";

async function newUser(UserName: string, PolicyArn: string) {
  await root.send(new iam.CreateUserCommand({ UserName }));
  await root.send(new iam.AttachUserPolicyCommand({ UserName, PolicyArn }));
  const { AccessKey } = await root.send(new iam.CreateAccessKeyCommand({ UserName }));
  return api.client({
    accessKeyId: AccessKey?.AccessKeyId ?? "",
    secretAccessKey: AccessKey?.SecretAccessKey ?? "",
  });
}

describe("AWS's managed policies", () => {
  it("exist, each with a document that can be evaluated", () => {
    const broken = managedPolicies().filter(({ arn }) => {
      const { statements } = parsePolicyDocument(managedPolicyDocument(arn) ?? "", arn);
      return statements.length === 0;
    });
    expect(managedPolicies().length).toBeGreaterThan(1_000);
    expect(broken).toEqual([]);
  });

  it.each(ATTACHED)("can be read and attached: %s", async (PolicyArn) => {
    const { Policy } = await root.send(new iam.GetPolicyCommand({ PolicyArn }));
    expect(Policy).toMatchObject({ Arn: PolicyArn, IsAttachable: true, AttachmentCount: 0 });
    expect(`arn:aws:iam::aws:policy${Policy?.Path}${Policy?.PolicyName}`).toBe(PolicyArn);
    const { PolicyVersion } = await root.send(
      new iam.GetPolicyVersionCommand({ PolicyArn, VersionId: Policy?.DefaultVersionId }),
    );
    expect(JSON.parse(decodeURIComponent(PolicyVersion?.Document ?? ""))).toEqual(
      JSON.parse(managedPolicyDocument(PolicyArn) ?? ""),
    );
    const { Versions } = await root.send(new iam.ListPolicyVersionsCommand({ PolicyArn }));
    expect(Versions?.map(({ VersionId }) => VersionId)).toEqual([Policy?.DefaultVersionId]);
    const GroupName = `of-${Policy?.PolicyName}`;
    await root.send(new iam.CreateGroupCommand({ GroupName }));
    await root.send(new iam.AttachGroupPolicyCommand({ GroupName, PolicyArn }));
    const { PolicyGroups } = await root.send(new iam.ListEntitiesForPolicyCommand({ PolicyArn }));
    expect(PolicyGroups?.map((group) => group.GroupName)).toEqual([GroupName]);
    await root.send(new iam.DetachGroupPolicyCommand({ GroupName, PolicyArn }));
  });

  it("are evaluated: ReadOnlyAccess reads and does not write", async () => {
    const reader = new ecs.ECSClient(await newUser("reader", "arn:aws:iam::aws:policy/ReadOnlyAccess"));
    await expect(reader.send(new ecs.ListClustersCommand({}))).resolves.toBeDefined();
    await expect(reader.send(new ecs.CreateClusterCommand({}))).rejects.toThrow(
      "because no identity-based policy allows the ecs:CreateCluster action",
    );
  });

  it("are listed by scope and path, page by page, apart from the account's own", async () => {
    await root.send(
      new iam.CreatePolicyCommand({
        PolicyName: "own",
        PolicyDocument:
          '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*"}}',
      }),
    );
    const arns: (string | undefined)[] = [];
    for await (const { Policies } of iam.paginateListPolicies(
      { client: root, pageSize: 1_000 },
      { Scope: "AWS" },
    ))
      arns.push(...(Policies ?? []).map(({ Arn }) => Arn));
    expect(new Set(arns)).toEqual(new Set(managedPolicies().map(({ arn }) => arn)));
    const jobs = await root.send(new iam.ListPoliciesCommand({ Scope: "AWS", PathPrefix: "/job-function/" }));
    expect(jobs.Policies?.map(({ PolicyName }) => PolicyName)).toContain("ViewOnlyAccess");
    const local = await root.send(new iam.ListPoliciesCommand({ Scope: "Local" }));
    expect(local.Policies?.map(({ PolicyName }) => PolicyName)).toEqual(["own"]);
  });

  it("are not attached if AWS has none of that name or only a service may have it", async () => {
    await root.send(new iam.CreateGroupCommand({ GroupName: "none" }));
    const attach = (PolicyArn: string) =>
      root.send(new iam.AttachGroupPolicyCommand({ GroupName: "none", PolicyArn }));
    await expect(attach("arn:aws:iam::aws:policy/NoSuchPolicy")).rejects.toThrow(
      "does not exist or is not attachable",
    );
    await expect(attach(SERVICE_POLICY)).rejects.toMatchObject({ name: "PolicyNotAttachableException" });
    await expect(
      root.send(new iam.DeletePolicyCommand({ PolicyArn: ATTACHED[0] ?? "" })),
    ).rejects.toMatchObject({ name: "NoSuchEntityException" });
  });
});

it("packs the current version of each policy", () => {
  const version = (createdDate: string, Action: string) => ({
    createdDate,
    document: { Statement: [{ Action }] },
  });
  const archive = openPolicies(
    packPolicies(
      JSON.stringify({
        A: {
          arn: "arn:aws:iam::aws:policy/service-role/A",
          latestVersionId: "v2",
          createdDate: "2020-01-01T00:00:00Z",
          versions: {
            v1: version("2020-01-01T00:00:00Z", "s3:*"),
            v2: version("2021-01-01T00:00:00Z", "ec2:*"),
          },
        },
      }),
    ),
  );
  expect(archive.document("arn:aws:iam::aws:policy/service-role/A")).toBe(
    '{"Statement":[{"Action":"ec2:*"}]}',
  );
  expect([...archive.policies.values()]).toEqual([
    {
      arn: "arn:aws:iam::aws:policy/service-role/A",
      name: "A",
      path: "/service-role/",
      versionId: "v2",
      createdAt: Date.UTC(2020, 0),
      updatedAt: Date.UTC(2021, 0),
    },
  ]);
});
