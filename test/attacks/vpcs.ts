import {
  AuthorizeSecurityGroupIngressCommand,
  CreateSecurityGroupCommand,
  CreateSubnetCommand,
  CreateVpcCommand,
  DeleteSecurityGroupCommand,
  DeleteSubnetCommand,
  DeleteVpcCommand,
  DescribeNetworkInterfacesCommand,
  EC2Client,
  RevokeSecurityGroupEgressCommand,
  type IpPermission,
} from "@aws-sdk/client-ec2";
import {
  DescribeTasksCommand,
  ECSClient,
  RegisterTaskDefinitionCommand,
  RunTaskCommand,
  StopTaskCommand,
} from "@aws-sdk/client-ecs";
import { expect } from "vitest";
import type { openDemo } from "../e2e/demo.ts";
import { eventually, run } from "../e2e/helpers.ts";

/** A task that sleeps, as attacks need it: its addresses, and the process that holds its namespace. */
export interface Sleeper {
  readonly taskArn: string;
  readonly ip: string;
  readonly mac: string;
  readonly pid: string;
}

/** VPCs of a test's own in the demo's instance, with sleeping tasks in them. */
export function openVpcs({ client, name }: ReturnType<typeof openDemo>) {
  const ec2 = new EC2Client(client());
  const ecs = new ECSClient(client());
  const undo: (() => Promise<unknown>)[] = [];
  const newVpc = async (cidr: string) => {
    const { Vpc } = await ec2.send(new CreateVpcCommand({ CidrBlock: `${cidr}.0.0/16` }));
    const vpcId = Vpc?.VpcId ?? "";
    const { Subnet } = await ec2.send(new CreateSubnetCommand({ VpcId: vpcId, CidrBlock: `${cidr}.1.0/24` }));
    const subnetId = Subnet?.SubnetId ?? "";
    undo.push(() => eventually(() => ec2.send(new DeleteVpcCommand({ VpcId: vpcId }))));
    undo.push(() => eventually(() => ec2.send(new DeleteSubnetCommand({ SubnetId: subnetId }))));
    return { vpcId, subnetId, gateway: `${cidr}.1.1` };
  };
  const newGroup = async (
    vpcId: string,
    group: { name: string; ingress?: readonly IpPermission[]; egress?: boolean },
  ) => {
    const { GroupId = "" } = await ec2.send(
      new CreateSecurityGroupCommand({ VpcId: vpcId, GroupName: group.name, Description: group.name }),
    );
    undo.push(() => eventually(() => ec2.send(new DeleteSecurityGroupCommand({ GroupId }))));
    if (group.ingress !== undefined)
      await ec2.send(
        new AuthorizeSecurityGroupIngressCommand({ GroupId, IpPermissions: [...group.ingress] }),
      );
    const everything = { IpProtocol: "-1", IpRanges: [{ CidrIp: "0.0.0.0/0" }] };
    if (group.egress === false)
      await ec2.send(new RevokeSecurityGroupEgressCommand({ GroupId, IpPermissions: [everything] }));
    return GroupId;
  };
  const startSleeper = async (subnetId: string, groupId: string, publicIp = false): Promise<Sleeper> => {
    await ecs.send(
      new RegisterTaskDefinitionCommand({
        family: "attack-sleeper",
        networkMode: "awsvpc",
        requiresCompatibilities: ["FARGATE"],
        cpu: "256",
        memory: "512",
        containerDefinitions: [{ name: "main", image: "busybox", command: ["sleep", "3600"] }],
      }),
    );
    const awsvpcConfiguration = {
      subnets: [subnetId],
      securityGroups: [groupId],
      assignPublicIp: publicIp ? ("ENABLED" as const) : ("DISABLED" as const),
    };
    const { tasks: [started] = [] } = await ecs.send(
      new RunTaskCommand({
        cluster: "fileshare",
        taskDefinition: "attack-sleeper",
        networkConfiguration: { awsvpcConfiguration },
      }),
    );
    const taskArn = started?.taskArn ?? "";
    undo.push(() => ecs.send(new StopTaskCommand({ cluster: "fileshare", task: taskArn })));
    const task = await eventually(async () => {
      const answer = await ecs.send(new DescribeTasksCommand({ cluster: "fileshare", tasks: [taskArn] }));
      expect(answer.tasks?.[0]?.lastStatus).toBe("RUNNING");
      return answer.tasks?.[0];
    });
    const detail = (key: string) =>
      task?.attachments?.[0]?.details?.find((each) => each.name === key)?.value ?? "";
    const ip = detail("privateIPv4Address");
    const { NetworkInterfaces = [] } = await ec2.send(
      new DescribeNetworkInterfacesCommand({ NetworkInterfaceIds: [detail("networkInterfaceId")] }),
    );
    const pause = `gantry-${name}-${detail("networkInterfaceId")}`;
    const pid = (await run("docker", ["inspect", "-f", "{{.State.Pid}}", pause])).trim();
    return { taskArn, ip, mac: NetworkInterfaces[0]?.MacAddress ?? "", pid };
  };
  return {
    ec2,
    newVpc,
    newGroup,
    startSleeper,
    async close(): Promise<void> {
      for (const step of undo.toReversed()) await step();
    },
  };
}
