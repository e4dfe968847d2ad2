import { createHash } from "node:crypto";
import type {
  EndpointServiceRecord,
  EndpointState,
  LoadBalancerRecord,
  VpcEndpointRecord,
} from "../records.ts";
import type { Reader } from "../store.ts";

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
  const parts = endpoint.serviceName.split(".");
  // com.amazonaws.REGION.PART of AWS, com.amazonaws.vpce.REGION.ID of customers.
  const part = parts[2] === "vpce" ? parts.at(-1) : parts.slice(3).reverse().join(".");
  return `${endpoint.id}-${suffix}.${part}.${endpoint.region}.vpce.amazonaws.com`;
}

/** The names at which the resolver of the VPC answers with the interfaces of an endpoint. */
export function endpointNames(reader: Reader, endpoint: VpcEndpointRecord): readonly string[] {
  if (endpoint.type === "Gateway" || endpointState(reader, endpoint) !== "available") return [];
  return [endpointDnsName(endpoint), ...(endpoint.privateDns ? privateNamesOf(reader, endpoint) : [])];
}

/** The private names of an endpoint's service; those of a customer's service once it is verified. */
export function privateNamesOf(reader: Reader, endpoint: VpcEndpointRecord): readonly string[] {
  if (endpoint.serviceId !== undefined) {
    const name = reader.get("endpointService", endpoint.serviceId)?.privateDns;
    return name?.state === "verified" ? [name.name] : [];
  }
  const service = endpointServices(endpoint.region).find(
    (each) => each.name === endpoint.serviceName && each.type === endpoint.type,
  );
  return service?.privateNames ?? [];
}

/**
 * The state of an endpoint, and whether traffic passes: what the owner of its service has decided. Endpoints of AWS's
 * services are available. A service that is gone had rejected its endpoints.
 */
export function endpointState(
  reader: Reader,
  { id, serviceId, needsAcceptance }: Pick<VpcEndpointRecord, "id" | "serviceId" | "needsAcceptance">,
): EndpointState {
  if (serviceId === undefined) return "available";
  const service = reader.get("endpointService", serviceId);
  if (service === undefined) return "rejected";
  return service.decisions[id] ?? (needsAcceptance === true ? "pendingAcceptance" : "available");
}

/** The name of a customer's endpoint service. */
export function customServiceName({ id, region }: Pick<EndpointServiceRecord, "id" | "region">): string {
  return `com.amazonaws.vpce.${region}.${id}`;
}

/** The load balancers of a customer's service that exist, with the zones that each serves. */
export function balancersOfService(
  reader: Reader,
  service: EndpointServiceRecord,
): readonly { readonly balancer: LoadBalancerRecord; readonly zones: readonly string[] }[] {
  return service.loadBalancerArns.flatMap((arn) => {
    const balancer = reader.get("loadBalancer", arn);
    if (balancer === undefined) return [];
    const zones = balancer.subnetIds.flatMap((id) => reader.get("subnet", id)?.availabilityZone ?? []);
    return [{ balancer, zones }];
  });
}

/** An interface of an endpoint, at which the listeners of a load balancer answer. */
export interface EndpointEntry {
  readonly vpcId: string;
  readonly address: string;
}

/**
 * The interfaces of available endpoints that lead to a load balancer: each leads to the first load balancer of
 * its service that serves the zone of its subnet.
 */
export function endpointEntries(reader: Reader, balancerArn: string): readonly EndpointEntry[] {
  const services = reader
    .list("endpointService")
    .filter((service) => service.loadBalancerArns.includes(balancerArn));
  return services.flatMap((service) => {
    const balancers = balancersOfService(reader, service);
    return reader
      .list("vpcEndpoint")
      .filter(
        (endpoint) => endpoint.serviceId === service.id && endpointState(reader, endpoint) === "available",
      )
      .flatMap((endpoint) => endpoint.networkInterfaceIds)
      .flatMap((id): readonly EndpointEntry[] => {
        const eni = reader.get("networkInterface", id);
        const zone = reader.get("subnet", eni?.subnetId)?.availabilityZone;
        if (eni === undefined || zone === undefined) return [];
        const chosen = balancers.find(({ zones }) => zones.includes(zone))?.balancer;
        return chosen?.arn === balancerArn ? [{ vpcId: eni.vpcId, address: eni.privateIp }] : [];
      });
  });
}
