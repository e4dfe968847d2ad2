import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { DescribeTaskDefinitionCommand, ECSClient, RegisterTaskDefinitionCommand } from "@aws-sdk/client-ecs";
import { expect } from "vitest";
import type { openDemo } from "./demo.ts";

/**
 * In a task that stands for a function: reports the result that its first parameter names. The request is
 * signed by hand with the credentials of the task's role, because the image has no SDK.
 * Source: IAM User Guide, "Create a signed AWS API request".
 */
const REPORT = `
const { createHash, createHmac } = require("node:crypto");
const hash = (text) => createHash("sha256").update(text).digest("hex");
const mac = (key, text) => createHmac("sha256", key).update(text).digest();
(async () => {
  const { DeploymentId, LifecycleEventHookExecutionId } = JSON.parse(process.env.GANTRY_HOOK_EVENT);
  const credentials = "http://169.254.170.2" + process.env.AWS_CONTAINER_CREDENTIALS_RELATIVE_URI;
  const role = await (await fetch(credentials)).json();
  const host = "codedeploy.eu-south-1.amazonaws.com";
  const body = JSON.stringify({
    deploymentId: DeploymentId,
    lifecycleEventHookExecutionId: LifecycleEventHookExecutionId,
    status: process.argv[1],
  });
  const at = new Date().toISOString().replace(/[-:]|\\.\\d{3}/g, "");
  const scope = [at.slice(0, 8), "eu-south-1", "codedeploy", "aws4_request"];
  const headers = {
    "content-type": "application/x-amz-json-1.1", host, "x-amz-date": at, "x-amz-security-token": role.Token,
    "x-amz-target": "CodeDeploy_20141006.PutLifecycleEventHookExecutionStatus",
  };
  const names = Object.keys(headers);
  const lines = names.map((name) => name + ":" + headers[name]);
  const request = ["POST", "/", "", ...lines, "", names.join(";"), hash(body)].join("\\n");
  const key = scope.reduce(mac, "AWS4" + role.SecretAccessKey);
  const signed = ["AWS4-HMAC-SHA256", at, scope.join("/"), hash(request)].join("\\n");
  const authorization =
    "AWS4-HMAC-SHA256 Credential=" + role.AccessKeyId + "/" + scope.join("/") +
    ", SignedHeaders=" + names.join(";") + ", Signature=" + mac(key, signed).toString("hex");
  const options = { method: "POST", body, headers: { ...headers, authorization } };
  const answer = await fetch("https://" + host + "/", options);
  console.log(answer.status, await answer.text());
  process.exit(answer.ok ? 0 : 1);
})();
`;

export const HOOK_FUNCTION = "arn:aws:lambda:eu-south-1:000000000000:function:check";

/** Names a task for the function of a hook, which reports a status by the API. */
export async function nameHookTask(
  { client, fileshare, instance }: ReturnType<typeof openDemo>,
  { status, taskRoleArn }: { status: "Succeeded" | "Failed"; taskRoleArn: string | undefined },
): Promise<void> {
  const ecs = new ECSClient(client());
  const blue = (await fileshare()) ?? expect.fail("The demo is up.");
  const { taskDefinition: own } = await ecs.send(
    new DescribeTaskDefinitionCommand({ taskDefinition: blue.taskDefinition }),
  );
  const { taskDefinition } = await ecs.send(
    new RegisterTaskDefinitionCommand({
      family: "code-deploy-hook",
      requiresCompatibilities: ["FARGATE"],
      networkMode: "awsvpc",
      cpu: "256",
      memory: "512",
      taskRoleArn,
      executionRoleArn: own?.executionRoleArn,
      containerDefinitions: [
        {
          name: "report",
          image: own?.containerDefinitions?.[0]?.image,
          command: ["node", "-e", REPORT, status],
        },
      ],
    }),
  );
  const { subnets, securityGroups } = blue.networkConfiguration?.awsvpcConfiguration ?? {};
  const task = {
    cluster: "fileshare",
    taskDefinition: `${taskDefinition?.family}:${taskDefinition?.revision}`,
    subnets,
    securityGroups,
  };
  writeFileSync(join(instance.folder, "hooks.json"), JSON.stringify({ [HOOK_FUNCTION]: { task } }));
}
