import { connect } from "node:net";
import {
  AuthorizeSecurityGroupIngressCommand,
  AttachInternetGatewayCommand,
  CreateInternetGatewayCommand,
  CreateRouteCommand,
  CreateSecurityGroupCommand,
  CreateSubnetCommand,
  CreateVpcCommand,
  DescribeImagesCommand,
  DescribeInstancesCommand,
  DescribeRouteTablesCommand,
  RunInstancesCommand,
  TerminateInstancesCommand,
  type EC2Client,
} from "@aws-sdk/client-ec2";
import { run } from "@gantry/cli/run";
import { machineRecipe } from "@gantry/images/machine-recipe";
import { sleep } from "@gantry/kernel";
import { median, type Bench, type Question } from "./question.ts";

const ROUNDS = 5;
const POLL_MS = 10;
const DEADLINE_MS = 60_000;
const SSH_PORT = 22;

/**
 * How long from RunInstances until the instance's SSH server answers a client on the host, against `docker run -d` of
 * the same image on the same engine, which starts no server.
 */
export const instances: Question = {
  name: "instances",
  async ask(bench) {
    const place = await newPlace(bench.clients.ec2, bench.region);
    const [gantry, docker]: [number[], number[]] = [[], []];
    // The first instance has the image built.
    for (let round = 0; round <= ROUNDS; round += 1) {
      gantry.push(await untilSsh(bench, place));
      docker.push(await dockerRun(bench));
    }
    return [
      {
        name: "run-instances-to-ssh",
        unit: "ms",
        value: median(gantry.slice(1)),
        baseline: median(docker.slice(1)),
        against: "docker run -d",
        goal: { of: "ratio", most: 4 },
      },
    ];
  },
};

interface Place {
  readonly imageId: string | undefined;
  readonly subnetId: string | undefined;
  readonly groupId: string | undefined;
}

/** A public subnet with a security group that admits SSH. */
async function newPlace(ec2: EC2Client, region: string): Promise<Place> {
  const { Vpc } = await ec2.send(new CreateVpcCommand({ CidrBlock: "10.98.0.0/16" }));
  const VpcId = Vpc?.VpcId;
  const { Subnet } = await ec2.send(
    new CreateSubnetCommand({ VpcId, CidrBlock: "10.98.1.0/24", AvailabilityZone: `${region}a` }),
  );
  const { InternetGateway } = await ec2.send(new CreateInternetGatewayCommand({}));
  const GatewayId = InternetGateway?.InternetGatewayId;
  await ec2.send(new AttachInternetGatewayCommand({ VpcId, InternetGatewayId: GatewayId }));
  const { RouteTables = [] } = await ec2.send(
    new DescribeRouteTablesCommand({ Filters: [{ Name: "vpc-id", Values: [VpcId ?? ""] }] }),
  );
  const { RouteTableId } = RouteTables[0] ?? {};
  await ec2.send(new CreateRouteCommand({ RouteTableId, GatewayId, DestinationCidrBlock: "0.0.0.0/0" }));
  const { GroupId } = await ec2.send(
    new CreateSecurityGroupCommand({ VpcId, GroupName: "bench", Description: "bench" }),
  );
  const IpPermissions = [
    { IpProtocol: "tcp", FromPort: SSH_PORT, ToPort: SSH_PORT, IpRanges: [{ CidrIp: "0.0.0.0/0" }] },
  ];
  await ec2.send(new AuthorizeSecurityGroupIngressCommand({ GroupId, IpPermissions }));
  const { Images = [] } = await ec2.send(
    new DescribeImagesCommand({
      ...{ Owners: ["amazon"], Filters: [{ Name: "name", Values: ["al2023-ami-2023*-x86_64"] }] },
    }),
  );
  return { imageId: Images[0]?.ImageId, subnetId: Subnet?.SubnetId, groupId: GroupId };
}

/** Milliseconds from the call until the server's first words. The instance is terminated afterwards. */
async function untilSsh({ clients: { ec2 }, clock }: Bench, place: Place): Promise<number> {
  const began = performance.now();
  const { Instances = [] } = await ec2.send(
    new RunInstancesCommand({
      ...{ ImageId: place.imageId, InstanceType: "t3.micro", MinCount: 1, MaxCount: 1 },
      NetworkInterfaces: [
        {
          ...{ DeviceIndex: 0, SubnetId: place.subnetId, Groups: [place.groupId ?? ""] },
          AssociatePublicIpAddress: true,
        },
      ],
    }),
  );
  const InstanceIds = [Instances[0]?.InstanceId ?? ""];
  const described = async () => {
    const { Reservations = [] } = await ec2.send(new DescribeInstancesCommand({ InstanceIds }));
    return Reservations[0]?.Instances?.[0];
  };
  for (;;) {
    const address = (await described())?.PublicIpAddress;
    if (address !== undefined && (await greets(address))) break;
    if (performance.now() - began > DEADLINE_MS) throw new Error("The instance's SSH server did not answer.");
    await sleep(clock, POLL_MS);
  }
  const took = performance.now() - began;
  await ec2.send(new TerminateInstancesCommand({ InstanceIds }));
  while ((await described())?.State?.Name !== "terminated") await sleep(clock, 200);
  await sleep(clock, 2_000);
  return took;
}

/** Whether an SSH server greets at an address. Source: RFC 4253, section 4.2. */
function greets(host: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port: SSH_PORT, timeout: 100 });
    const end = (isThere: boolean): void => {
      socket.destroy();
      resolve(isThere);
    };
    socket.once("data", (chunk: Buffer) => end(chunk.toString("latin1").startsWith("SSH-2.0")));
    socket.once("error", () => end(false));
    socket.once("timeout", () => end(false));
    socket.once("close", () => end(false));
  });
}

async function dockerRun({ settings, clock }: Bench): Promise<number> {
  const label = `gantry.bench=${settings.instance}`;
  const began = performance.now();
  await run("docker", [
    ...["run", "-d", "--label", label, "--entrypoint", "/bin/sleep", machineRecipe.tag, "600"],
  ]);
  const took = performance.now() - began;
  const ids = (await run("docker", ["ps", "-aq", "--filter", `label=${label}`])).split("\n").filter(Boolean);
  await run("docker", ["rm", "-f", ...ids]);
  await sleep(clock, 1_000);
  return took;
}
