import { appendFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { RequestCertificateCommand } from "@aws-sdk/client-acm";
import {
  CreateListenerCommand,
  CreateRuleCommand,
  DeleteRuleCommand,
  DescribeListenersCommand,
  DescribeTargetGroupsCommand,
  ModifyLoadBalancerAttributesCommand,
} from "@aws-sdk/client-elastic-load-balancing-v2";
import { CreateBucketCommand, PutBucketPolicyCommand } from "@aws-sdk/client-s3";
import { fetchPlatformStatus } from "@gantry/cli/platform-status";
import { run } from "@gantry/cli/run";
import { sleep } from "@gantry/kernel";
import { ensureLoadGenerator, load, medianOf, type Load } from "./load.ts";
import { prepareTargets } from "./many-targets.ts";
import type { Answer, Bench, Question } from "./question.ts";
import { serve } from "./serve.ts";

/** Many short rounds: what disturbs the machine for some seconds then disturbs few of them. */
const ROUNDS = 7;
const SECONDS = 2;
const CONNECTIONS = 32;
const PLAIN_PORT = 14_999;
const PLAIN_CERTIFICATE = "/tmp/plain.pem";
const RULES = 99;
const RATIO_LEAST = 0.95;

/**
 * Requests a second through a load balancer of ours, against HAProxy with a configuration written by hand
 * before the same task: with the default action alone, with TLS, with access logs to S3 (the baseline logs
 * nothing), with a hundred rules of which the last one matches, and with a hundred targets.
 */
export const loadBalancer: Question = {
  name: "load-balancer",
  async ask(bench) {
    await ensureLoadGenerator();
    const { vpcId, address, url } = await serve(bench);
    const plain = { url, plain: plainConfiguration([`${address}:80`], vpcId, 0) };
    const withoutRules = await compare(bench, "load-balancer", plain);
    const tls = {
      url: await addTls(bench),
      plain: plainConfiguration([`${address}:80`], vpcId, 0, PLAIN_CERTIFICATE),
    };
    const withTls = await compare(bench, "load-balancer-tls", tls);
    await logAccess(bench, true);
    const withLogs = await compare(bench, "load-balancer-logs", plain);
    await logAccess(bench, false);
    const rules = await addRules(bench);
    const withRules = await compare(bench, "load-balancer-rules", {
      url,
      plain: plainConfiguration([`${address}:80`], vpcId, RULES),
    });
    for (const RuleArn of rules) await bench.clients.elb.send(new DeleteRuleCommand({ RuleArn }));
    const many = await prepareTargets(bench);
    await many.register();
    await many.untilHealthy();
    const servers = many.ports.map((port) => `${many.address}:${port}`);
    const withTargets = await compare(bench, "load-balancer-targets", {
      url: many.url,
      plain: plainConfiguration(servers, vpcId, 0),
    });
    await many.end();
    return [...withoutRules, ...withTls, ...withLogs, ...withRules, ...withTargets];
  },
};

async function compare(
  bench: Bench,
  name: string,
  { url, plain }: { url: string; plain: string },
): Promise<readonly Answer[]> {
  await startPlain(bench, plain);
  const options = { folder: bench.settings.folder, connections: CONNECTIONS, seconds: SECONDS };
  const [gantry, byHand]: [Load[], Load[]] = [[], []];
  const { host, protocol } = new URL(url);
  for (let round = 0; round < ROUNDS; round += 1) {
    gantry.push(
      await load({ ...options, url: url.replace(/\/\/[^/:]+/, "//127.0.0.1"), headers: { Host: host } }),
    );
    byHand.push(
      await load({ ...options, url: `${protocol}//127.0.0.1:${PLAIN_PORT}/`, headers: { Host: host } }),
    );
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
      goal: { of: "ratio", most: 1 / RATIO_LEAST },
    },
  ];
}

/** Starts HAProxy with this configuration in the container of the proxy, in place of the one before. */
async function startPlain(bench: Bench, configuration: string): Promise<void> {
  const proxy = `gantry-${bench.settings.instance}-proxy`;
  const file = join(bench.settings.folder, "plain.cfg");
  const certificate = join(bench.settings.folder, "plain.pem");
  writeFileSync(file, configuration);
  const subject = ["-subj", "/CN=plain.example", "-days", "1"];
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
  await run("openssl", [
    "req",
    "-x509",
    ...key,
    ...subject,
    "-keyout",
    certificate,
    "-out",
    `${certificate}.crt`,
  ]);
  appendFileSync(certificate, readFileSync(`${certificate}.crt`));
  await run("docker", ["cp", file, `${proxy}:/tmp/plain.cfg`]);
  await run("docker", ["cp", certificate, `${proxy}:${PLAIN_CERTIFICATE}`]);
  const start =
    "kill $(cat /tmp/plain.pid) 2>/dev/null; sleep 0.5; " +
    "exec haproxy -D -p /tmp/plain.pid -f /tmp/plain.cfg";
  await run("docker", ["exec", proxy, "sh", "-c", start]);
  await sleep(bench.clock, 1_000);
}

