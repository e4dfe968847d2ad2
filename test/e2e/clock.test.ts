import { spawn } from "node:child_process";
import { join } from "node:path";
import { ECSClient, StopServiceDeploymentCommand, UpdateServiceCommand } from "@aws-sdk/client-ecs";
import { CreateRoleCommand, IAMClient } from "@aws-sdk/client-iam";
import { AssumeRoleCommand, GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import type { ClockStatus, DeploymentReport } from "@gantry/control-plane";
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from "vitest";
import { openDemo } from "./demo.ts";
import { eventually, PROJECT } from "./helpers.ts";
import { createStagedService, newestDeploymentOf } from "./staged-service.ts";
import { registerVersion, startAsking, versionsOf } from "./versions.ts";

const MINUTE = 60_000;
const HOST = "rehearsal.example.org";
const SERVICE = "rehearsal";
/** Sends 10 % of the traffic to the new version for five minutes, then all of it for a bake time of five minutes. */
const CANARY = {
  strategy: "CANARY",
  canaryConfiguration: { canaryPercent: 10, canaryBakeTimeInMinutes: 5 },
  bakeTimeInMinutes: 5,
} as const;
/** What a report arrives later than the proxy has the weights, and earlier than it has the next. */
const MARGIN_MS = 700;

const demo = openDemo(inject("demo"));
const ecs = new ECSClient(demo.client());
const clock = async (...words: readonly string[]) =>
  JSON.parse(await demo.instance.gantry("clock", ...words, "--json")) as ClockStatus; // Our own output.

afterEach(() => clock("speed", "1"));

describe("the platform's clock", () => {
  it("advances, refuses what is too fast, and returns to real time without a jump backwards", async () => {
    expect(await clock()).toMatchObject({ aheadMs: 0, speed: 1 });
    const { aheadMs } = await clock("advance", "2s");
    expect(aheadMs).toBe(2_000);
    expect(await demo.instance.gantry("clock")).toMatch(/Z, 2s ahead of real time\n$/);
    expect(await demo.instance.gantry("status")).toContain("ahead of real time");
    await expect(clock("speed", "1000")).rejects.toThrow("120");
    let last = await clock("reset");
    expect(last.speed).toBe(0.5);
    await eventually(async () => {
      const next = await clock();
      expect(next.now).toBeGreaterThan(last.now);
      expect(next.now).toBeGreaterThanOrEqual(next.real);
      last = next;
      expect(next).toMatchObject({ aheadMs: 0, speed: 1 });
    }, 20_000);
  });
});

/** Follows the service's newest deployment as a user does, until it has ended. */
function follow(...options: readonly string[]) {
  const words = ["deployments", "show", SERVICE, "--follow", ...options, "--state-dir", demo.instance.folder];
  const child = spawn(join(PROJECT, "gantry"), words, { stdio: ["ignore", "pipe", "inherit"] });
  const chunks: { readonly at: number; readonly text: string }[] = [];
  child.stdout.on("data", (chunk: Buffer) => chunks.push({ at: Date.now(), text: chunk.toString() }));
  const status = new Promise<number | null>((resolve) => child.on("close", resolve));
  return { chunks, status, output: () => chunks.map(({ text }) => text).join("") };
}

describe("a canary with steps of five minutes", () => {
  let service: Awaited<ReturnType<typeof createStagedService>> | undefined;
  beforeAll(async () => {
    service = await createStagedService(demo, { name: SERVICE, host: HOST });
  });
  afterAll(() => service?.remove());

  const deploy = async (version: string) =>
    ecs.send(
      new UpdateServiceCommand({
        cluster: "fileshare",
        service: SERVICE,
        taskDefinition: await registerVersion(demo, SERVICE, version),
        deploymentConfiguration: CANARY,
      }),
    );

  it("is rehearsed in seconds under load, and followed by the command line", async () => {
    const asking = startAsking(demo, HOST);
    const began = Date.now();
    await clock("speed", "60");
    // Two of the platform's minutes: requests before the first version served belong to no interval of this deployment.
    await new Promise((done) => setTimeout(done, 2_000));
    await deploy("v2");
    const [lines, reports] = [follow(), follow("--json")];
    expect(await Promise.all([lines.status, reports.status])).toEqual([0, 0]);
    const until = Date.now();
    await new Promise((done) => setTimeout(done, 1_000));
    await asking.stop();
    expect(asking.failures, asking.failures.slice(0, 5).join("\n")).toEqual([]);

    const seen = reports
      .output()
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as DeploymentReport); // Our own output.
    const last = seen.at(-1) ?? expect.fail("There is no report.");
    expect(last).toMatchObject({ status: "SUCCESSFUL", weight: 100 });
    expect((last.finishedAt ?? 0) - last.startedAt).toBeGreaterThanOrEqual(10 * MINUTE);
    expect(until - began).toBeLessThan(4 * MINUTE);
    const weights = last.timeline.flatMap((event) => (event.type === "traffic" ? [event.production] : []));
    expect(weights).toEqual([0, 10, 100]);
    for (const fleet of last.fleets) expect(fleet.total).toMatchObject({ errors: 0 });
    expect(last.fleets.map(({ total }) => (total?.requests ?? 0) > 0)).toEqual([true, true]);

    const arrivalOf = (weight: number) =>
      reports.chunks.find(({ text }) => text.includes(`"production":${weight},`))?.at ?? Number.NaN;
    const [from, to] = [arrivalOf(10) + MARGIN_MS, arrivalOf(100) - MARGIN_MS];
    const measured = asking.answers.filter(({ at }) => at > from && at < to);
    const share = measured.filter(({ version }) => version === "v2").length / measured.length;
    expect(measured.length).toBeGreaterThan(200);
    expect(Math.abs(share - 0.1), `${share} of ${measured.length}`).toBeLessThan(
      4 * Math.sqrt((0.1 * 0.9) / measured.length),
    );
    expect(versionsOf(asking.answers.filter(({ at }) => at > until))).toEqual(new Set(["v2"]));

    expect(lines.output()).toMatch(/\+\d\d:\d\d {2}stage {5}PRODUCTION_TRAFFIC_SHIFT\n/);
    expect(lines.output()).toMatch(/weights {3}██░+ {2}10 % of production/);
    expect(lines.output()).toMatch(/traffic {3}old: \d+ requests, 0 failed/);
    expect(lines.output()).toMatch(/status {4}SUCCESSFUL\n/);
    // Output to a pipe is appended: no line comes twice.
    const events = lines
      .output()
      .split("\n")
      .filter((line) => / (stage|status) /.test(line));
    expect(new Set(events).size).toBe(events.length);
  });

  it("says in one sentence why it was turned back", async () => {
    await clock("speed", "10");
    await deploy("v3");
    const lines = follow();
    const deployment = await eventually(async () => {
      const newest = await newestDeploymentOf(demo, SERVICE);
      expect(newest?.targetServiceRevision?.requestedProductionTrafficWeight).toBe(10);
      return newest;
    }, 90_000);
    const { serviceDeploymentArn } = deployment ?? {};
    await ecs.send(new StopServiceDeploymentCommand({ serviceDeploymentArn }));
    expect(await lines.status).toBe(1);
    expect(lines.output()).toMatch(
      /\nRolled back at 10 % of the traffic in PRODUCTION_TRAFFIC_SHIFT: .*\.\n$/,
    );
    const listed = await demo.instance.gantry("deployments");
    expect(listed).toMatch(/fileshare\/rehearsal +CANARY +ROLLBACK_SUCCESSFUL/);
    expect(listed).toMatch(/fileshare\/rehearsal +CANARY +SUCCESSFUL/);
  });
});

