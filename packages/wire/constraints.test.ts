import {
  CloudWatchLogsClient,
  CreateLogGroupCommand,
  DescribeLogGroupsCommand,
} from "@aws-sdk/client-cloudwatch-logs";
import { ECSClient, ListTasksCommand, RegisterTaskDefinitionCommand } from "@aws-sdk/client-ecs";
import {
  CreateTargetGroupCommand,
  ElasticLoadBalancingV2Client,
} from "@aws-sdk/client-elastic-load-balancing-v2";
import { CreateRoleCommand, IAMClient } from "@aws-sdk/client-iam";
import { startApi } from "@gantry/testkit";
import { afterAll, describe, expect, it } from "vitest";

const api = await startApi();
afterAll(() => api.close());

describe("a refused input names every member that is wrong", () => {
  it("by patterns, lengths and ranges", async () => {
    const call = new IAMClient(api.client()).send(
      new CreateRoleCommand({
        RoleName: "no spaces",
        AssumeRolePolicyDocument: "{}",
        MaxSessionDuration: 10,
        Description: "x".repeat(1_001),
      }),
    );
    await expect(call).rejects.toMatchObject({
      name: "ValidationError",
      message: expect.stringMatching(
        /^3 validation errors detected: Value 'no spaces' at 'roleName' failed to satisfy constraint: Member must satisfy regular expression pattern: \[\\w\+=,\.@-\]\+; .*Value 'x+' at 'description' failed to satisfy constraint: Member must have length less than or equal to 1000/,
      ) as string,
    });
    await expect(call).rejects.toThrow(
      /Value '10' at 'maxSessionDuration' failed to satisfy constraint: Member must have value greater than or equal to 3600/,
    );
  });

  it("by missing members", async () => {
    const call = new IAMClient(api.client()).send(new CreateRoleCommand({ RoleName: "a b" } as never));
    await expect(call).rejects.toThrow(
      /^2 validation errors detected: Value null at 'assumeRolePolicyDocument' failed to satisfy constraint: Member must not be null; Value 'a b' at 'roleName'/,
    );
  });

  it("by enum values", async () => {
    const call = new ElasticLoadBalancingV2Client(api.client()).send(
      new CreateTargetGroupCommand({ Name: "t", Protocol: "GOPHER" as never, Port: 70_000 }),
    );
    await expect(call).rejects.toThrow(
      /2 validation errors detected: .*Member must satisfy enum value set: \[HTTP, HTTPS, TCP, TLS, UDP, TCP_UDP, GENEVE\]/,
    );
  });

  it("in lists and deeper down, in AWS's spelling of the place", async () => {
    const ecs = new ECSClient(api.client());
    const nonsense = "NONSENSE" as never;
    const call = ecs.send(
      new RegisterTaskDefinitionCommand({
        family: "a",
        networkMode: nonsense,
        requiresCompatibilities: ["FARGATE", nonsense],
        containerDefinitions: [
          { name: "good", image: "x", logConfiguration: { logDriver: "awslogs" } },
          { name: "bad", image: "x", logConfiguration: { logDriver: nonsense } },
        ],
      }),
    );
    await expect(call).rejects.toMatchObject({ name: "InvalidParameterException" });
    await expect(call).rejects.toThrow(
      "3 validation errors detected: Value 'NONSENSE' at 'networkMode' failed to satisfy constraint: " +
        "Member must satisfy enum value set: [awsvpc, bridge, host, none]; Value '[FARGATE, NONSENSE]' " +
        "at 'requiresCompatibilities' failed to satisfy constraint: Member must satisfy constraint: " +
        "[Member must satisfy enum value set: [EC2, EXTERNAL, FARGATE, MANAGED_INSTANCES]]; Value " +
        "'NONSENSE' at 'containerDefinitions.2.member.logConfiguration.logDriver' failed to satisfy " +
        "constraint: Member must satisfy enum value set: [awsfirelens, awslogs, fluentd, gelf, journald, " +
        "json-file, splunk, syslog]",
    );
    await expect(
      ecs.send(new ListTasksCommand({ desiredStatus: nonsense, maxResults: 101 })),
    ).rejects.toThrow(/^2 validation errors detected/);
  });

  it("with the code of the service, and its own class", async () => {
    const logs = new CloudWatchLogsClient(api.client());
    await expect(logs.send(new CreateLogGroupCommand({ logGroupName: "a b" }))).rejects.toMatchObject({
      name: "InvalidParameterException",
      $metadata: { httpStatusCode: 400 },
    });
    await expect(logs.send(new DescribeLogGroupsCommand({ limit: 51 }))).rejects.toThrow(
      "1 validation error detected: Value '51' at 'limit' failed to satisfy constraint: Member must " +
        "have value less than or equal to 50",
    );
  });
});
