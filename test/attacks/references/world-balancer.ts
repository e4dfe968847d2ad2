import { newAuthority, openAuthority } from "@gantry/tls";
import type { Defaults, Send, Target } from "./targets.ts";
import { regional } from "./targets.ts";
import type { Network } from "./world-network.ts";
import type { ReferenceKind } from "./rules.ts";

const TRUST_BUCKET = "trusted-authorities";

type First = (operation: string, input: object, list: string, member: string) => Promise<string>;

async function createTrustStore(send: Send, first: First): Promise<string> {
  const { caPem } = openAuthority(await newAuthority(Date.now()));
  await send("s3", "CreateBucket", { Bucket: TRUST_BUCKET });
  await send("s3", "PutObject", { Bucket: TRUST_BUCKET, Key: "ca.pem", Body: caPem });
  const bundle = { CaCertificatesBundleS3Bucket: TRUST_BUCKET, CaCertificatesBundleS3Key: "ca.pem" };
  return first("CreateTrustStore", { Name: "prod", ...bundle }, "TrustStores", "TrustStoreArn");
}

/**
 * A load balancer with a listener and a rule, a target group and a trust store. An ARN is the only spelling
 * of each.
 */
export async function createBalancer(
  send: Send,
  { vpcId, subnetIds }: Network,
): Promise<{ readonly targets: readonly Target[]; readonly defaults: Defaults }> {
  const first: First = async (operation, input, list, member) => {
    const answer = await send("elbv2", operation, input);
    return String((answer[list] as readonly Record<string, unknown>[])[0]?.[member]); // As answered.
  };
  const fixed = [{ Type: "fixed-response", FixedResponseConfig: { StatusCode: "200" } }];
  const balancer = { Name: "prod", Subnets: subnetIds.slice(0, 2) };
  const LoadBalancerArn = await first("CreateLoadBalancer", balancer, "LoadBalancers", "LoadBalancerArn");
  const listener = { LoadBalancerArn, Protocol: "HTTP", Port: 80, DefaultActions: fixed };
  const ListenerArn = await first("CreateListener", listener, "Listeners", "ListenerArn");
  const group = { Name: "prod", Protocol: "HTTP", Port: 80, TargetType: "ip", VpcId: vpcId };
  const TargetGroupArn = await first("CreateTargetGroup", group, "TargetGroups", "TargetGroupArn");
  const Conditions = [{ Field: "path-pattern", Values: ["/a"] }];
  const rule = { ListenerArn, Priority: 1, Conditions, Actions: fixed };
  const RuleArn = await first("CreateRule", rule, "Rules", "RuleArn");
  const TrustStoreArn = await createTrustStore(send, first);
  const parts = { LoadBalancerArn, ListenerArn, RuleArn, TargetGroupArn, TrustStoreArn };
  return {
    targets: targetsOf(parts),
    defaults: {
      ...parts,
      Subnets: subnetIds.slice(0, 2),
      "CreateListener.Protocol": "HTTP",
      "CreateListener.Port": 81,
      DefaultActions: fixed,
      Actions: fixed,
      Conditions: [{ Field: "path-pattern", Values: ["/b"] }],
      Priority: 2,
      RulePriorities: [{ RuleArn, Priority: 3 }],
      Tags: [{ Key: "a", Value: "b" }],
      TagKeys: ["a"],
      Attributes: [],
      Targets: [{ Id: subnetIds.length > 0 ? "172.31.0.9" : "" }],
      SecurityGroups: [],
      IpAddressType: "ipv4",
      RevocationIds: [],
      CaCertificatesBundleS3Bucket: TRUST_BUCKET,
      CaCertificatesBundleS3Key: "ca.pem",
      "CreateTrustStore.Name": "other",
    },
  };
}

function targetsOf(parts: Readonly<Record<string, string>>): readonly Target[] {
  const of = (kind: ReferenceKind, member: string, type: string): Target => {
    const arn = parts[member] ?? "";
    return { kind, arns: [arn], family: regional("elasticloadbalancing", `${type}/*`), spellings: [arn] };
  };
  const each = [
    of("loadBalancer", "LoadBalancerArn", "loadbalancer"),
    of("listener", "ListenerArn", "listener"),
    of("rule", "RuleArn", "listener-rule"),
    of("targetGroup", "TargetGroupArn", "targetgroup"),
    of("trustStore", "TrustStoreArn", "truststore"),
  ];
  return [...each, ...each.map((target) => ({ ...target, kind: "balancerPart" as const }))];
}
