import { DescribeSecurityGroupsCommand, DescribeSubnetsCommand, EC2Client } from "@aws-sdk/client-ec2";
import { afterAll, beforeAll, expect, inject, it } from "vitest";
import { openDemo } from "../e2e/demo.ts";
import { eventually, routerPid, run } from "../e2e/helpers.ts";
import { openVpcs, type Sleeper } from "./vpcs.ts";

const demo = openDemo(inject("demo"));
const vpcs = openVpcs(demo);
const ec2 = new EC2Client(demo.client());
/** One of the demo's subnets whose tasks may have public addresses. */
const PUBLIC_SUBNET = "172.16.15.96/28";
const LINK_LOCAL = "169.254.77.7";
let attacker: Sleeper;
let victim: Awaited<ReturnType<typeof vpcs.newVpc>>;
/** A container of the engine's default bridge, with a server and a link-local address as a cloud's metadata has. */
let neighbour = { id: "", ip: "" };
let ownVpc = "";
let ownLink = "";
let otherLink = "";

beforeAll(async () => {
  const { Subnets = [] } = await ec2.send(
    new DescribeSubnetsCommand({ Filters: [{ Name: "tag:Project", Values: ["fileshare"] }] }),
  );
  const { SecurityGroups = [] } = await ec2.send(
    new DescribeSecurityGroupsCommand({ Filters: [{ Name: "group-name", Values: ["fileshare-app"] }] }),
  );
  const subnet = Subnets.find((each) => each.CidrBlock === PUBLIC_SUBNET);
  expect(subnet, "the demo has a public subnet").toBeDefined();
  // A public address: the attacker has a way out, as a task that may be attacked from the Internet has.
  attacker = await vpcs.startSleeper(subnet?.SubnetId ?? "", SecurityGroups[0]?.GroupId ?? "", true);
  victim = await vpcs.newVpc("10.80");
  const group = await vpcs.newGroup(victim.vpcId, { name: "victims" });
  await vpcs.startSleeper(victim.subnetId, group);
  ownVpc = subnet?.VpcId ?? "";
  ownLink = await hostAddressOf(ownVpc);
  otherLink = await hostAddressOf(victim.vpcId);
  const page = "mkdir /w; echo attack > /w/index.html; exec httpd -f -p 80 -h /w";
  const started = await run("docker", ["run", "-d", "--rm", "busybox", "sh", "-c", page]);
  const id = started.trim();
  const ip = await run("docker", ["inspect", "-f", "{{.NetworkSettings.IPAddress}}", id]);
  neighbour = { id, ip: ip.trim() };
  const pid = (await run("docker", ["inspect", "-f", "{{.State.Pid}}", id])).trim();
  await run("nsenter", ["-t", pid, "-n", "ip", "address", "add", `${LINK_LOCAL}/32`, "dev", "lo"]);
  await run("ip", ["route", "replace", `${LINK_LOCAL}/32`, "via", neighbour.ip]);
});

afterAll(async () => {
  if (neighbour.id !== "") {
    await run("ip", ["route", "del", `${LINK_LOCAL}/32`]);
    await run("docker", ["rm", "-f", neighbour.id]);
  }
  await vpcs.close();
});

/** The host's end of a VPC's link. */
async function hostAddressOf(vpcId: string): Promise<string> {
  const route = await run("nsenter", ["-t", await routerPid(vpcId), "-n", "ip", "route", "show", "default"]);
  return /via (\S+)/.exec(route)?.[1] ?? "";
}

/** What a program answers inside the attacker's namespace; empty where it is not reached. */
function ask(...words: readonly string[]): Promise<string> {
  return run("nsenter", ["-t", attacker.pid, "-n", ...words]).catch(() => "");
}
const fetchFrom = (url: string) => ask("curl", "-s", "-m", "2", url);

/** One DNS query over UDP; "answer" where anything comes back. */
function resolveAt(address: string): Promise<string> {
  const query = `import socket
labels = "ecs.eu-south-1.amazonaws.com".encode().split(b".")
name = b"".join(bytes([len(label)]) + label for label in labels) + b"\\0"
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(2)
s.sendto(bytes.fromhex("000101000001000000000000") + name + bytes.fromhex("00010001"), ("${address}", 53))
print("answer" if s.recvfrom(512) else "")`;
  return ask("python3", "-c", query);
}

it("reaches its own endpoints and the outside of the machine", async () => {
  const credentials = "http://169.254.170.2/v2/credentials/00000000-0000-0000-0000-000000000000";
  await eventually(async () => expect(await fetchFrom(credentials)).toContain("Credentials not found"));
  await eventually(async () => expect(await resolveAt("169.254.169.253")).toContain("answer"));
  expect([ownLink, otherLink].every((address) => address.startsWith("100.64."))).toBe(true);
  expect(ownLink).not.toBe(otherLink);
});

it("reaches no endpoint or resolver of another VPC through the links", async () => {
  // Before: "Credentials not found" came from the other VPC's endpoint, which had been asked for a credential.
  const path = "/v2/credentials/00000000-0000-0000-0000-000000000000";
  const answers = await Promise.all([
    ...[8080, 80, 443, 53].map((port) => fetchFrom(`http://${otherLink}:${port}${path}`)),
    resolveAt(otherLink),
  ]);
  expect(answers).toEqual(["", "", "", "", ""]);
});

it("reaches no container of the engine's networks, and no link-local address by way of the host", async () => {
  // The container serves the host, so that what follows is not empty because nobody serves.
  for (const address of [neighbour.ip, LINK_LOCAL])
    await eventually(async () =>
      expect(await run("curl", ["-s", "-m", "5", `http://${address}/`])).toContain("attack"),
    );
  // Before: both answered "attack" to a task with a public address.
  expect(await fetchFrom(`http://${neighbour.ip}/`)).toBe("");
  expect(await fetchFrom(`http://${LINK_LOCAL}/`)).toBe("");
});

it("is refused by the host itself, should a router let it through", async () => {
  // From the router, whose own rules do not apply to what it sends: the host checks the interface.
  const router = await routerPid(ownVpc);
  const fromRouter = (url: string) =>
    run("nsenter", ["-t", router, "-n", "curl", "-s", "-m", "2", url]).catch(() => "");
  const own = `http://${ownLink}:8080/v2/credentials/00000000-0000-0000-0000-000000000000`;
  await eventually(async () => expect(await fromRouter(own)).toContain("Credentials not found"));
  expect(
    await fromRouter(`http://${otherLink}:8080/v2/credentials/00000000-0000-0000-0000-000000000000`),
  ).toBe("");
  expect(await fromRouter(`http://${neighbour.ip}/`)).toBe("");
  expect(await fromRouter(`http://${LINK_LOCAL}/`)).toBe("");
});
