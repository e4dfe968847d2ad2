import { CreateSubnetCommand, CreateVpcCommand } from "@aws-sdk/client-ec2";
import {
  CreateClusterCommand,
  RegisterTaskDefinitionCommand,
  RunTaskCommand,
  type Secret,
} from "@aws-sdk/client-ecs";
import type { Bench } from "./question.ts";

export const IMAGE = "busybox:latest";
/** Ends when it is told to. */
export const SCRIPT = "trap 'exit 0' TERM; sleep 600 & wait";

export type Start = (count: number) => Promise<readonly string[]>;

/** A task definition's secrets and the role that reads them. */
export interface TaskSecrets {
  readonly executionRoleArn: string | undefined;
  readonly secrets: readonly Secret[];
}

/**
 * A cluster, a network and a task definition that does nothing, with secrets in its environment where they
 * are given; answers what starts tasks of it.
 */
export async function prepareTasks({ clients, region }: Bench, given?: TaskSecrets): Promise<Start> {
  const family = given === undefined ? "bench" : "bench-secrets";
  const { Vpc } = await clients.ec2.send(new CreateVpcCommand({ CidrBlock: "10.99.0.0/16" }));
  const { Subnet } = await clients.ec2.send(
    new CreateSubnetCommand({ VpcId: Vpc?.VpcId, CidrBlock: "10.99.1.0/24", AvailabilityZone: `${region}a` }),
  );
  await clients.ecs.send(new CreateClusterCommand({ clusterName: "bench" }));
  await clients.ecs.send(
    new RegisterTaskDefinitionCommand({
      family,
      executionRoleArn: given?.executionRoleArn,
      networkMode: "awsvpc",
      requiresCompatibilities: ["FARGATE"],
      cpu: "256",
      memory: "512",
      containerDefinitions: [
        {
          name: "sleeper",
          image: IMAGE,
          command: ["sh", "-c", SCRIPT],
          secrets: [...(given?.secrets ?? [])],
        },
      ],
    }),
  );
  const networkConfiguration = { awsvpcConfiguration: { subnets: [Subnet?.SubnetId ?? ""] } };
  return async (count) => {
    const { tasks = [] } = await clients.ecs.send(
      new RunTaskCommand({ cluster: "bench", taskDefinition: family, count, networkConfiguration }),
    );
    return tasks.map((task) => task.taskArn ?? "");
  };
}
