import type { VpcAssignment } from "@gantry/agent-protocol";
import { cidrContains, parseCidr, parseIp } from "@gantry/kernel";
import { SERVICES_ADDRESS } from "../network/transit.ts";

/** The answer of a VPC's own zone; `undefined` means that the query is forwarded. */
export type ZoneAnswer =
  | { readonly type: "addresses"; readonly addresses: readonly string[]; readonly ttlSeconds: number }
  | { readonly type: "none" }
  | undefined;

/**
 * Host labels of the AWS services that Gantry implements; `X.REGION.amazonaws.com` and deeper names of these
 * resolve to Gantry.
 */
const SERVICE_LABELS = new Set(
  (
    "ecs ecr elasticloadbalancing ec2 iam sts s3 elasticfilesystem rds logs stream-logs monitoring acm ssm " +
    "secretsmanager kms codedeploy route53 application-autoscaling autoscaling servicediscovery events " +
    "data-servicediscovery cloudformation sns sqs dynamodb lambda"
  ).split(" "),
);
const NAME_TTL_SECONDS = 10;
const SERVICE_TTL_SECONDS = 60;

/** Resolves a name inside a VPC: its own names first, then host names of addresses, then the AWS services. */
export function lookUp(vpc: VpcAssignment, queried: string): ZoneAnswer {
  const name = queried.toLowerCase().replace(/\.$/, "");
  const own = vpc.names[name] ?? vpc.names[name.replace(/^[^.]+/, "*")];
  if (own !== undefined) return { type: "addresses", addresses: own, ttlSeconds: NAME_TTL_SECONDS };
  const byAddress = /^ip-(\d+)-(\d+)-(\d+)-(\d+)\.(?:[a-z0-9-]+\.compute|ec2)\.internal$/.exec(name);
  if (byAddress !== null) {
    const address = byAddress.slice(1, 5).join(".");
    return vpc.interfaces.some((eni) => eni.ip === address) || isInBlocks(address, vpc.hostNameBlocks)
      ? { type: "addresses", addresses: [address], ttlSeconds: SERVICE_TTL_SECONDS }
      : { type: "none" };
  }
  if (isServiceName(name))
    return { type: "addresses", addresses: [SERVICES_ADDRESS], ttlSeconds: SERVICE_TTL_SECONDS };
  return name.endsWith(".internal") || name.endsWith(".elb.localhost") || name.endsWith(".rds.amazonaws.com")
    ? { type: "none" }
    : undefined;
}

/** Host names of a peer have the address that they spell. */
function isInBlocks(address: string, blocks: readonly string[] = []): boolean {
  const base = parseIp(address);
  return blocks.some((each) => {
    const block = parseCidr(each);
    return block !== undefined && base !== undefined && cidrContains(block, { base, prefix: 32 });
  });
}

/**
 * `s3.amazonaws.com`, `ecs.eu-south-1.amazonaws.com`, `BUCKET.s3.REGION.amazonaws.com`,
 * `ACCOUNT.dkr.ecr.REGION.amazonaws.com`, `api.ecr.…`.
 */
export function isServiceName(name: string): boolean {
  if (!name.endsWith(".amazonaws.com") && !name.endsWith(".api.aws")) return false;
  if (name.startsWith("public-keys.auth.elb.")) return true;
  return name.split(".").some((label) => SERVICE_LABELS.has(label.replace(/^(s3)-.*$/, "$1")));
}
