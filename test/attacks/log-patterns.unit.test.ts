import * as logs from "@aws-sdk/client-cloudwatch-logs";
import { compileFilterPattern } from "@gantry/content";
import { metricFilterController } from "@gantry/controllers";
import { randomIds, silentLogger, SystemClock } from "@gantry/kernel";
import { startApi } from "@gantry/testkit";
import { processorMs } from "@gantry/testkit/processor-time";
import { afterAll, beforeAll, expect, it } from "vitest";

// Patterns that take a backtracking matcher exponential time, patterns that are large, and metrics of the
// platform's own.
const api = await startApi();
afterAll(() => api.close());
const client = new logs.CloudWatchLogsClient(api.client());
const logGroupName = "bombs";
const MESSAGE = `${"a".repeat(30_000)}!`;
beforeAll(async () => {
  await client.send(new logs.CreateLogGroupCommand({ logGroupName }));
  await client.send(new logs.CreateLogStreamCommand({ logGroupName, logStreamName: "s" }));
  await client.send(
    new logs.PutLogEventsCommand({
      logGroupName,
      logStreamName: "s",
      logEvents: Array.from({ length: 20 }, () => ({ timestamp: Date.now(), message: MESSAGE })),
    }),
  );
});

/** The most processor time between two turns of the event loop while `work` ran, in ms. */
async function longestStallMs(work: () => Promise<unknown>): Promise<number> {
  let [longest, last, isDone] = [0, processorMs(), false];
  const tick = (): void => {
    const now = processorMs();
    longest = Math.max(longest, now - last);
    last = now;
    if (!isDone) setImmediate(tick);
  };
  setImmediate(tick);
  await work();
  isDone = true;
  return longest;
}

it.each([
  "%(a+)+$%",
  "%(a|a)*b%",
  "%(a|aa)+$%",
  "%(.*)*x%",
  "%^((a?){30}a{30}){3}$%",
  "{ $.a = %(a+)+$% }",
  "[w = %(a*)*b%]",
])(
  "answers meanwhile while it looks for %s",
  // Before: RegExp, which takes longer than the age of the universe for these; the API answered nothing more.
  async (filterPattern) => {
    const stall = await longestStallMs(() =>
      client.send(new logs.FilterLogEventsCommand({ logGroupName, filterPattern })),
    );
    expect(stall).toBeLessThan(1_000);
  },
);

it("reads fields of a message in linear time", () => {
  // A bracket that nothing closes is looked for once, not at every bracket.
  const start = processorMs();
  compileFilterPattern("[a, b]").match("[ ".repeat(300_000));
  compileFilterPattern("{ $.a.*.*.* = x }").match(`{"a":${"[".repeat(50_000)}${"]".repeat(50_000)}}`);
  expect(processorMs() - start).toBeLessThan(1_000);
});

it("refuses expressions that are large, and JSON patterns that are deep", async () => {
  const invalid = { name: "InvalidParameterException" };
  for (const filterPattern of [
    "%((a{100}){100}){100}%",
    `{ ${"(".repeat(500)}$.a = 1${")".repeat(500)} }`,
    `%${"(".repeat(400)}%`,
  ])
    await expect(
      client.send(new logs.FilterLogEventsCommand({ logGroupName, filterPattern })),
    ).rejects.toMatchObject(invalid);
});

it("writes no metric of the platform's own", async () => {
  const put = (metricNamespace: string) =>
    client.send(
      new logs.PutMetricFilterCommand({
        logGroupName,
        filterName: "f",
        filterPattern: "",
        metricTransformations: [{ metricName: "CPUUtilization", metricNamespace, metricValue: "99" }],
      }),
    );
  for (const namespace of ["AWS/ECS", "aws/ECS", "AWS/"])
    await expect(put(namespace)).rejects.toMatchObject({ name: "InvalidParameterException" });
  expect(api.store.keys("metricFilter")).toEqual([]);
});

it("makes metrics for the account and region of the group alone", async () => {
  await client.send(
    new logs.PutMetricFilterCommand({
      logGroupName,
      filterName: "f",
      filterPattern: "",
      metricTransformations: [{ metricName: "M", metricNamespace: "N", metricValue: "1" }],
    }),
  );
  const deps = { store: api.store, clock: new SystemClock(), ids: randomIds(), log: silentLogger };
  const added: string[] = [];
  const controller = metricFilterController({
    ...deps,
    logs: api.logs,
    metrics: {
      async add(points) {
        for (const { metric } of points) added.push(`${metric.account} ${metric.region} ${metric.namespace}`);
        return true;
      },
    },
  });
  await client.send(
    new logs.PutLogEventsCommand({
      logGroupName,
      logStreamName: "s",
      logEvents: [{ timestamp: Date.now(), message: "x" }],
    }),
  );
  for (const key of controller.keys()) await controller.reconcile(key);
  expect(added).toEqual(["000000000000 eu-south-1 N"]);
});
