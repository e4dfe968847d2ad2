import type { DiscoveryInstanceRecord, DiscoveryServiceRecord, TaskRecord } from "@gantry/state";
import { expect, it } from "vitest";
import { planRegistry, type RegisteredTask } from "./plan-registry.ts";

const service = { account: "0", region: "r", arn: "srv", hasCustomHealth: true } as DiscoveryServiceRecord;
const taskOf = (
  id: string,
  more: Omit<Partial<RegisteredTask>, "task"> & { task?: Partial<TaskRecord> } = {},
) => ({
  registry: { registryArn: "srv", port: 80 },
  ...{ address: "10.0.0.1", availabilityZone: "ra", hasHealthCheck: false },
  ...{ serviceName: "web", clusterName: "c", family: "f" },
  ...more,
  // The members that the plan reads.
  task: {
    ...{ arn: `arn:task/c/${id}`, lastStatus: "RUNNING", desiredStatus: "RUNNING", health: "UNKNOWN" },
    ...more.task,
  } as TaskRecord,
});
const plan = (instances: readonly DiscoveryInstanceRecord[], ...tasks: RegisteredTask[]) =>
  planRegistry(service, instances, tasks);
const idsOf = (list: readonly DiscoveryInstanceRecord[]) => list.map(({ id }) => id);

it("registers a running task with its address, port and names", () => {
  const { put, remove } = plan([], taskOf("a"));
  expect(put).toMatchObject([
    {
      ...{ serviceArn: "srv", id: "a", taskArn: "arn:task/c/a", health: "HEALTHY" },
      attributes: {
        AVAILABILITY_ZONE: "ra",
        AWS_INIT_HEALTH_STATUS: "HEALTHY",
        AWS_INSTANCE_IPV4: "10.0.0.1",
        AWS_INSTANCE_PORT: "80",
        ECS_CLUSTER_NAME: "c",
        ECS_SERVICE_NAME: "web",
        ECS_TASK_DEFINITION_FAMILY: "f",
        REGION: "r",
      },
    },
  ]);
  expect(remove).toEqual([]);
  expect(plan(put, taskOf("a"))).toEqual({ put: [], remove: [] });
});

it("takes out what is to stop, has stopped, or is of no fleet any more", () => {
  const { put } = plan([], taskOf("a"), taskOf("b"), taskOf("c"));
  const after = plan(
    put,
    taskOf("a", { task: { desiredStatus: "STOPPED" } }),
    taskOf("b", { task: { lastStatus: "STOPPED" } }),
  );
  expect(idsOf(after.remove)).toEqual(["a", "b", "c"]);
  expect(after.put).toEqual([]);
});

it("registers no task before it runs", () => {
  expect(plan([], taskOf("a", { task: { lastStatus: "PENDING" } })).put).toEqual([]);
  expect(plan([], taskOf("a", { address: undefined })).put).toEqual([]);
});

it("follows the health of the containers", () => {
  const healthOf = (health: TaskRecord["health"]) =>
    plan([], taskOf("a", { hasHealthCheck: true, task: { health } })).put[0]?.health;
  expect(healthOf("UNKNOWN")).toBe("UNHEALTHY");
  expect(healthOf("HEALTHY")).toBe("HEALTHY");
  expect(healthOf("UNHEALTHY")).toBe("UNHEALTHY");
});

it("leaves the instances of callers, also where one has the id of a task", () => {
  const own = { serviceArn: "srv", id: "a", attributes: {}, taskArn: undefined } as unknown;
  expect(plan([own as DiscoveryInstanceRecord], taskOf("a"))).toEqual({ put: [], remove: [] });
});

it("registers at most 1,000 instances", () => {
  const tasks = Array.from({ length: 1_100 }, (_, index) => taskOf(String(index)));
  const { put } = plan([], ...tasks);
  expect(put).toHaveLength(1_000);
  expect(plan(put, ...tasks).put).toEqual([]);
});
