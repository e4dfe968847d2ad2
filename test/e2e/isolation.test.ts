import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import {
  AuthorizeSecurityGroupIngressCommand,
  CreateSecurityGroupCommand,
  CreateSubnetCommand,
  CreateVpcCommand,
  DeleteSecurityGroupCommand,
  DeleteSubnetCommand,
  DeleteVpcCommand,
  EC2Client,
} from "@aws-sdk/client-ec2";
import {
  DescribeTasksCommand,
  ECSClient,
  RegisterTaskDefinitionCommand,
  RunTaskCommand,
  StopTaskCommand,
} from "@aws-sdk/client-ecs";
import { namingOf } from "@gantry/agent";
import { beforeAll, describe, expect, inject, it } from "vitest";
import { openDemo } from "./demo.ts";
import { eventually, get, newInstance, openInstance, run } from "./helpers.ts";
import { openTasks } from "./tasks.ts";

const demo = openDemo(inject("demo"));
const { instance, client, environment, name, taskContainers } = demo;
const ec2 = new EC2Client(client());
const ecs = new ECSClient(client());
let tasks: Awaited<ReturnType<typeof openTasks>>;

beforeAll(async () => {
  tasks = await openTasks(demo);
});

async function environmentOf(container: string, variable: string): Promise<string> {
  return (await run("docker", ["exec", container, "node", "-p", `process.env.${variable}`])).trim();
}

/** What a task with these commands writes, one line each: `name: yes` or `name: no`. */
async function tryFromTask(
  family: string,
  attempts: Readonly<Record<string, string>>,
): Promise<Record<string, string>> {
  // All at once: most of them end only when their time is up.
  const script = Object.entries(attempts)
    .map(
      ([what, command]) =>
        `(if { ${command}; } >/dev/null 2>&1; then echo "${what}: yes"; else echo "${what}: no"; fi) &`,
    )
    .concat("wait")
    .join("\n");
  const task = await tasks.runToEnd(family, { command: ["sh", "-c", script] });
  const said = await tasks.messagesOf(family, task, Object.keys(attempts).length);
  return Object.fromEntries(said.map((line) => line.split(": ") as [string, string])); // Written by the script above.
}