// Attacks: whoever holds a credential that has expired in real time tries it on a platform whose clock was moved, and
// one that is valid must not fail. The same in the process, for all ways of moving it: moved-clock.unit.test.ts.
describe("credentials beside a moved clock", () => {
  it("live for as long as they were given for, in real time", async () => {
    const sts = new STSClient(demo.client());
    const trust = {
      Version: "2012-10-17",
      Statement: [{ Effect: "Allow", Principal: { AWS: "000000000000" }, Action: "sts:AssumeRole" }],
    };
    const { Role } = await new IAMClient(demo.client()).send(
      new CreateRoleCommand({ RoleName: SERVICE, AssumeRolePolicyDocument: JSON.stringify(trust) }),
    );
    const { Credentials } = await sts.send(
      new AssumeRoleCommand({ RoleArn: Role?.Arn, RoleSessionName: SERVICE, DurationSeconds: 900 }),
    );
    const bucket = `s3://rehearsal-${demo.name}`;
    await demo.aws("s3", "mb", bucket);
    const presign = (seconds: number) =>
      demo.aws("s3", "presign", `${bucket}/missing`, "--expires-in", String(seconds));
    const [short, long] = [(await presign(3)).trim(), (await presign(120)).trim()];
    await clock("advance", "2d");
    await clock("reset");
    await new Promise((done) => setTimeout(done, 4_000));
    expect((await fetch(long)).status).toBe(404);
    expect((await fetch(short)).status).toBe(403);
    const session = {
      accessKeyId: Credentials?.AccessKeyId ?? "",
      secretAccessKey: Credentials?.SecretAccessKey ?? "",
      sessionToken: Credentials?.SessionToken ?? "",
    };
    const inSession = new STSClient({ ...demo.client(), credentials: session });
    expect((await inSession.send(new GetCallerIdentityCommand({}))).Arn).toContain(
      `assumed-role/${SERVICE}/`,
    );
    const [container = ""] = await demo.taskContainers();
    expect(await demo.namesAndCredentials(container, { seconds: 1, tries: 1 })).toMatchObject({
      failures: [],
    });
    await demo.aws("s3", "rb", bucket);
  });
});
