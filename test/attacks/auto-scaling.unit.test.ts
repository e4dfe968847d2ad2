import * as aas from "@aws-sdk/client-application-auto-scaling";
import * as ec2 from "@aws-sdk/client-ec2";
import * as ecs from "@aws-sdk/client-ecs";
import * as iam from "@aws-sdk/client-iam";
import { startApi } from "@gantry/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

// Application Auto Scaling changes services and makes alarms with the platform's own power. An attacker who
// may use all of it, and neither update the service nor put alarms, must not gain either that way.
// Before: without the permissions on the service and its alarms in permissions.ts, every call below goes
// through.
const api = await startApi();
afterAll(() => api.close());
const root = api.client();
const identities = new iam.IAMClient(root);
const name = (service: string) => ({
  ServiceNamespace: aas.ServiceNamespace.ECS,
  ResourceId: `service/c/${service}`,
  ScalableDimension: aas.ScalableDimension.ECSServiceDesiredCount,
});
const SCALING = {
  Effect: "Allow",
  Action: ["application-autoscaling:*", "iam:CreateServiceLinkedRole"],
  Resource: "*",
};
const OWN_SERVICE = {
  Effect: "Allow",
  Action: ["ecs:UpdateService", "ecs:DescribeServices"],
  Resource: "arn:aws:ecs:eu-south-1:000000000000:service/c/own",
};
let count = 0;
async function attackerWith(...Statement: object[]): Promise<aas.ApplicationAutoScalingClient> {
  const UserName = `scaler-${(count += 1)}`;
  await identities.send(new iam.CreateUserCommand({ UserName }));
  const PolicyDocument = JSON.stringify({ Version: "2012-10-17", Statement });
  await identities.send(new iam.PutUserPolicyCommand({ UserName, PolicyName: "own", PolicyDocument }));
  const { AccessKey } = await identities.send(new iam.CreateAccessKeyCommand({ UserName }));
  const { AccessKeyId: accessKeyId = "", SecretAccessKey: secretAccessKey = "" } = AccessKey ?? {};
  return new aas.ApplicationAutoScalingClient(api.client({ accessKeyId, secretAccessKey }));
}

const register = (service: string) =>
  new aas.RegisterScalableTargetCommand({ ...name(service), MinCapacity: 0, MaxCapacity: 0 });
const track = (service: string) =>
  new aas.PutScalingPolicyCommand({
    ...name(service),
    PolicyName: "p",
    PolicyType: "TargetTrackingScaling",
    TargetTrackingScalingPolicyConfiguration: {
      TargetValue: 1,
      PredefinedMetricSpecification: { PredefinedMetricType: "ECSServiceAverageCPUUtilization" },
    },
  });
const schedule = (service: string) =>
  new aas.PutScheduledActionCommand({
    ...name(service),
    ScheduledActionName: "a",
    Schedule: "rate(1 minute)",
    ScalableTargetAction: { MaxCapacity: 0 },
  });

beforeAll(async () => {
  const services = new ecs.ECSClient(root);
  const { Subnets = [] } = await new ec2.EC2Client(root).send(new ec2.DescribeSubnetsCommand({}));
  const awsvpcConfiguration = { subnets: [Subnets[0]?.SubnetId ?? ""] };
  await services.send(new ecs.CreateClusterCommand({ clusterName: "c" }));
  await services.send(
    new ecs.RegisterTaskDefinitionCommand({
      family: "f",
      networkMode: "awsvpc",
      cpu: "256",
      memory: "512",
      containerDefinitions: [{ name: "c", image: "busybox" }],
    }),
  );
  for (const serviceName of ["own", "prod"])
    await services.send(
      new ecs.CreateServiceCommand({
        cluster: "c",
        serviceName,
        taskDefinition: "f",
        desiredCount: 1,
        networkConfiguration: { awsvpcConfiguration },
      }),
    );
  await new aas.ApplicationAutoScalingClient(root).send(register("prod"));
});

describe("a service that the caller may not update", () => {
  it.each([
    ["RegisterScalableTarget", register],
    ["PutScalingPolicy", track],
    ["PutScheduledAction", schedule],
  ] as const)("is not scaled by %s", async (_, command) => {
    const attacker = await attackerWith(SCALING, OWN_SERVICE);
    const send = attacker.send.bind(attacker) as (given: object) => Promise<unknown>; // One of the three commands.
    await expect(send(command("prod"))).rejects.toMatchObject({ name: "AccessDeniedException" });
  });
});

describe("an alarm that the caller may not put", () => {
  it("is not put by a target tracking policy", async () => {
    const without = await attackerWith(SCALING, OWN_SERVICE);
    await without.send(register("own"));
    await expect(without.send(track("own"))).rejects.toMatchObject({ name: "AccessDeniedException" });
    const alarms = { Effect: "Allow", Action: "cloudwatch:PutMetricAlarm", Resource: "*" };
    const entitled = await attackerWith(SCALING, OWN_SERVICE, alarms);
    expect((await entitled.send(track("own"))).Alarms).toHaveLength(2);
  });
});

describe("spellings of a service", () => {
  it.each([
    "service/c/prod ",
    "service/c//prod",
    "service/c/prod/",
    "service/c/../c/prod",
    "SERVICE/c/prod",
    "service/C/prod",
    "arn:aws:ecs:eu-south-1:000000000000:service/c/prod",
  ])("do not lead past a Deny: %j", async (ResourceId) => {
    const everything = { Effect: "Allow", Action: "*", Resource: "*" };
    const deny = { Effect: "Deny", Action: "ecs:UpdateService", Resource: "arn:aws:ecs:*:*:service/c/prod" };
    const attacker = await attackerWith(everything, deny);
    const before = api.store.list("scalableTarget");
    await expect(
      attacker.send(
        new aas.RegisterScalableTargetCommand({ ...name(""), ResourceId, MinCapacity: 9, MaxCapacity: 9 }),
      ),
    ).rejects.toBeDefined();
    expect(api.store.list("scalableTarget")).toEqual(before);
  });
});
