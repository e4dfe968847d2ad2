import { Agent, request } from "node:http";
import {
  CreateTargetGroupCommand,
  DescribeListenersCommand,
  DescribeTargetGroupsCommand,
  DescribeTargetHealthCommand,
  ModifyListenerCommand,
  RegisterTargetsCommand,
} from "@aws-sdk/client-elastic-load-balancing-v2";
import { sleep } from "@gantry/kernel";
import { median, type Bench, type Question } from "./question.ts";
import { serve } from "./serve.ts";

const ROUNDS = 10;
const CLIENTS = 4;
/** How long the traffic is watched after a change. */
const WATCH_MS = 600;
const CANARY_PERCENT = 10;
const FIRST_MS_MAX = 100;
const LAST_MS_MAX = 200;

interface Seen {
  readonly startedAt: number;
  readonly endedAt: number;
  readonly group: string;
}

/**
 * How soon a change of weights by the API reaches requests: from the call of ModifyListener to the first
 * request that the canary serves, and from the call that takes it back to the last one. Half of the clients
 * keep their connections.
 */
export const trafficShift: Question = {
  name: "traffic-shift",
  async ask(bench) {
    const { url } = await serve(bench);
    const { clock } = bench;
    const { shift, canaryOf } = await makeCanary(bench);
    const traffic = openTraffic(url, () => clock.now());
    const [firsts, lasts]: [number[], number[]] = [[], []];
    for (let round = 0; round < ROUNDS; round += 1) {
      traffic.seen.length = 0;
      const shiftedAt = clock.now();
      await shift(CANARY_PERCENT);
      await sleep(clock, WATCH_MS);
      const served = traffic.seen.filter(({ group }) => canaryOf(group)).map(({ endedAt }) => endedAt);
      firsts.push(Math.min(...served) - shiftedAt);
      traffic.seen.length = 0;
      const takenBackAt = clock.now();
      await shift(0);
      await sleep(clock, WATCH_MS);
      const late = traffic.seen.filter(({ group }) => canaryOf(group)).map(({ startedAt }) => startedAt);
      lasts.push(Math.max(takenBackAt, ...late) - takenBackAt);
    }
    await traffic.close();
    if (traffic.failures.length > 0)
      throw new Error(`${traffic.failures.length} requests failed: ${traffic.failures[0]}`);
    const against = `slowest of ${ROUNDS}`;
    return [
      {
        name: "traffic-shift-first",
        unit: "ms",
        value: median(firsts),
        baseline: Math.max(...firsts),
        against,
        goal: { of: "value", most: FIRST_MS_MAX },
      },
      {
        name: "traffic-rollback-last",
        unit: "ms",
        value: median(lasts),
        baseline: Math.max(...lasts),
        against,
        goal: { of: "value", most: LAST_MS_MAX },
      },
    ];
  },
};

/**
 * A second target group with the same task; the cookie of target group stickiness says which of the two
 * served a request.
 */
async function makeCanary(bench: Bench) {
  const { elb } = bench.clients;
  const { targetGroupArn, vpcId, address } = await serve(bench);
  const created = await elb.send(
    new CreateTargetGroupCommand({
      Name: "bench-canary",
      TargetType: "ip",
      Protocol: "HTTP",
      Port: 80,
      VpcId: vpcId,
      HealthCheckIntervalSeconds: 5,
      HealthCheckTimeoutSeconds: 2,
    }),
  );
  const canary = created.TargetGroups?.[0]?.TargetGroupArn;
  await elb.send(
    new RegisterTargetsCommand({ TargetGroupArn: canary, Targets: [{ Id: address, Port: 80 }] }),
  );
  const { TargetGroups = [] } = await elb.send(
    new DescribeTargetGroupsCommand({ TargetGroupArns: [targetGroupArn] }),
  );
  const { Listeners = [] } = await elb.send(
    new DescribeListenersCommand({ LoadBalancerArn: TargetGroups[0]?.LoadBalancerArns?.[0] }),
  );
  const shift = async (percent: number) => {
    await elb.send(
      new ModifyListenerCommand({
        ListenerArn: Listeners[0]?.ListenerArn,
        DefaultActions: [
          {
            Type: "forward",
            ForwardConfig: {
              TargetGroups: [
                { TargetGroupArn: targetGroupArn, Weight: 100 - percent },
                { TargetGroupArn: canary, Weight: percent },
              ],
              TargetGroupStickinessConfig: { Enabled: true, DurationSeconds: 60 },
            },
          },
        ],
      }),
    );
  };
  await shift(0);
  for (;;) {
    const { TargetHealthDescriptions = [] } = await elb.send(
      new DescribeTargetHealthCommand({ TargetGroupArn: canary }),
    );
    if (TargetHealthDescriptions[0]?.TargetHealth?.State === "healthy") break;
    await sleep(bench.clock, 200);
  }
  const stable = await groupOf((await serve(bench)).url);
  return { shift, canaryOf: (group: string) => group !== stable };
}

async function groupOf(url: string): Promise<string> {
  const traffic = openTraffic(url, () => 0);
  await new Promise((done) => setTimeout(done, WATCH_MS));
  await traffic.close();
  return traffic.seen[0]?.group ?? "";
}

/** Clients that ask again and again until they are closed. */
function openTraffic(url: string, now: () => number) {
  const seen: Seen[] = [];
  const failures: string[] = [];
  const closing = new AbortController();
  const { host, port } = new URL(url);
  const keepAlive = new Agent({ keepAlive: true });
  const ask = (agent: Agent | false) =>
    new Promise<void>((resolve) => {
      const startedAt = now();
      const asked = request({ host: "127.0.0.1", port, headers: { host }, agent }, (response) => {
        const cookies = response.headers["set-cookie"]?.join() ?? "";
        const group = /AWSALBTG=(\w+)/.exec(cookies)?.[1] ?? "";
        if (response.statusCode !== 200) failures.push(`status ${response.statusCode}`);
        response.resume();
        response.on("end", () => {
          seen.push({ startedAt, endedAt: now(), group });
          resolve();
        });
      });
      asked.on("error", (thrown) => {
        failures.push(thrown.message);
        resolve();
      });
      asked.end();
    });
  const clients = Array.from({ length: CLIENTS }, async (_, index) => {
    while (!closing.signal.aborted) await ask(index % 2 === 0 ? keepAlive : false);
  });
  return {
    seen,
    failures,
    close: async () => {
      closing.abort();
      await Promise.all(clients);
      keepAlive.destroy();
    },
  };
}
