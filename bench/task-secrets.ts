import { CreateRoleCommand, PutRolePolicyCommand } from "@aws-sdk/client-iam";
import { CreateSecretCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { median, type Bench, type Question } from "./question.ts";
import { launch } from "./run-task.ts";
import { prepareTasks, type TaskSecrets } from "./tasks.ts";

const ROUNDS = 7;
const SECRETS = 10;

/** How long from RunTask to RUNNING with ten secrets in the environment, against the same without. */
export const taskSecrets: Question = {
  name: "task-secrets",
  async ask(bench) {
    const plain = await prepareTasks(bench);
    const secret = await prepareTasks(bench, await createSecrets(bench));
    const [withSecrets, without]: [number[], number[]] = [[], []];
    await launch(bench, plain, 1);
    await launch(bench, secret, 1);
    for (let round = 0; round < ROUNDS; round += 1) {
      withSecrets.push(await launch(bench, secret, 1));
      without.push(await launch(bench, plain, 1));
    }
    return [
      {
        name: `run-task-with-${SECRETS}-secrets`,
        unit: "ms",
        value: median(withSecrets),
        baseline: median(without),
        against: "the same without secrets",
        goal: { of: "ratio", most: 1.1 },
      },
    ];
  },
};

/** Ten secrets, and a role that tasks read them by. */
async function createSecrets({ clients, settings, region, credentials }: Bench): Promise<TaskSecrets> {
  const endpoint = `http://127.0.0.1:${settings.port}`;
  const client = new SecretsManagerClient({ region, credentials, endpoint });
  const secrets = [];
  for (let index = 0; index < SECRETS; index += 1) {
    const created = await client.send(
      new CreateSecretCommand({ Name: `bench-${index}`, SecretString: `value-${index}` }),
    );
    secrets.push({ name: `SECRET_${index}`, valueFrom: created.ARN ?? "" });
  }
  const allow = (statement: object) =>
    JSON.stringify({ Version: "2012-10-17", Statement: [{ Effect: "Allow", ...statement }] });
  const { Role } = await clients.iam.send(
    new CreateRoleCommand({
      RoleName: "bench-execution",
      AssumeRolePolicyDocument: allow({
        Principal: { Service: "ecs-tasks.amazonaws.com" },
        Action: "sts:AssumeRole",
      }),
    }),
  );
  await clients.iam.send(
    new PutRolePolicyCommand({
      RoleName: "bench-execution",
      PolicyName: "secrets",
      PolicyDocument: allow({ Action: "secretsmanager:GetSecretValue", Resource: "*" }),
    }),
  );
  return { executionRoleArn: Role?.Arn, secrets };
}
