import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import * as sdk from "@aws-sdk/client-codedeploy";
import { CreateRoleCommand, IAMClient } from "@aws-sdk/client-iam";
import { startApi } from "@gantry/testkit/api-server";
import { afterAll, beforeAll, expect, it } from "vitest";

const api = await startApi();
afterAll(() => api.close());
const client = new sdk.CodeDeployClient(api.client());
const TYPES = new URL("../dist-types/models/errors.d.ts", import.meta.resolve("@aws-sdk/client-codedeploy"));
const types = readFileSync(fileURLToPath(TYPES), "utf8");

/** The first sentence of the API reference about an error, as the SDK has it. */
function referenceOf(name: string): string {
  const end = types.indexOf(`export declare class ${name} `);
  const comment = types.slice(types.lastIndexOf("/**", end), end).replace(/<[^>]+>|[*/]/g, " ");
  return /\S.*?\./.exec(comment.replace(/\s+/g, " "))?.[0] ?? expect.fail(`There is no ${name}.`);
}

const NAMES = { applicationName: "app", deploymentGroupName: "group" };
let serviceRoleArn = "";
const group = (more: Partial<sdk.CreateDeploymentGroupInput>) =>
  new sdk.CreateDeploymentGroupCommand({
    ...NAMES,
    serviceRoleArn,
    deploymentStyle: { deploymentType: "BLUE_GREEN", deploymentOption: "WITH_TRAFFIC_CONTROL" },
    ...more,
  });

beforeAll(async () => {
  const AssumeRolePolicyDocument = JSON.stringify({
    Version: "2012-10-17",
    Statement: {
      Effect: "Allow",
      Principal: { Service: "codedeploy.amazonaws.com" },
      Action: "sts:AssumeRole",
    },
  });
  const role = new CreateRoleCommand({ RoleName: "deployer", AssumeRolePolicyDocument });
  serviceRoleArn = (await new IAMClient(api.client()).send(role)).Role?.Arn ?? "";
  await client.send(new sdk.CreateApplicationCommand({ applicationName: "app", computePlatform: "ECS" }));
});

// Before: these sentences were not those of the API reference.
it.each<[name: string, send: () => Promise<unknown>]>([
  ["InvalidDeploymentIdException", () => client.send(new sdk.GetDeploymentCommand({ deploymentId: "x" }))],
  [
    "InvalidOperationException",
    () =>
      client.send(
        new sdk.DeleteDeploymentConfigCommand({ deploymentConfigName: "CodeDeployDefault.ECSAllAtOnce" }),
      ),
  ],
  [
    "InvalidTrafficRoutingConfigurationException",
    () =>
      client.send(
        new sdk.CreateDeploymentConfigCommand({
          ...{ deploymentConfigName: "mine", computePlatform: "ECS" },
          trafficRoutingConfig: {
            type: "TimeBasedCanary",
            timeBasedCanary: { canaryPercentage: 100, canaryInterval: 5 },
          },
        }),
      ),
  ],
  [
    "ResourceArnRequiredException",
    () => client.send(new sdk.ListTagsForResourceCommand({ ResourceArn: "" })),
  ],
  ["InvalidArnException", () => client.send(new sdk.ListTagsForResourceCommand({ ResourceArn: "no-arn" }))],
  [
    "ArnNotSupportedException",
    () =>
      client.send(
        new sdk.ListTagsForResourceCommand({
          ResourceArn: `arn:aws:codedeploy:eu-south-1:000000000000:instance:x`,
        }),
      ),
  ],
  ["RoleRequiredException", () => client.send(group({ serviceRoleArn: "" }))],
  ["InvalidECSServiceException", () => client.send(group({ ecsServices: [] }))],
  [
    "InvalidECSServiceException",
    () => client.send(group({ ecsServices: [{ clusterName: "default", serviceName: "gone" }] })),
  ],
])("refuses with the sentence of the API reference about %s", async (name, send) => {
  const refused: unknown = await send().catch((thrown: unknown) => thrown);
  const sentence = referenceOf(name).slice(0, -1);
  expect(refused).toMatchObject({ name, message: expect.stringMatching(`^${RegExp.escape(sentence)}`) });
});
