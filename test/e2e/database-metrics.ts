import { readFileSync } from "node:fs";
import { CloudWatchClient, GetMetricStatisticsCommand } from "@aws-sdk/client-cloudwatch";
import { DescribeDBInstancesCommand, RDSClient } from "@aws-sdk/client-rds";
import { expect } from "vitest";
import type { openDemo } from "./demo.ts";
import { run } from "./helpers.ts";

const MINUTE_MS = 60_000;
const GIB = 1024 ** 3;
/** Uses about a tenth of a processor in the container of a database, and ends by itself. */
const WORK =
  "i=0; while [ $i -lt 500 ]; do i=$((i+1)); j=0; while [ $j -lt 20000 ]; do j=$((j+1)); done; sleep 0.2; done";
/** Prints the bytes on the disk of the database's files, without the folder itself. */
const USED = "echo $(( $(du -sk /var/lib/mysql | cut -f1) * 1024 - $(stat -c %b /var/lib/mysql) * 512 ))";

/** What the kernel says of the container of the demo's database. */
export async function databaseOf(demo: ReturnType<typeof openDemo>) {
  const filters = [`gantry.instance=${demo.name}`, "gantry.role=database"];
  const labels = filters.flatMap((filter) => ["--filter", `label=${filter}`]);
  const container = (await run("docker", ["ps", "-q", ...labels])).trim();
  const pid = (await run("docker", ["inspect", "-f", "{{.State.Pid}}", container])).trim();
  const { DBInstances: [database] = [] } = await new RDSClient(demo.client()).send(
    new DescribeDBInstancesCommand({}),
  );
  const cloudWatch = new CloudWatchClient(demo.client());
  return {
    allocatedBytes: (database?.AllocatedStorage ?? 0) * GIB,
    /** Runs for about two minutes. */
    work: () => run("docker", ["exec", container, "sh", "-c", WORK]),
    /** Seconds of processor time that it has used so far. */
    cpuSeconds(): number {
      const group = readFileSync(`/proc/${pid}/cgroup`, "utf8");
      const legacy = /:cpuacct:(.*)/.exec(group)?.[1];
      if (legacy !== undefined)
        return Number(readFileSync(`/sys/fs/cgroup/cpuacct${legacy}/cpuacct.usage`, "utf8")) / 1e9;
      const stat = readFileSync(`/sys/fs/cgroup${/^0::(.*)$/m.exec(group)?.[1] ?? ""}/cpu.stat`, "utf8");
      return Number(/usage_usec (\d+)/.exec(stat)?.[1]) / 1e6;
    },
    async connections(): Promise<number> {
      const sockets = await run("nsenter", ["-t", pid, "-n", "ss", "-Htn", "state", "established"]);
      return sockets.split("\n").filter((line) => /:3306\s+\S+\s*$/.test(line)).length;
    },
    storedBytes: async () => Number(await run("docker", ["exec", container, "sh", "-c", USED])),
    /** A metric of AWS/RDS of a minute. */
    async metric(MetricName: string, minute: number) {
      const { Datapoints = [] } = await cloudWatch.send(
        new GetMetricStatisticsCommand({
          ...{
            Namespace: "AWS/RDS",
            MetricName,
            Period: 60,
            Statistics: ["Average", "SampleCount", "Maximum"],
          },
          Dimensions: [{ Name: "DBInstanceIdentifier", Value: database?.DBInstanceIdentifier }],
          ...{ StartTime: new Date(minute), EndTime: new Date(minute + MINUTE_MS) },
        }),
      );
      return Datapoints[0] ?? expect.fail(`There is no ${MetricName} yet.`);
    },
  };
}