/** Adds a listener for HTTPS. Answers its URL. */
async function addTls(bench: Bench): Promise<string> {
  const { acm, elb } = bench.clients;
  const { targetGroupArn } = await serve(bench);
  const { CertificateArn } = await acm.send(
    new RequestCertificateCommand({ DomainName: "bench.example.org", KeyAlgorithm: "EC_prime256v1" }),
  );
  await elb.send(
    new CreateListenerCommand({
      LoadBalancerArn: await balancerArn(bench),
      Protocol: "HTTPS",
      Port: 443,
      Certificates: [{ CertificateArn }],
      DefaultActions: [{ Type: "forward", TargetGroupArn: targetGroupArn }],
    }),
  );
  for (;;) {
    const status = await fetchPlatformStatus(bench.settings);
    const urls = status.loadBalancers.flatMap(({ listeners }) => listeners.map(({ url }) => url));
    const secure = urls.find((url) => url?.startsWith("https:"));
    if (secure !== undefined) {
      await sleep(bench.clock, 2_000);
      return secure;
    }
    await sleep(bench.clock, 200);
  }
}

async function logAccess(bench: Bench, isOn: boolean): Promise<void> {
  const { elb, s3 } = bench.clients;
  const Bucket = "bench-access-logs";
  if (isOn) {
    await s3.send(new CreateBucketCommand({ Bucket }));
    const Policy = JSON.stringify({
      Version: "2012-10-17",
      Statement: {
        Effect: "Allow",
        Principal: { Service: "logdelivery.elasticloadbalancing.amazonaws.com" },
        Action: "s3:PutObject",
        Resource: `arn:aws:s3:::${Bucket}/*`,
      },
    });
    await s3.send(new PutBucketPolicyCommand({ Bucket, Policy }));
  }
  await elb.send(
    new ModifyLoadBalancerAttributesCommand({
      LoadBalancerArn: await balancerArn(bench),
      Attributes: [
        { Key: "access_logs.s3.enabled", Value: String(isOn) },
        { Key: "access_logs.s3.bucket", Value: Bucket },
      ],
    }),
  );
  await sleep(bench.clock, 2_000);
}

async function balancerArn(bench: Bench): Promise<string | undefined> {
  const { targetGroupArn } = await serve(bench);
  const { TargetGroups = [] } = await bench.clients.elb.send(
    new DescribeTargetGroupsCommand({ TargetGroupArns: [targetGroupArn] }),
  );
  return TargetGroups[0]?.LoadBalancerArns?.[0];
}

/** Rules that the requests do not match, before the default action. Answers their ARNs. */
async function addRules(bench: Bench): Promise<readonly string[]> {
  const { elb } = bench.clients;
  const { targetGroupArn } = await serve(bench);
  const { Listeners = [] } = await elb.send(
    new DescribeListenersCommand({ LoadBalancerArn: await balancerArn(bench) }),
  );
  const ListenerArn = Listeners.find(({ Port }) => Port === 80)?.ListenerArn;
  const arns: string[] = [];
  for (let index = 1; index <= RULES; index += 1) {
    const { Rules = [] } = await elb.send(
      new CreateRuleCommand({
        ListenerArn,
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

function plainConfiguration(
  targets: readonly string[],
  vpcId: string,
  rules: number,
  certificate?: string,
): string {
  return `global
  maxconn 8000
defaults
  mode http
  timeout connect 1s
  timeout client 60s
  timeout server 60s
frontend plain
  bind 127.0.0.1:${PLAIN_PORT}${certificate === undefined ? "" : ` ssl crt ${certificate}`}
${Array.from({ length: rules }, (_, index) => `  use_backend plain if { path_beg /rule-${index + 1}/ }\n`).join("")}  default_backend plain
backend plain
${targets.map((target, index) => `  server task_${index} ${target} namespace ${vpcId}\n`).join("")}`;
}
