import { writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  CreateRuleCommand,
  DeleteRuleCommand,
  DescribeListenersCommand,
  DescribeTargetGroupsCommand,
} from "@aws-sdk/client-elastic-load-balancing-v2";
import { run } from "@gantry/cli/run";
import { sleep } from "@gantry/kernel";
import { ensureLoadGenerator, load, medianOf, type Load } from "./load.ts";
import type { Answer, Bench, Question } from "./question.ts";
import { serve } from "./serve.ts";

const ROUNDS = 9;
const SECONDS = 4;
const CONNECTIONS = 32;
const PLAIN_PORT = 14_999;
const RULES = 99;
const RATIO_LEAST = 0.95;

/**
 * Requests a second through a load balancer of ours, against HAProxy with a configuration written by hand before the same
 * task: with the default action alone, and with a hundred rules of which the last one matches.
 */
export const loadBalancer: Question = {
  name: "load-balancer",
  async ask(bench) {
    await ensureLoadGenerator();
    const { vpcId, address } = await serve(bench);
    const withoutRules = await compare(bench, "load-balancer", plainConfiguration(address, vpcId, 0));
    const rules = await addRules(bench);
    const withRules = await compare(bench, "load-balancer-rules", plainConfiguration(address, vpcId, RULES));
    for (const RuleArn of rules) await bench.clients.elb.send(new DeleteRuleCommand({ RuleArn }));
    return [...withoutRules, ...withRules];
  },
};

async function compare(bench: Bench, name: string, plain: string): Promise<readonly Answer[]> {
  const { url } = await serve(bench);
  const proxy = `gantry-${bench.settings.instance}-proxy`;
  const file = join(bench.settings.folder, "plain.cfg");
  writeFileSync(file, plain);
  await run("docker", ["cp", file, `${proxy}:/tmp/plain.cfg`]);
  const start = "kill $(cat /tmp/plain.pid) 2>/dev/null; exec haproxy -D -p /tmp/plain.pid -f /tmp/plain.cfg";
  await run("docker", ["exec", proxy, "sh", "-c", start]);
  await sleep(bench.clock, 1_000);
  const options = { folder: bench.settings.folder, connections: CONNECTIONS, seconds: SECONDS };
  const [gantry, byHand]: [Load[], Load[]] = [[], []];
  const { host } = new URL(url);
  for (let round = 0; round < ROUNDS; round += 1) {
    gantry.push(
      await load({ ...options, url: url.replace(/\/\/[^/:]+/, "//127.0.0.1"), headers: { Host: host } }),
    );
    byHand.push(await load({ ...options, url: `http://127.0.0.1:${PLAIN_PORT}/`, headers: { Host: host } }));
  }
  const failed = [...gantry, ...byHand].reduce((sum, each) => sum + each.failed, 0);
  if (failed > 0) throw new Error(`${failed} requests failed.`);
  const against = "plain HAProxy";
  return [
    {
      name: `${name}-rate`,
      unit: "requests/s",
      value: medianOf(gantry, "requestsPerSecond"),
      baseline: medianOf(byHand, "requestsPerSecond"),
      against,
      goal: { of: "ratio", least: RATIO_LEAST },
    },
    {
      name: `${name}-p99`,
      unit: "ms",
      value: medianOf(gantry, "p99Ms"),
      baseline: medianOf(byHand, "p99Ms"),
      against,
      goal: undefined,
    },
  ];
}

/** Rules that the requests do not match, before the default action. Answers their ARNs. */
async function addRules(bench: Bench): Promise<readonly string[]> {
  const { elb } = bench.clients;
  const { targetGroupArn } = await serve(bench);
  const { TargetGroups = [] } = await elb.send(
    new DescribeTargetGroupsCommand({ TargetGroupArns: [targetGroupArn] }),
  );
  const { Listeners = [] } = await elb.send(
    new DescribeListenersCommand({ LoadBalancerArn: TargetGroups[0]?.LoadBalancerArns?.[0] }),
  );
  const arns: string[] = [];
  for (let index = 1; index <= RULES; index += 1) {
    const { Rules = [] } = await elb.send(
      new CreateRuleCommand({
        ListenerArn: Listeners[0]?.ListenerArn,
        Priority: index,
        Conditions: [{ Field: "path-pattern", Values: [`/rule-${index}/*`] }],
        Actions: [{ Type: "forward", TargetGroupArn: targetGroupArn }],
      }),
    );
    arns.push(Rules[0]?.RuleArn ?? "");
  }
  await sleep(bench.clock, 2_000);
  return arns;
}

function plainConfiguration(address: string, vpcId: string, rules: number): string {
  return `global
  maxconn 8000
defaults
  mode http
  timeout connect 1s
  timeout client 60s
  timeout server 60s
frontend plain
  bind 127.0.0.1:${PLAIN_PORT}
${Array.from({ length: rules }, (_, index) => `  use_backend plain if { path_beg /rule-${index + 1}/ }\n`).join("")}  default_backend plain
backend plain
  server task ${address}:80 namespace ${vpcId}
`;
}
