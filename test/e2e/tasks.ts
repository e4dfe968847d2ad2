import { DescribeSecurityGroupsCommand, DescribeSubnetsCommand, EC2Client } from "@aws-sdk/client-ec2";
import {
  CloudWatchLogsClient,
  CreateLogGroupCommand,
  GetLogEventsCommand,
} from "@aws-sdk/client-cloudwatch-logs";
import {
  DescribeTasksCommand,
  ECSClient,
  RegisterTaskDefinitionCommand,
  RunTaskCommand,
  type ContainerDefinition,
  type RegisterTaskDefinitionCommandInput,
  type Task,
} from "@aws-sdk/client-ecs";
import { expect } from "vitest";
import { REGION, type openDemo } from "./demo.ts";
import { eventually } from "./helpers.ts";

/** Tasks of one container, `main`, in the demo's cluster and network, run to their end. */
export async function openTasks({ client }: ReturnType<typeof openDemo>) {
  const ec2 = new EC2Client(client());
  const ecs = new ECSClient(client());
  const logs = new CloudWatchLogsClient(client());
  const { SecurityGroups = [] } = await ec2.send(
    new DescribeSecurityGroupsCommand({ Filters: [{ Name: "group-name", Values: ["fileshare-app"] }] }),
  );
  const subnetOf = async (name: string) => {
    const { Subnets = [] } = await ec2.send(
      new DescribeSubnetsCommand({ Filters: [{ Name: "tag:Name", Values: [name] }] }),
    );
    return Subnets[0]?.SubnetId ?? "";
  };
  const home = await subnetOf("fileshare-private-c");
  await logs.send(new CreateLogGroupCommand({ logGroupName: "/e2e" })).catch(() => {});
  return {
    subnetOf,
    /** Runs one to its end; what it wrote is in /e2e under the family's name. */
    async runToEnd(
      family: string,
      main: Partial<ContainerDefinition>,
      more: {
        definition?: Partial<RegisterTaskDefinitionCommandInput>;
        subnet?: string;
        publicIp?: boolean;
      } = {},
    ): Promise<Task | undefined> {
      const options = {
        "awslogs-group": "/e2e",
        "awslogs-region": REGION,
        "awslogs-stream-prefix": family,
        ...main.logConfiguration?.options,
      };
      await ecs.send(
        new RegisterTaskDefinitionCommand({
          family,
          networkMode: "awsvpc",
          requiresCompatibilities: ["FARGATE"],
          cpu: "256",
          memory: "512",
          executionRoleArn: "arn:aws:iam::000000000000:role/fileshare-execution",
          containerDefinitions: [
            { name: "main", image: "busybox", ...main, logConfiguration: { logDriver: "awslogs", options } },
          ],
          ...more.definition,
        }),
      );
      const awsvpcConfiguration = {
        subnets: [more.subnet ?? home],
        securityGroups: [SecurityGroups[0]?.GroupId ?? ""],
        assignPublicIp: more.publicIp === true ? ("ENABLED" as const) : ("DISABLED" as const),
      };
      const { tasks = [] } = await ecs.send(
        new RunTaskCommand({
          cluster: "fileshare",
          taskDefinition: family,
          networkConfiguration: { awsvpcConfiguration },
        }),
      );
      return eventually(async () => {
        const [task] =
          (
            await ecs.send(
              new DescribeTasksCommand({ cluster: "fileshare", tasks: [tasks[0]?.taskArn ?? ""] }),
            )
          ).tasks ?? [];
        expect(task?.lastStatus).toBe("STOPPED");
        return task;
      });
    },
    /** What it wrote, of which `linesMin` is known; lines may come a moment after its end. */
    async messagesOf(family: string, task: Task | undefined, linesMin = 1): Promise<readonly string[]> {
      // The stream is there since the container's start.
      const logStreamName = `${family}/main/${task?.taskArn?.split("/").at(-1)}`;
      const read = async () => {
        const { events = [] } = await logs.send(
          new GetLogEventsCommand({ logGroupName: "/e2e", logStreamName, startFromHead: true }),
        );
        return events.map((event) => event.message ?? "");
      };
      let before = await read();
      return eventually(async () => {
        await new Promise((done) => setTimeout(done, 300));
        const now = await read();
        const isQuiet = now.length === before.length && now.length >= linesMin;
        before = now;
        expect(isQuiet, "the log is quiet").toBe(true);
        return now;
      });
    },
  };
}
