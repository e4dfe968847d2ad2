import { createHash } from "node:crypto";
import type { VpcEndpointRecord } from "../records.ts";

/** A service that a VPC can have an endpoint for. */
export interface EndpointService {
  readonly name: string;
  readonly id: string;
  readonly type: "Gateway" | "Interface";
  /** Names that private DNS answers inside the VPC; a leading `*.` stands for one label or more. */
  readonly privateNames: readonly string[];
}

const GATEWAYS = ["s3", "dynamodb"];
/** Services by the last part of their endpoint's name, with the names of their hosts before `REGION.amazonaws.com`. */
const INTERFACES: Readonly<Record<string, readonly string[]>> = {
  "application-autoscaling": ["application-autoscaling"],
  codedeploy: ["codedeploy"],
  ec2: ["ec2"],
  ec2messages: ["ec2messages"],
  "ecr.api": ["api.ecr"],
  "ecr.dkr": ["*.dkr.ecr"],
  ecs: ["ecs"],
  "ecs-agent": ["ecs-a"],
  "ecs-telemetry": ["ecs-t"],
  elasticfilesystem: ["elasticfilesystem"],
  elasticloadbalancing: ["elasticloadbalancing"],
  events: ["events"],
  kms: ["kms"],
  logs: ["logs"],
  monitoring: ["monitoring"],
  rds: ["rds"],
  s3: ["s3", "*.s3"],
  secretsmanager: ["secretsmanager"],
  sns: ["sns"],
  sqs: ["sqs"],
  ssm: ["ssm"],
  ssmmessages: ["ssmmessages"],
  sts: ["sts"],
};
/**
 * Services that Gantry does not have, whose endpoints stacks make all the same. A request to one is answered as a
 * request to an unknown service. The others below have a host of the endpoint's own name.
 */
const OTHER_HOSTS: Readonly<Record<string, readonly string[]>> = {
  "codeartifact.api": ["codeartifact"],
  "codeartifact.repositories": ["*.d.codeartifact"],
  "execute-api": ["*.execute-api"],
  "kinesis-firehose": ["firehose"],
  "kinesis-streams": ["kinesis"],
  "sagemaker.api": ["api.sagemaker"],
  "sagemaker.runtime": ["runtime.sagemaker"],
  servicediscovery: ["servicediscovery", "data-servicediscovery"],
  states: ["states", "sync-states"],
};
const OTHERS = [
  ...["access-analyzer", "acm-pca", "appmesh", "appmesh-envoy-management", "apprunner", "aps", "athena"],
  ...["autoscaling", "autoscaling-plans", "backup", "batch", "bedrock", "bedrock-agent"],
  ...["bedrock-agent-runtime", "bedrock-runtime", "cassandra", "cloudformation", "cloudtrail", "codebuild"],
  ...["codecommit", "codepipeline", "comprehend", "config", "datasync", "dms", "ebs", "eks", "eks-auth"],
  ...["elasticache", "elasticbeanstalk", "elasticmapreduce", "email-smtp", "emr-containers", "fsx"],
  ...["git-codecommit", "glue", "guardduty-data", "imagebuilder", "inspector2", "lakeformation", "lambda"],
  ...["license-manager", "macie2", "memory-db", "polly", "rds-data", "redshift", "redshift-data"],
  ...["rekognition", "resource-groups", "rolesanywhere", "route53resolver", "scheduler", "securityhub"],
  ...["servicecatalog", "storagegateway", "synthetics", "tagging", "textract", "transcribe", "transfer"],
  ...["translate", "wafv2", "xray"],
];

/** The services of a region. Source: AWS PrivateLink Guide, "AWS services that integrate with AWS PrivateLink". */
export function endpointServices(region: string): readonly EndpointService[] {
  const service = (
    type: EndpointService["type"],
    part: string,
    hosts: readonly string[],
  ): EndpointService => {
    const name = `com.amazonaws.${region}.${part}`;
    const id = createHash("sha256").update(`${type}/${name}`).digest("hex").slice(0, 17);
    return {
      name,
      id: `vpce-svc-${id}`,
      type,
      privateNames: hosts.map((host) => `${host}.${region}.amazonaws.com`),
    };
  };
  return [
    ...GATEWAYS.map((part) => service("Gateway", part, [])),
    ...Object.entries({ ...INTERFACES, ...OTHER_HOSTS }).map(([part, hosts]) =>
      service("Interface", part, hosts),
    ),
    ...OTHERS.map((part) => service("Interface", part, [part])),
  ];
}

/** The name that an interface endpoint itself has. */
export function endpointDnsName(endpoint: {
  readonly id: string;
  readonly region: string;
  readonly serviceName: string;
}): string {
  const suffix = createHash("sha256").update(endpoint.id).digest("hex").slice(0, 8);
  const part = endpoint.serviceName.split(".").slice(3).reverse().join(".");
  return `${endpoint.id}-${suffix}.${part}.${endpoint.region}.vpce.amazonaws.com`;
}

/** The names at which the resolver of the VPC answers with the interfaces of an endpoint. */
export function endpointNames(endpoint: VpcEndpointRecord): readonly string[] {
  if (endpoint.type === "Gateway") return [];
  const service = endpointServices(endpoint.region).find(
    (each) => each.name === endpoint.serviceName && each.type === endpoint.type,
  );
  return [endpointDnsName(endpoint), ...(endpoint.privateDns ? (service?.privateNames ?? []) : [])];
}
