import * as ec2 from "@aws-sdk/client-ec2";
import * as ecs from "@aws-sdk/client-ecs";
import * as iam from "@aws-sdk/client-iam";
import { startApi } from "@gantry/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

// A role is handed to a task by whoever starts the task. An attacker who may use ECS, and not pass the role
// "strong", starts tasks of a task definition that an administrator has registered with it.
// Before: only RegisterTaskDefinition and overrides asked for iam:PassRole, so that every call below but
// those two started a task with the role, and a role of another account was accepted.
const api = await startApi();
afterAll(() => api.close());
const rootEcs = new ecs.ECSClient(api.client());
const rootEc2 = new ec2.EC2Client(api.client());
const rootIam = new iam.IAMClient(api.client());
const STRONG = "arn:aws:iam::000000000000:role/strong";
const WEAK = "arn:aws:iam::000000000000:role/weak";
const ECS = { Effect: "Allow", Action: "ecs:*", Resource: "*" };
const passes = (Resource: string, service = "ecs-tasks.amazonaws.com") => ({
  Effect: "Allow",
  Action: "iam:PassRole",
  Resource,
  Condition: { StringEquals: { "iam:PassedToService": service } },
});

let count = 0;
async function clientWith(...Statement: object[]): Promise<ecs.ECSClient> {
  const UserName = `passer-${(count += 1)}`;
  await rootIam.send(new iam.CreateUserCommand({ UserName }));
  const PolicyDocument = JSON.stringify({ Version: "2012-10-17", Statement });
  await rootIam.send(new iam.PutUserPolicyCommand({ UserName, PolicyName: "own", PolicyDocument }));
  const { AccessKey } = await rootIam.send(new iam.CreateAccessKeyCommand({ UserName }));
  return new ecs.ECSClient(
    api.client({
      accessKeyId: AccessKey?.AccessKeyId ?? "",
      secretAccessKey: AccessKey?.SecretAccessKey ?? "",
    }),
  );
}

const definition = (family: string, roles: { taskRoleArn?: string; executionRoleArn?: string }) =>
  new ecs.RegisterTaskDefinitionCommand({
    family,
    networkMode: "awsvpc",
    cpu: "256",
    memory: "512",
    containerDefinitions: [{ name: "c", image: "busybox" }],
    ...roles,
  });