describe("a task", () => {
  it("reaches neither the engine, the control plane, the host nor the metadata at 169.254.169.254", async () => {
    const addresses = [...(await run("ip", ["-4", "-o", "addr"])).matchAll(/^\d+: (\S+) +inet ([0-9.]+)/gm)];
    const hosts = addresses.filter((match) => match[1] !== "lo").map((match) => match[2] ?? "");
    expect(
      addresses.some((match) => match[1]?.startsWith(namingOf(name).linkPrefix)),
      "the link to the VPC",
    ).toBe(true);
    const { port } = instance;
    const attempts: Record<string, string> = {
      "the engine's socket": "ls /var/run/docker.sock /run/docker.sock",
      "the node's data": "ls /data /var/lib/docker",
      "the host's loopback": `nc -w 2 127.0.0.1 ${port} </dev/null`,
      "instance metadata": "wget -q -O - http://169.254.169.254/latest/meta-data/",
      "a new network device": "ip link add d0 type dummy",
      "the kernel's log": "dmesg",
    };
    for (const [index, host] of hosts.entries())
      for (const target of [port, port + 1, port - 56, 22])
        attempts[`host ${index} port ${target}`] = `nc -w 1 ${host} ${target} </dev/null`;
    const found = await tryFromTask("reach", attempts);
    expect(Object.keys(found)).toHaveLength(Object.keys(attempts).length);
    expect(Object.entries(found).filter(([, answer]) => answer !== "no")).toEqual([]);
  });

  it("reaches its own VPC and no other", async () => {
    // Neither VPC has a way out: what is tried stays on this machine.
    const closedVpc = async (cidr: string) => {
      const { Vpc } = await ec2.send(new CreateVpcCommand({ CidrBlock: `${cidr}.0.0/16` }));
      const { Subnet } = await ec2.send(
        new CreateSubnetCommand({ VpcId: Vpc?.VpcId, CidrBlock: `${cidr}.1.0/24` }),
      );
      const { GroupId } = await ec2.send(
        new CreateSecurityGroupCommand({ VpcId: Vpc?.VpcId, GroupName: "open", Description: "everybody" }),
      );
      await ec2.send(
        new AuthorizeSecurityGroupIngressCommand({
          GroupId,
          IpPermissions: [{ IpProtocol: "-1", IpRanges: [{ CidrIp: "0.0.0.0/0" }] }],
        }),
      );
      return { vpcId: Vpc?.VpcId, subnetId: Subnet?.SubnetId ?? "", groupId: GroupId ?? "" };
    };
    const [own, other] = [await closedVpc("10.77"), await closedVpc("10.78")];
    const start = async (vpc: typeof own, family: string, main: { image: string; command?: string[] }) => {
      const size = { requiresCompatibilities: ["FARGATE" as const], cpu: "256", memory: "512" };
      await ecs.send(
        new RegisterTaskDefinitionCommand({
          family,
          networkMode: "awsvpc",
          ...size,
          containerDefinitions: [{ name: "main", ...main }],
        }),
      );
      const networkConfiguration = {
        awsvpcConfiguration: { subnets: [vpc.subnetId], securityGroups: [vpc.groupId] },
      };
      const { tasks: started = [] } = await ecs.send(
        new RunTaskCommand({ cluster: "fileshare", taskDefinition: family, networkConfiguration }),
      );
      return started[0]?.taskArn ?? "";
    };
    const taskIn = (arn: string, status: string) =>
      eventually(async () => {
        const [task] =
          (await ecs.send(new DescribeTasksCommand({ cluster: "fileshare", tasks: [arn] }))).tasks ?? [];
        expect(task?.lastStatus).toBe(status);
        return task?.containers?.[0];
      });
    const server = await start(own, "isolation-server", { image: "nginx" });
    const address = (await taskIn(server, "RUNNING"))?.networkInterfaces?.[0]?.privateIpv4Address ?? "";
    const probe = {
      image: "busybox",
      command: [
        "sh",
        "-c",
        `for i in 1 2 3 4 5; do nc -w 1 ${address} 80 </dev/null && exit 0; sleep 0.3; done; exit 1`,
      ],
    };
    expect((await taskIn(await start(own, "isolation-probe", probe), "STOPPED"))?.exitCode).toBe(0);
    expect((await taskIn(await start(other, "isolation-probe", probe), "STOPPED"))?.exitCode).toBe(1);
    await ecs.send(new StopTaskCommand({ cluster: "fileshare", task: server }));
    for (const vpc of [own, other]) {
      await eventually(() => ec2.send(new DeleteSubnetCommand({ SubnetId: vpc.subnetId })));
      await ec2.send(new DeleteSecurityGroupCommand({ GroupId: vpc.groupId }));
      await eventually(() => ec2.send(new DeleteVpcCommand({ VpcId: vpc.vpcId })));
    }
  });

  it("cannot read another task's credentials and metadata, whose names cannot be found", async () => {
    const [other = ""] = await taskContainers();
    const uri = await environmentOf(other, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
    expect(uri).toMatch(/^\/v2\/credentials\/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/);
    const near = uri.replace(/.$/, (last) => (last === "0" ? "1" : "0"));
    const ask = (path: string): string => `wget -q -O - http://169.254.170.2${path}`;
    expect(
      await tryFromTask("guess", {
        "all credentials": ask("/v2/credentials"),
        "a list": ask("/v2/credentials/"),
        "a name that is near": ask(near),
        "all tasks": ask("/v2/metadata"),
        everything: ask("/"),
        "the other's processes": "ls /proc/2/root/",
      }),
    ).toEqual({
      "all credentials": "no",
      "a list": "no",
      "a name that is near": "no",
      "all tasks": "no",
      everything: "no",
      "the other's processes": "no",
    });
  });

  it("may use the host only if the operator allows it, and is refused in AWS's words", async () => {
    const definition = {
      family: "wall",
      networkMode: "awsvpc" as const,
      containerDefinitions: [{ name: "main", image: "busybox", memory: 64 }],
    };
    const [container] = definition.containerDefinitions;
    const asks = [
      { ...definition, containerDefinitions: [{ ...container, privileged: true }] },
      { ...definition, pidMode: "host" as const },
      { ...definition, volumes: [{ name: "host", host: { sourcePath: "/" } }] },
      {
        ...definition,
        containerDefinitions: [{ ...container, linuxParameters: { capabilities: { add: ["SYS_ADMIN"] } } }],
      },
    ];
    for (const ask of asks) {
      const refused = ecs.send(new RegisterTaskDefinitionCommand(ask));
      await expect(refused).rejects.toMatchObject({
        name: "ClientException",
        message: expect.stringContaining('"gantry up --allow-host-access"'),
      });
    }
    const fargate = { requiresCompatibilities: ["FARGATE" as const], cpu: "256", memory: "512" };
    await expect(
      ecs.send(
        new RegisterTaskDefinitionCommand({
          ...definition,
          volumes: [{ name: "host", host: { sourcePath: "/" } }],
          ...fargate,
        }),
      ),
    ).rejects.toThrow("host.sourcePath should not be set for volumes in Fargate.");
    await expect(instance.up("up", "--allow-host-access")).rejects.toThrow(
      "Gantry is running and reads this option only at its start",
    );
  });
});

describe("secrets", () => {
  it("are encrypted at rest, in no log, event or response, and unreadable for other users of the host", async () => {
    const [container = ""] = await taskContainers();
    const credentials = await run("docker", [
      "exec",
      container,
      "sh",
      "-c",
      "node -e " +
        "'fetch(\"http://169.254.170.2\"+process.env.AWS_CONTAINER_CREDENTIALS_RELATIVE_URI).then(r=>r.text()).then(console.log)'",
    ]);
    const { SecretAccessKey } = JSON.parse(credentials) as { SecretAccessKey: string }; // The endpoint's answer.
    const secrets = [environment["AWS_SECRET_ACCESS_KEY"] ?? "", SecretAccessKey];
    expect(secrets.every((secret) => secret.length > 20)).toBe(true);
    const files = readdirSync(instance.folder, { recursive: true, encoding: "utf8" }).filter(
      (file) => !file.startsWith("cache"),
    );
    for (const file of files) {
      const path = join(instance.folder, file);
      const stats = statSync(path);
      if (!stats.isFile() || /^credentials$/.test(file)) continue;
      const bytes = readFileSync(path);
      for (const secret of secrets) expect(bytes.includes(secret), `a secret in ${file}`).toBe(false);
    }
    expect(statSync(instance.folder).mode & 0o077).toBe(0);
    for (const file of ["credentials", "key", "ca-key.pem", "instance.json"])
      expect(statSync(join(instance.folder, file)).mode & 0o077, file).toBe(0);
    const said = await instance.gantry("logs", "--lines", "100000").catch((thrown: Error) => thrown.message);
    const services = await demo.aws(
      "ecs",
      "describe-services",
      "--cluster",
      "fileshare",
      "--services",
      "fileshare",
    );
    const database = await demo.aws("rds", "describe-db-instances");
    for (const secret of [...secrets, await databasePassword()])
      for (const text of [said, services, database]) expect(text.includes(secret)).toBe(false);
  });

  async function databasePassword(): Promise<string> {
    const [container = ""] = await taskContainers();
    return environmentOf(container, "DB_PASSWORD");
  }
});

describe("with the operator's permission", () => {
  it("a task sees the host's folders and processes", async () => {
    const own = await newInstance();
    try {
      await own.up("up", "--allow-host-access");
      const other = openDemo({
        folder: own.folder,
        port: own.port,
        url: "",
        environment: await own.environment(),
      });
      const [ec2Own, ecsOwn] = [new EC2Client(other.client()), new ECSClient(other.client())];
      const { Vpc } = await ec2Own.send(new CreateVpcCommand({ CidrBlock: "10.78.0.0/16" }));
      const { Subnet } = await ec2Own.send(
        new CreateSubnetCommand({ VpcId: Vpc?.VpcId, CidrBlock: "10.78.1.0/24" }),
      );
      await other.aws("ecs", "create-cluster", "--cluster-name", "host");
      await ecsOwn.send(
        new RegisterTaskDefinitionCommand({
          family: "host",
          networkMode: "awsvpc",
          requiresCompatibilities: ["EC2"],
          pidMode: "host",
          volumes: [{ name: "state", host: { sourcePath: own.folder } }],
          containerDefinitions: [
            {
              name: "main",
              image: "busybox",
              memory: 64,
              command: ["sh", "-c", "test -f /state/instance.json && ps | grep -q dockerd"],
              mountPoints: [{ sourceVolume: "state", containerPath: "/state", readOnly: true }],
            },
          ],
        }),
      );
      const { tasks: started = [] } = await ecsOwn.send(
        new RunTaskCommand({
          cluster: "host",
          taskDefinition: "host",
          launchType: "EC2",
          networkConfiguration: { awsvpcConfiguration: { subnets: [Subnet?.SubnetId ?? ""] } },
        }),
      );
      await eventually(async () => {
        const [task] =
          (
            await ecsOwn.send(
              new DescribeTasksCommand({ cluster: "host", tasks: [started[0]?.taskArn ?? ""] }),
            )
          ).tasks ?? [];
        expect(task).toMatchObject({
          lastStatus: "STOPPED",
          stoppedReason: "Essential container in task exited",
          containers: [{ exitCode: 0 }],
        });
      });
      expect((await get(`http://127.0.0.1:${own.port}`, { path: "/gantry/health" })).status).toBe(200);
    } finally {
      await openInstance(own.folder, own.port).gantry("down", "--purge");
    }
  });
});
