import { createHash } from "node:crypto";
import type { ParameterRecord, ParameterVersionRecord } from "@gantry/state";

/** The path of the parameters that AWS publishes. Source: "Discovering public parameters in Parameter Store". */
const PUBLIC_PATH = "/aws/service/";
/** When the values were published. They are the same for every account and change with the platform's version alone. */
const PUBLISHED_AT = Date.UTC(2026, 8, 1);
/** The account whose registries and images the values name. */
const IMAGE_ACCOUNT = "906394416424";
const FLUENT_BIT = ["2.32.5", "2.34.0", "stable", "latest"];
const AGENT_VERSION = "1.98.0";
const BUILD = "20260901";

/** Long names by region. Source: "Regions and Zones", available Regions. */
const REGIONS: Readonly<Record<string, string>> = {
  "af-south-1": "Africa (Cape Town)",
  "ap-east-1": "Asia Pacific (Hong Kong)",
  "ap-northeast-1": "Asia Pacific (Tokyo)",
  "ap-northeast-2": "Asia Pacific (Seoul)",
  "ap-northeast-3": "Asia Pacific (Osaka)",
  "ap-south-1": "Asia Pacific (Mumbai)",
  "ap-south-2": "Asia Pacific (Hyderabad)",
  "ap-southeast-1": "Asia Pacific (Singapore)",
  "ap-southeast-2": "Asia Pacific (Sydney)",
  "ap-southeast-3": "Asia Pacific (Jakarta)",
  "ap-southeast-4": "Asia Pacific (Melbourne)",
  "ca-central-1": "Canada (Central)",
  "ca-west-1": "Canada West (Calgary)",
  "eu-central-1": "Europe (Frankfurt)",
  "eu-central-2": "Europe (Zurich)",
  "eu-north-1": "Europe (Stockholm)",
  "eu-south-1": "Europe (Milan)",
  "eu-south-2": "Europe (Spain)",
  "eu-west-1": "Europe (Ireland)",
  "eu-west-2": "Europe (London)",
  "eu-west-3": "Europe (Paris)",
  "il-central-1": "Israel (Tel Aviv)",
  "me-central-1": "Middle East (UAE)",
  "me-south-1": "Middle East (Bahrain)",
  "sa-east-1": "South America (Sao Paulo)",
  "us-east-1": "US East (N. Virginia)",
  "us-east-2": "US East (Ohio)",
  "us-west-1": "US West (N. California)",
  "us-west-2": "US West (Oregon)",
};

/** The services of the platform, by the names of AWS's global infrastructure. */
const SERVICES =
  "acm application-autoscaling cloudwatch codedeploy ec2 ecr ecs efs elb iam kms logs rds s3 secretsmanager ssm sts".split(
    " ",
  );

/** ECS-optimised images by their path, with the name of the image. Source: "Retrieving Amazon ECS-optimized Linux AMI metadata". */
const ECS_IMAGES: Readonly<Record<string, string>> = {
  "amazon-linux-2023": `al2023-ami-ecs-hvm-2023.0.${BUILD}-kernel-6.1-x86_64`,
  "amazon-linux-2023/arm64": `al2023-ami-ecs-hvm-2023.0.${BUILD}-kernel-6.1-arm64`,
  "amazon-linux-2": `amzn2-ami-ecs-hvm-2.0.${BUILD}-x86_64-ebs`,
  "amazon-linux-2/arm64": `amzn2-ami-ecs-hvm-2.0.${BUILD}-arm64-ebs`,
  "amazon-linux-2/gpu": `amzn2-ami-ecs-gpu-hvm-2.0.${BUILD}-x86_64-ebs`,
};

const LINUX_IMAGES = [
  ...["x86_64", "arm64"].flatMap((architecture) => [
    `al2023-ami-kernel-default-${architecture}`,
    `al2023-ami-kernel-6.1-${architecture}`,
    `al2023-ami-minimal-kernel-default-${architecture}`,
    `amzn2-ami-hvm-${architecture}-gp2`,
    `amzn2-ami-kernel-5.10-hvm-${architecture}-gp2`,
    `amzn2-ami-minimal-hvm-${architecture}-ebs`,
  ]),
  "amzn2-ami-hvm-x86_64-ebs",
];

const byRegion = new Map<string, ReadonlyMap<string, string>>();

