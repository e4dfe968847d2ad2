import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { InterfaceAssignment } from "@gantry/agent-protocol";
import { afterAll, expect, it } from "vitest";
import { NameFiles } from "./name-files.ts";

const dataFolder = mkdtempSync(join(tmpdir(), "gantry-names-"));
afterAll(() => rmSync(dataFolder, { recursive: true }));

const WANTED: InterfaceAssignment = {
  id: "eni-1",
  vpcId: "vpc-1",
  ip: "10.0.1.5",
  mac: "02:00:00:00:00:05",
  prefix: 24,
  gateway: "10.0.1.1",
  hostname: "ip-10-0-1-5",
  dnsServer: "10.0.0.2",
  dnsSearch: "eu-south-1.compute.internal",
};
const names = () => new NameFiles({ dataFolder, dataPath: "/host" });
const fileOf = (id: string, name: string) => join(dataFolder, "interfaces", id, name);

it("writes the resolver of the VPC and the task's own name, and mounts both", async () => {
  await names().ensure(WANTED);
  expect(readFileSync(fileOf("eni-1", "resolv.conf"), "utf8")).toBe(
    "nameserver 10.0.0.2\nsearch eu-south-1.compute.internal\noptions timeout:1 attempts:4\n",
  );
  const hosts = readFileSync(fileOf("eni-1", "hosts"), "utf8");
  expect(hosts).toContain("127.0.0.1\tlocalhost\n");
  expect(hosts).toMatch(/^10\.0\.1\.5\tip-10-0-1-5$/m);
  expect(names().mountsOf("eni-1", true)).toStrictEqual([
    { source: "/host/interfaces/eni-1/hosts", target: "/etc/hosts", readOnly: true },
    { source: "/host/interfaces/eni-1/resolv.conf", target: "/etc/resolv.conf", readOnly: true },
  ]);
});

it("takes the resolvers and domains of DHCP options", async () => {
  await names().ensure({ ...WANTED, id: "eni-2", dnsServers: ["10.0.0.9", "10.0.0.8"], dnsSearches: [] });
  expect(readFileSync(fileOf("eni-2", "resolv.conf"), "utf8")).toBe(
    "nameserver 10.0.0.9\nnameserver 10.0.0.8\noptions timeout:1 attempts:4\n",
  );
});

it("keeps what a container wrote when the agent starts again, and writes a file that a crash left empty", async () => {
  writeFileSync(fileOf("eni-1", "hosts"), "10.0.0.7 own\n");
  writeFileSync(fileOf("eni-1", "resolv.conf"), "");
  await names().ensure(WANTED);
  expect(readFileSync(fileOf("eni-1", "hosts"), "utf8")).toBe("10.0.0.7 own\n");
  expect(readFileSync(fileOf("eni-1", "resolv.conf"), "utf8")).toContain("nameserver 10.0.0.2");
});

it("removes the files of an interface, and of those that nothing knows", async () => {
  const files = names();
  await files.ensure({ ...WANTED, id: "eni-3" });
  await files.removeOthers((id) => id !== "eni-3");
  await files.remove("eni-2");
  expect(readdirSync(join(dataFolder, "interfaces"))).toStrictEqual(["eni-1"]);
  await files.ensure({ ...WANTED, id: "eni-3" });
  expect(readdirSync(join(dataFolder, "interfaces"))).toStrictEqual(["eni-1", "eni-3"]);
});