describe("a role that the caller may not pass", () => {
  let networkConfiguration: ecs.NetworkConfiguration;
  const run = (client: ecs.ECSClient, taskDefinition: string, overrides?: ecs.TaskOverride) =>
    client.send(new ecs.RunTaskCommand({ taskDefinition, networkConfiguration, overrides }));
  const start = (client: ecs.ECSClient, taskDefinition: string, overrides?: ecs.TaskOverride) =>
    client.send(
      new ecs.StartTaskCommand({
        taskDefinition,
        networkConfiguration,
        overrides,
        containerInstances: ["0123456789abcdef0123456789abcdef"],
      }),
    );
  const create = (client: ecs.ECSClient, serviceName: string, taskDefinition: string) =>
    client.send(
      new ecs.CreateServiceCommand({ serviceName, taskDefinition, networkConfiguration, desiredCount: 0 }),
    );
  beforeAll(async () => {
    const { Subnets = [] } = await rootEc2.send(new ec2.DescribeSubnetsCommand({}));
    networkConfiguration = { awsvpcConfiguration: { subnets: [Subnets[0]?.SubnetId ?? ""] } };
    await rootEcs.send(new ecs.CreateClusterCommand({}));
    await rootEcs.send(definition("with-task-role", { taskRoleArn: STRONG }));
    await rootEcs.send(definition("with-execution-role", { executionRoleArn: STRONG }));
    await rootEcs.send(definition("weak", { taskRoleArn: WEAK }));
    await create(rootEcs, "there", "with-task-role");
    await rootEcs.send(
      new ecs.CreateServiceCommand({
        serviceName: "external",
        desiredCount: 0,
        deploymentController: { type: "EXTERNAL" },
      }),
    );
  });

  // Before: iam:AssociatedResourceArn had no value, so that a role could not be bound to what it is for.
  it("is passed only to the resource that iam:AssociatedResourceArn names", async () => {
    const pass = (associated: string) => ({
      ...passes(STRONG),
      Condition: { ArnLike: { "iam:AssociatedResourceArn": associated } },
    });
    const arn = (family: string) => `arn:aws:ecs:eu-south-1:000000000000:task-definition/${family}:*`;
    const other = await clientWith(ECS, pass(arn("other")));
    await expect(run(other, "with-task-role")).rejects.toThrow(/iam:PassRole/);
    await expect(other.send(definition("else", { taskRoleArn: STRONG }))).rejects.toThrow(/iam:PassRole/);
    await other.send(definition("other", { taskRoleArn: STRONG }));
    await create(await clientWith(ECS, pass(arn("with-task-role"))), "bound", "with-task-role");
  });

  it("is given to no task, whichever operation starts it", async () => {
    const attacker = await clientWith(ECS, passes(WEAK), passes(STRONG, "lambda.amazonaws.com"));
    const family = "with-task-role";
    const attempts: Record<string, () => Promise<unknown>> = {
      RegisterTaskDefinition: () => attacker.send(definition("own", { taskRoleArn: STRONG })),
      RunTask: () => run(attacker, family),
      "RunTask by revision": () => run(attacker, `${family}:1`),
      "RunTask with an execution role": () => run(attacker, "with-execution-role"),
      "RunTask with an override": () => run(attacker, "weak", { taskRoleArn: STRONG }),
      StartTask: () => start(attacker, family),
      "StartTask with an override": () => start(attacker, "weak", { executionRoleArn: STRONG }),
      CreateService: () => create(attacker, "own", family),
      CreateTaskSet: () =>
        attacker.send(
          new ecs.CreateTaskSetCommand({
            cluster: "default",
            service: "external",
            taskDefinition: family,
            networkConfiguration,
          }),
        ),
      UpdateService: () =>
        attacker.send(new ecs.UpdateServiceCommand({ service: "there", taskDefinition: family })),
    };
    for (const [name, attempt] of Object.entries(attempts))
      await expect(attempt(), name).rejects.toThrow(
        `is not authorized to perform: iam:PassRole on resource: ${STRONG}`,
      );
    expect((await rootEcs.send(new ecs.ListTasksCommand({}))).taskArns).toEqual([]);
  });

  it("needs no permission if it is not passed: an override in its place, another count of a service", async () => {
    const user = await clientWith(ECS, passes(WEAK));
    await run(user, "with-task-role", { taskRoleArn: WEAK });
    await user.send(new ecs.UpdateServiceCommand({ service: "there", desiredCount: 0 }));
  });

  it("is passed by a caller who may pass it to ECS", async () => {
    const user = await clientWith(ECS, passes(STRONG));
    await run(user, "with-task-role");
    await create(user, "second", "with-task-role");
  });

  // Without the check, whoever may create services moves traffic with a role that changes listener rules.
  it("changes no listener rule and calls no hook for a caller who may not pass it to ECS", async () => {
    const attacker = await clientWith(ECS, passes(WEAK), passes(STRONG));
    const loadBalancers = [{ targetGroupArn: "arn:none", advancedConfiguration: { roleArn: STRONG } }];
    const calls = [
      attacker.send(
        new ecs.CreateServiceCommand({ serviceName: "balanced", taskDefinition: "weak", loadBalancers }),
      ),
      attacker.send(new ecs.UpdateServiceCommand({ service: "there", loadBalancers })),
      attacker.send(
        new ecs.UpdateServiceCommand({
          service: "there",
          deploymentConfiguration: { lifecycleHooks: [{ hookTargetArn: "arn:none", roleArn: STRONG }] },
        }),
      ),
    ];
    for (const call of calls)
      await expect(call).rejects.toThrow(`is not authorized to perform: iam:PassRole on resource: ${STRONG}`);
  });

  it("shows no task of it by a client token that another caller has used", async () => {
    const token = { networkConfiguration, clientToken: "used" };
    await rootEcs.send(new ecs.RunTaskCommand({ ...token, taskDefinition: "with-task-role" }));
    const attacker = await clientWith(ECS, passes(WEAK));
    // Before: the answer was the task with the role, and its environment.
    const call = attacker.send(new ecs.RunTaskCommand({ ...token, taskDefinition: "weak" }));
    await expect(call).rejects.toMatchObject({ name: "ConflictException" });
  });

  it("is refused if it is another account's, even for root", async () => {
    const foreign = definition("foreign", { taskRoleArn: "arn:aws:iam::111111111111:role/strong" });
    await expect(rootEcs.send(foreign)).rejects.toThrow("Cross-account pass role is not allowed.");
  });
});
