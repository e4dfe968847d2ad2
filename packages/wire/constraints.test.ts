import { CloudWatchLogsClient, CreateLogGroupCommand, DescribeLogGroupsCommand } from "@aws-sdk/client-cloudwatch-logs";
import { CreateTargetGroupCommand, ElasticLoadBalancingV2Client } from "@aws-sdk/client-elastic-load-balancing-v2";
import { CreateRoleCommand, IAMClient } from "@aws-sdk/client-iam";
import { startApi } from "@gantry/testkit";
import { afterAll, describe, expect, it } from "vitest";

const api = await startApi();
afterAll(() => api.close());

describe("a refused input names every member that is wrong", () => {
  it("by patterns, lengths and ranges", async () => {
    const call = new IAMClient(api.client()).send(
      new CreateRoleCommand({ RoleName: "no spaces", AssumeRolePolicyDocument: "{}", MaxSessionDuration: 10, Description: "x".repeat(1_001) }),
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

  it("by what is missing as well", async () => {
    const call = new IAMClient(api.client()).send(new CreateRoleCommand({ RoleName: "a b" } as never));
    await expect(call).rejects.toThrow(
      /^2 validation errors detected: Value null at 'assumeRolePolicyDocument' failed to satisfy constraint: Member must not be null; Value 'a b' at 'roleName'/,
    );
  });

  it("by the values that there are", async () => {
    const call = new ElasticLoadBalancingV2Client(api.client()).send(
      new CreateTargetGroupCommand({ Name: "t", Protocol: "GOPHER" as never, Port: 70_000 }),
    );
    await expect(call).rejects.toThrow(
      /2 validation errors detected: .*Member must satisfy enum value set: \[HTTP, HTTPS, TCP, TLS, UDP, TCP_UDP, GENEVE\]/,
    );
  });

  it("with the code of the service, and its own class", async () => {
    const logs = new CloudWatchLogsClient(api.client());
    await expect(logs.send(new CreateLogGroupCommand({ logGroupName: "a b" }))).rejects.toMatchObject({
      name: "InvalidParameterException",
      $metadata: { httpStatusCode: 400 },
    });
    await expect(logs.send(new DescribeLogGroupsCommand({ limit: 51 }))).rejects.toThrow(
      "1 validation error detected: Value '51' at 'limit' failed to satisfy constraint: Member must have value less than or equal to 50",
    );
  });
});