/** Whether a name is one of AWS's own parameters, which no account may put. */
export function isPublicName(name: string): boolean {
  return name.startsWith(PUBLIC_PATH);
}

/** The names and values of the public parameters in a region, in the order of the names. */
export function publicParameters(region: string): ReadonlyMap<string, string> {
  const known = byRegion.get(region);
  if (known !== undefined) return known;
  const entries = [
    ...ecsImages(region),
    ...linuxImages(region),
    ...fluentBit(region),
    ...infrastructure(region),
  ];
  const all = new Map(
    entries
      .map(([name, value]) => [PUBLIC_PATH + name, value] as const)
      .toSorted(([a], [b]) => (a < b ? -1 : 1)),
  );
  byRegion.set(region, all);
  return all;
}

/** A public parameter as a record; undefined where there is none of that name. */
export function publicParameter(
  region: string,
  name: string,
): { readonly parameter: ParameterRecord; readonly version: ParameterVersionRecord } | undefined {
  const value = publicParameters(region).get(name);
  if (value === undefined) return undefined;
  const arn = publicArn(region, name);
  const isImage = value.startsWith("ami-");
  return {
    parameter: { account: "", region, arn, name, version: 1, tags: {} },
    version: {
      parameterArn: arn,
      version: 1,
      type: "String",
      value,
      sealedValue: undefined,
      keyId: undefined,
      kmsKeyArn: undefined,
      description: undefined,
      allowedPattern: undefined,
      tier: "Standard",
      dataType: isImage ? "aws:ec2:image" : "text",
      labels: [],
      modifiedAt: PUBLISHED_AT,
      modifiedBy: "",
    },
  };
}

/** The ARN of a public parameter, which names no account. */
export function publicArn(region: string, name: string): string {
  return `arn:aws:ssm:${region}::parameter${name}`;
}

type Entry = readonly [name: string, value: string];

/** An id that is the same at every look, and another one in another region. */
function imageId(region: string, name: string): string {
  return `ami-0${createHash("sha256").update(`${region}/${name}`).digest("hex").slice(0, 16)}`;
}

function ecsImages(region: string): readonly Entry[] {
  return Object.entries(ECS_IMAGES).flatMap(([path, imageName]): readonly Entry[] => {
    const at = `ecs/optimized-ami/${path}/recommended`;
    const facts = {
      ecs_agent_version: AGENT_VERSION,
      ecs_runtime_version: "Docker version 25.0.8",
      image_id: imageId(region, imageName),
      image_name: imageName,
      image_version: `2023.0.${BUILD}`,
      os: path.startsWith("amazon-linux-2023") ? "Amazon Linux 2023" : "Amazon Linux 2",
      schema_version: 1,
      source_image_name: imageName.replace("-ecs", ""),
    };
    return [
      [at, JSON.stringify(facts)],
      ...Object.entries(facts).map(([name, value]): Entry => [`${at}/${name}`, String(value)]),
    ];
  });
}

function linuxImages(region: string): readonly Entry[] {
  return LINUX_IMAGES.map((name) => [`ami-amazon-linux-latest/${name}`, imageId(region, name)]);
}

function fluentBit(region: string): readonly Entry[] {
  return FLUENT_BIT.map((version) => [
    `aws-for-fluent-bit/${version}`,
    `${IMAGE_ACCOUNT}.dkr.ecr.${region}.amazonaws.com/aws-for-fluent-bit:${version}`,
  ]);
}

function infrastructure(current: string): readonly Entry[] {
  const root = "global-infrastructure";
  const regions = Object.entries({ [current]: current, ...REGIONS });
  return [
    ...regions.flatMap(([region, longName]): readonly Entry[] => [
      [`${root}/regions/${region}`, region],
      [`${root}/regions/${region}/longName`, longName],
      [`${root}/regions/${region}/domain`, "amazonaws.com"],
      [`${root}/regions/${region}/partition`, "aws"],
      [`${root}/regions/${region}/geolocationRegion`, region],
    ]),
    ...["a", "b", "c"].flatMap((letter): readonly Entry[] => {
      const zone = `${current}${letter}`;
      return [
        [`${root}/availability-zones/${zone}`, zone],
        [`${root}/regions/${current}/availability-zones/${zone}`, zone],
      ];
    }),
    ...SERVICES.flatMap((service): readonly Entry[] => [
      [`${root}/services/${service}`, service],
      [`${root}/regions/${current}/services/${service}`, service],
    ]),
  ];
}
