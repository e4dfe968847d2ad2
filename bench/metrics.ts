import { readFileSync } from "node:fs";
import { Agent, createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import {
  CloudWatchClient,
  GetMetricDataCommand,
  PutMetricDataCommand,
  type MetricDatum,
} from "@aws-sdk/client-cloudwatch";
import { sleep } from "@gantry/kernel";
import { captured, type Captured } from "./captured.ts";
import { describeTenTasks } from "./describe-tasks.ts";
import { ensureLoadGenerator, load, medianOf, type Load } from "./load.ts";
import { median, type Answer, type Bench, type Question } from "./question.ts";

const MINUTE_MS = 60_000;
const WEEK_MINUTES = 7 * 24 * 60;
const DAY_MINUTES = 24 * 60;
const DATA_MAX = 1_000;
const WEEK_SERVICES = 100;
const DAY_SERVICES = 500;
const METRICS = ["CPUUtilization", "MemoryUtilization", "RequestCount", "TargetResponseTime"];
const READS = 60;
const POINTS_PER_SECOND = 50_000;
/**
 * As the CloudWatch agent sends them: each metric with the values of its interval.
 * Source: API_PutMetricData, Values.
 */
const REQUEST = { data: 10, values: 100 };
const ROUNDS = 5;
const SECONDS = 3;
const PACKED_AFTER_MS = 20_000;

/**
 * CloudWatch metrics: how many points a second are taken in and what that costs DescribeTasks, how long a
 * week of 1-minute data of 100 services takes to read, and the memory of the control plane once it has a day
 * of the metrics of 500 services.
 */
export const metrics: Question = {
  name: "metrics",
  async ask(bench) {
    await ensureLoadGenerator();
    const client = newClient(bench);
    const before = memoryOf(bench);
    const answers = [...(await measureIngestion(bench, client))];
    await fill(bench, client, {
      namespace: "Week",
      services: WEEK_SERVICES,
      minutes: WEEK_MINUTES,
      names: ["CPU"],
    });
    // The store packs the minutes of past days, as it does when a day is over.
    await sleep(bench.clock, PACKED_AFTER_MS);
    answers.push(...(await measureReads(bench, client)));
    await fill(bench, client, {
      namespace: "Day",
      services: DAY_SERVICES,
      minutes: DAY_MINUTES,
      names: METRICS,
    });
    client.destroy();
    agent.destroy();
    answers.push({
      name: "control-plane-memory-with-metrics",
      unit: "MiB",
      value: memoryOf(bench),
      baseline: before,
      against: "before there were metrics",
      goal: { of: "value", most: 400 },
    });
    return answers;
  },
};

function newClient({ settings, region, credentials }: Bench): CloudWatchClient {
  return new CloudWatchClient({
    region,
    credentials,
    endpoint: `http://127.0.0.1:${settings.port}`,
    disableRequestCompression: true,
  });
}

async function measureIngestion(bench: Bench, client: CloudWatchClient): Promise<readonly Answer[]> {
  const describe = await describeTenTasks(bench);
  const target = {
    folder: bench.settings.folder,
    connections: 16,
    seconds: SECONDS,
    method: "POST",
    headers: describe.headers,
    body: describe.body,
    url: `http://127.0.0.1:${bench.settings.port}/`,
  };
  const command = new PutMetricDataCommand({ Namespace: "Ingested", MetricData: sampleData(bench) });
  const put = await captured(command.middlewareStack, () => client.send(command));
  const [alone, beside]: [Load[], Load[]] = [[], []];
  const rates: number[] = [];
  // The first round is what both compile in.
  for (let round = 0; round <= ROUNDS; round += 1) {
    alone.push(await load(target));
    const ingestion = ingest(bench, put);
    beside.push(await load(target));
    rates.push(await ingestion.stop());
  }
  return [
    {
      name: "metrics-ingested",
      unit: "points/s",
      value: median(rates.slice(1)),
      baseline: POINTS_PER_SECOND,
      against: "what is sent, beside DescribeTasks",
      goal: { of: "ratio", least: 0.99 },
    },
    {
      name: "describe-tasks-beside-ingestion",
      unit: "requests/s",
      value: medianOf(beside.slice(1), "requestsPerSecond"),
      baseline: medianOf(alone.slice(1), "requestsPerSecond"),
      against: "without ingestion",
      goal: { of: "ratio", least: 0.9 },
    },
  ];
}

function sampleData({ clock }: Bench): MetricDatum[] {
  const at = new Date(clock.now());
  return Array.from({ length: REQUEST.data }, (_, metric) => ({
    MetricName: `M${metric}`,
    Timestamp: at,
    Unit: "Milliseconds",
    Dimensions: [{ Name: "Service", Value: "web" }],
    Values: Array.from({ length: REQUEST.values }, (_value, index) => index + metric),
  }));
}

/** Sends requests at the rate that is asked for; `stop` answers how many points a second were taken. */
function ingest(bench: Bench, request: Captured): { stop(): Promise<number> } {
  const { clock } = bench;
  const began = clock.now();
  const ending = new AbortController();
  let points = 0;
  const perRequest = REQUEST.data * REQUEST.values;
  const run = async (): Promise<void> => {
    while (!ending.signal.aborted) {
      const due = ((clock.now() - began) / 1_000) * POINTS_PER_SECOND;
      if (points >= due) {
        await sleep(clock, 5);
        continue;
      }
      points += perRequest;
      await post(bench.settings.port, request);
    }
  };
  const runs = Array.from({ length: 4 }, run);
  return {
    async stop() {
      const seconds = (clock.now() - began) / 1_000;
      ending.abort();
      await Promise.all(runs);
      return points / seconds;
    },
  };
}

const agent = new Agent({ keepAlive: true });

/**
 * Sends a request and reads its answer, at little cost to the machine that both share; returns the bytes of
 * the answer.
 */
function post(port: number, { path, headers, body }: Captured): Promise<number> {
  return new Promise((resolve, reject) => {
    const sent = request({ agent, host: "127.0.0.1", port, path, method: "POST", headers }, (response) => {
      let bytes = 0;
      response.on("data", (chunk: Buffer) => (bytes += chunk.length));
      response.on("error", reject);
      response.on("end", () =>
        response.statusCode === 200
          ? resolve(bytes)
          : reject(new Error(`The server answered ${response.statusCode}.`)),
      );
    });
    sent.on("error", reject);
    sent.end(body);
  });
}

/** Puts a value for each minute, service and name, up to now. */
async function fill(
  { clock }: Bench,
  client: CloudWatchClient,
  what: { namespace: string; services: number; minutes: number; names: readonly string[] },
): Promise<void> {
  const end = Math.floor(clock.now() / MINUTE_MS) * MINUTE_MS;
  let data: MetricDatum[] = [];
  const send = async (): Promise<void> => {
    await client.send(new PutMetricDataCommand({ Namespace: what.namespace, MetricData: data }));
    data = [];
  };
  for (let minute = what.minutes; minute > 0; minute -= 1)
    for (let service = 0; service < what.services; service += 1)
      for (const MetricName of what.names) {
        data.push({
          MetricName,
          Timestamp: new Date(end - minute * MINUTE_MS),
          Dimensions: [{ Name: "Service", Value: `s${service}` }],
          Unit: "Percent",
          Value: (minute * 31 + service * 17) % 100,
        });
        if (data.length === DATA_MAX) await send();
      }
  if (data.length > 0) await send();
}

async function measureReads(bench: Bench, client: CloudWatchClient): Promise<readonly Answer[]> {
  const end = new Date(Math.floor(bench.clock.now() / MINUTE_MS) * MINUTE_MS);
  const command = new GetMetricDataCommand({
    StartTime: new Date(end.getTime() - WEEK_MINUTES * MINUTE_MS),
    EndTime: end,
    MetricDataQueries: Array.from({ length: WEEK_SERVICES }, (_, service) => ({
      Id: `s${service}`,
      MetricStat: {
        Metric: {
          Namespace: "Week",
          MetricName: "CPU",
          Dimensions: [{ Name: "Service", Value: `s${service}` }],
        },
        Period: 60,
        Stat: "Average",
      },
    })),
  });
  const request = await captured(command.middlewareStack, () => client.send(command));
  const bytes = await post(bench.settings.port, request);
  const bare = createServer((incoming, response) => {
    incoming.resume();
    incoming.on("end", () => response.end(Buffer.alloc(bytes, "1")));
  });
  await new Promise<void>((done) => bare.listen(0, "127.0.0.1", done));
  const { port } = bare.address() as AddressInfo; // A listening TCP server has an address.
  try {
    const p99 = async (of: number): Promise<number> => {
      const times: number[] = [];
      for (let read = 0; read < READS; read += 1) {
        const began = performance.now();
        await post(of, request);
        times.push(performance.now() - began);
      }
      return times.toSorted((a, b) => a - b)[Math.ceil(READS * 0.99) - 1] ?? Number.NaN;
    };
    await p99(bench.settings.port); // What it compiles in.
    return [
      {
        name: "get-metric-data-week-p99",
        unit: "ms",
        value: await p99(bench.settings.port),
        baseline: await p99(port),
        against: "a bare Node server that sends as many bytes (100,800 datapoints, one page)",
        goal: { of: "value", most: 100 },
      },
    ];
  } finally {
    bare.close();
    bare.closeAllConnections();
  }
}

/** The resident memory of the control plane, in MiB. */
function memoryOf({ settings }: Bench): number {
  const { pid } = JSON.parse(readFileSync(join(settings.folder, "control-plane.pid"), "utf8")) as {
    pid: number;
  }; // Written by the control plane.
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) / 1024;
}
