import { spawn, type ChildProcess } from "node:child_process";
import {
  AuthorizeSecurityGroupIngressCommand,
  DescribeSecurityGroupRulesCommand,
  RevokeSecurityGroupIngressCommand,
} from "@aws-sdk/client-ec2";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { bringUpDemo, openDemo } from "../e2e/demo.ts";
import { eventually, get, newInstance, routerPid, run } from "../e2e/helpers.ts";
import { appliedMaxMs, behindTheApi } from "./behind-the-api.ts";
import { openVpcs, type Sleeper } from "./vpcs.ts";

const instance = await newInstance();
let demo: ReturnType<typeof openDemo>;
let vpcs: ReturnType<typeof openVpcs>;

beforeAll(async () => {
  demo = openDemo(await bringUpDemo(instance));
  vpcs = openVpcs(demo);
});

afterAll(() => instance.gantry("down", "--purge"));

interface NetworkProblem {
  readonly subject: string;
  readonly closed: boolean;
  readonly problem: string;
}

const networkProblems = async (): Promise<readonly NetworkProblem[]> =>
  (JSON.parse(await instance.gantry("status", "--json")) as { networkProblems: NetworkProblem[] }) // Our own output.
    .networkProblems;

describe("a VPC's rules", () => {
  let vpc: Awaited<ReturnType<typeof vpcs.newVpc>>;
  let groupId: string;
  let [server, client]: Sleeper[] = [];
  let echo: ChildProcess;

  beforeAll(async () => {
    vpc = await vpcs.newVpc("10.83");
    groupId = await vpcs.newGroup(vpc.vpcId, { name: "attacked", ingress: [tcp(7_000)] });
    server = await vpcs.startSleeper(vpc.subnetId, groupId);
    client = await vpcs.startSleeper(vpc.subnetId, groupId);
    const script = `
import socketserver, threading
class Echo(socketserver.BaseRequestHandler):
    def handle(self):
        while True:
            data = self.request.recv(100)
            if not data: return
            self.request.sendall(data)
class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
for port in range(7000, 7010):
    threading.Thread(target=Server(("", port), Echo).serve_forever).start()
`;
    echo = spawn("nsenter", ["-t", server.pid, "-n", "python3", "-c", script], { stdio: "inherit" });
    await eventually(async () => expect(await isOpen(7_000)).toBe(true));
  });

  afterAll(async () => {
    echo.kill("SIGKILL");
    await vpcs.close();
  });

  const tcp = (port: number) => ({
    ...{ IpProtocol: "tcp", FromPort: port, ToPort: port },
    IpRanges: [{ CidrIp: "10.83.0.0/16" }],
  });
  const authorize = (port: number) =>
    vpcs.ec2.send(new AuthorizeSecurityGroupIngressCommand({ GroupId: groupId, IpPermissions: [tcp(port)] }));
  const revoke = (port: number) =>
    vpcs.ec2.send(new RevokeSecurityGroupIngressCommand({ GroupId: groupId, IpPermissions: [tcp(port)] }));

  /** Whether a new connection from the client to the server is let through. */
  async function isOpen(port: number): Promise<boolean> {
    const script =
      `import socket; s = socket.create_connection(("${server?.ip}", ${port}), 0.4); s.sendall(b"x"); ` +
      "print(s.recv(1))";
    return run("nsenter", ["-t", client?.pid ?? "", "-n", "python3", "-c", script]).then(
      () => true,
      () => false,
    );
  }

  async function timeUntil(port: number, open: boolean): Promise<number> {
    const since = performance.now();
    while ((await isOpen(port)) !== open) expect(performance.now() - since).toBeLessThan(30_000);
    return performance.now() - since;
  }

  // Before: the rule failed the VPC's whole transaction, older rules stayed in effect, and a revoke did nothing.
  it("are applied without one that cannot be rendered, which is reported until it is removed", async () => {
    await authorize(7_003);
    const beforeMs = await timeUntil(7_003, true);
    await behindTheApi(instance, (tx) => {
      const group = tx.get("securityGroup", groupId);
      const first = group?.rules.find(({ direction }) => direction === "ingress");
      if (group === undefined || first === undefined) throw new Error("A record is missing.");
      const poisoned = { ...first, id: "sgr-00000000000000bad", fromPort: 90, toPort: 80 };
      tx.put("securityGroup", groupId, { ...group, rules: [...group.rules, poisoned] });
    });
    await eventually(async () =>
      expect(await networkProblems()).toEqual([
        { subject: vpc.vpcId, closed: false, problem: expect.stringContaining(groupId) as string },
      ]),
    );
    expect(await instance.gantry("status")).toMatch(
      new RegExp(
        `network +${vpc.vpcId}: A rule of ${groupId} is left out: the ports 90 to 80 are not a range`,
      ),
    );
    await authorize(7_001);
    const authorizedMs = await timeUntil(7_001, true);
    await revoke(7_000);
    const revokedMs = await timeUntil(7_000, false);
    console.info(
      `Authorized after ${Math.round(authorizedMs)} ms, revoked after ${Math.round(revokedMs)} ms.`,
    );
    const { SecurityGroupRules = [] } = await vpcs.ec2.send(
      new DescribeSecurityGroupRulesCommand({ Filters: [{ Name: "group-id", Values: [groupId] }] }),
    );
    const poisoned = SecurityGroupRules.find((each) => each.FromPort === 90);
    await vpcs.ec2.send(
      new RevokeSecurityGroupIngressCommand({
        GroupId: groupId,
        SecurityGroupRuleIds: [poisoned?.SecurityGroupRuleId ?? ""],
      }),
    );
    await eventually(async () => expect(await networkProblems()).toEqual([]));
    await authorize(7_004);
    const aloneMs = Math.max(beforeMs, await timeUntil(7_004, true));
    expect(authorizedMs).toBeLessThan(appliedMaxMs(aloneMs));
    // One refused attempt lasts 400 ms and more.
    expect(revokedMs).toBeLessThan(2 * appliedMaxMs(aloneMs));
  });

  // Before: a revoke was answered with success while the traffic flowed.
  it("that cannot be applied close the VPC for new connections, are shown, and are tried again", async () => {
    await eventually(async () => expect(await isOpen(7_001)).toBe(true));
    const talk = spawn("nsenter", [
      "-t",
      client?.pid ?? "",
      "-n",
      "python3",
      "-u",
      "-c",
      talking(server?.ip ?? ""),
    ]);
    let said = 0;
    talk.stdout.on("data", (chunk: Buffer) => (said += chunk.length));
    // A table that belongs to a process is changed by no other: the filter is empty, and can not be replaced.
    const [agent] = (await demo.instance.status()).agents;
    const inAgent = [agent?.container ?? "", "nsenter", "-t", await routerPid(vpc.vpcId), "-n", "nft"];
    const fault = spawn("docker", ["exec", "-i", ...inAgent, "-i"]);
    fault.stdin.write("delete table inet filter; add table inet filter { flags owner; }\n");
    await eventually(async () =>
      expect(await run("docker", ["exec", ...inAgent, "list", "ruleset"])).toContain("flags owner"),
    );
    await eventually(async () => expect(said).toBeGreaterThan(0));
    await revoke(7_001);
    await eventually(async () =>
      expect(await networkProblems()).toEqual([
        {
          ...{ subject: vpc.vpcId, closed: true },
          problem: expect.stringMatching(
            /^The security groups could not be applied: .*The VPC is closed\.$/s,
          ) as string,
        },
      ]),
    );
    expect(await instance.gantry("status")).toContain(`${vpc.vpcId} is closed for new connections`);
    expect(await isOpen(7_001)).toBe(false);
    await authorize(7_002);
    expect(await isOpen(7_002)).toBe(false);
    const before = said;
    await eventually(async () => expect(said).toBeGreaterThan(before + 10));
    // Other VPCs are not affected.
    expect((await get(demo.url, { path: "/version" })).status).toBe(200);
    fault.stdin.end();
    await eventually(async () => expect(await isOpen(7_002)).toBe(true));
    expect(await isOpen(7_001)).toBe(false);
    await eventually(async () => expect(await networkProblems()).toEqual([]));
    talk.kill("SIGKILL");
  });
});

/** A connection that was there before, on which a byte goes to and fro. */
const talking = (ip: string) => `
import socket, time
s = socket.create_connection(("${ip}", 7001), 5)
while True:
    s.sendall(b"x")
    print(s.recv(1).decode(), end="")
    time.sleep(0.05)
`;
