import type { ParameterRecord, ParameterVersionRecord } from "@gantry/state";
import {
  ECS_IMAGES,
  IMAGE_BUILD,
  imageId,
  IMAGES_PUBLISHED_AT as PUBLISHED_AT,
  LINUX_IMAGES,
} from "../common/machine-images.ts";
import { REGIONS } from "../common/regions.ts";

/** The path of the parameters that AWS publishes. Source: "Discovering public parameters in Parameter Store". */
const PUBLIC_PATH = "/aws/service/";
/** The account whose registries and images the values name. */
const IMAGE_ACCOUNT = "906394416424";
const FLUENT_BIT = ["2.32.5", "2.34.0", "stable", "latest"];
const AGENT_VERSION = "1.98.0";

/** The services of the platform, by the names of AWS's global infrastructure. */
const SERVICES = (
  "acm application-autoscaling cloudwatch codedeploy ec2 ecr ecs efs elb iam kms logs rds s3 " +
  "secretsmanager ssm sts"
).split(" ");

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

function ecsImages(region: string): readonly Entry[] {
  return Object.entries(ECS_IMAGES).flatMap(([path, imageName]): readonly Entry[] => {
    const at = `ecs/optimized-ami/${path}/recommended`;
    const facts = {
      ecs_agent_version: AGENT_VERSION,
      ecs_runtime_version: "Docker version 25.0.8",
      image_id: imageId(region, imageName),
      image_name: imageName,
      image_version: `2023.0.${IMAGE_BUILD}`,
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
  return Object.keys(LINUX_IMAGES).map((name) => [`ami-amazon-linux-latest/${name}`, imageId(region, name)]);
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
