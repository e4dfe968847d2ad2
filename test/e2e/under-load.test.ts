import {
  DescribeTaskDefinitionCommand,
  ECSClient,
  RegisterTaskDefinitionCommand,
  UpdateServiceCommand,
} from "@aws-sdk/client-ecs";
import { describe, expect, inject, it } from "vitest";
import { openDemo } from "./demo.ts";
import { eventually, get, run, startLoop } from "./helpers.ts";

/** Answers per second that make a moment without a target seen. An idle machine gives hundreds. */
const PER_SECOND_MIN = 100;

const { instance, url, client, fileshare, taskContainers, namesAndCredentials } = openDemo(inject("demo"));

describe("under load", () => {
  it("replaces a killed container, and clients see no failure beyond those in flight", async () => {
    const loop = startLoop(url, "/user-api/users");
    const before = await taskContainers();
    await run("docker", ["kill", before[0] ?? ""]);
    await eventually(async () => {
      const now = await taskContainers();
      expect(now).toHaveLength(2);
      expect(now).not.toContain(before[0]);
      const service = await fileshare();
      expect(service?.runningCount).toBe(2);
      expect(service?.events?.[0]?.message).toContain("steady state");
    });
    const { count, failures } = await loop.stop();
    expect(count).toBeGreaterThan(50);
    expect(failures.length, failures.join("\n")).toBeLessThanOrEqual(4);
  });

  it("deploys a new version without a failed request, and keeps the old one if the new one is unhealthy", async () => {
    const ecs = new ECSClient(client());
    const service = await fileshare();
    const { taskDefinition } = await ecs.send(
      new DescribeTaskDefinitionCommand({ taskDefinition: service?.taskDefinition }),
    );
    const container = taskDefinition?.containerDefinitions?.[0];
    const register = async (changes: Record<string, string>) => {
      const environmentPairs = [
        ...(container?.environment ?? []).filter((pair) => changes[pair.name ?? ""] === undefined),
        ...Object.entries(changes).map(([name, value]) => ({ name, value })),
      ];
      const {
        family,
        requiresCompatibilities,
        networkMode,
        cpu,
        memory,
        taskRoleArn,
        executionRoleArn,
        volumes,
      } = taskDefinition ?? {};
      const answer = await ecs.send(
        new RegisterTaskDefinitionCommand({
          family,
          requiresCompatibilities,
          networkMode,
          cpu,
          memory,
          taskRoleArn,
          executionRoleArn,
          volumes,
          containerDefinitions: [{ ...container, environment: environmentPairs }],
        }),
      );
      return answer.taskDefinition?.taskDefinitionArn;
    };
    const loop = startLoop(url, "/version");
    await ecs.send(
      new UpdateServiceCommand({
        cluster: "fileshare",
        service: "fileshare",
        taskDefinition: await register({ APP_VERSION: "2" }),
      }),
    );
    await eventually(async () => expect((await fileshare())?.deployments).toHaveLength(1), 120_000);
    expect((await get(url, { path: "/version" })).body).toBe('{"version":"2"}');
    // A port that nobody checks: the website never answers its health check.
    await ecs.send(
      new UpdateServiceCommand({
        cluster: "fileshare",
        service: "fileshare",
        healthCheckGracePeriodSeconds: 0,
        taskDefinition: await register({ APP_VERSION: "3", PORT: "9999" }),
      }),
    );
    await eventually(
      async () =>
        expect(
          (await fileshare())?.events?.some((event) =>
            event.message?.includes("is unhealthy in (target-group"),
          ),
        ).toBe(true),
      120_000,
    );
    expect((await get(url, { path: "/version" })).body).toBe('{"version":"2"}');
    await ecs.send(
      new UpdateServiceCommand({
        cluster: "fileshare",
        service: "fileshare",
        healthCheckGracePeriodSeconds: 30,
        taskDefinition: await register({ APP_VERSION: "4" }),
      }),
    );
    await eventually(async () => expect((await fileshare())?.deployments).toHaveLength(1), 120_000);
    const { count, failures } = await loop.stop();
    expect(count).toBeGreaterThan(200);
    expect(failures, failures.slice(0, 5).join("\n")).toHaveLength(0);
    expect((await get(url, { path: "/version" })).body).toBe('{"version":"4"}');
  });

  it("serves traffic, names and credentials while the control plane is killed, and continues afterwards", async () => {
    const { controlPlane } = await instance.status();
    const before = await taskContainers();
    const began = performance.now();
    const loop = startLoop(url, "/version");
    const inside = namesAndCredentials(before[0] ?? "", { seconds: 6, tries: 1 });
    await new Promise((done) => setTimeout(done, 500));
    process.kill(controlPlane.pid, "SIGKILL");
    await new Promise((done) => setTimeout(done, 2_500));
    await instance.up("up");
    const { good, failures: unanswered } = await inside;
    const { count, failures } = await loop.stop();
    expect(count / ((performance.now() - began) / 1_000)).toBeGreaterThan(PER_SECOND_MIN);
    expect(unanswered).toEqual([]);
    expect(good).toBeGreaterThan(5);
    expect(failures, failures.slice(0, 5).join("\n")).toHaveLength(0);
    expect(await taskContainers()).toEqual(before);
  });
});
