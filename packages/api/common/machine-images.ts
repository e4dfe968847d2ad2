import { createHash } from "node:crypto";

/** The build that names and parameters of images state. */
export const IMAGE_BUILD = "20260901";
/** When the images were published. They change with the platform's version alone. */
export const IMAGES_PUBLISHED_AT = Date.UTC(2026, 8, 1);

type Architecture = "x86_64" | "arm64";

/** An image as it can be named: every image is the same system, which the platform builds. */
export interface MachineImage {
  readonly id: string;
  readonly name: string;
  readonly architecture: Architecture;
  readonly owner: { readonly id: string; readonly alias: string | undefined };
  readonly rootDevice: string;
  /** Of a public parameter that names it. */
  readonly parameter: string | undefined;
}

interface Listed {
  /** What the image's id is derived from. */
  readonly key: string;
  readonly name: string;
  readonly architecture: Architecture;
  readonly owner: MachineImage["owner"];
  readonly rootDevice: string;
  readonly parameter?: string;
}

/** Source: the owners of the publishers' own images. */
const AMAZON = { id: "137112412989", alias: "amazon" };
const AMAZON_ECS = { id: "591542846629", alias: "amazon" };
const CANONICAL = { id: "099720109477", alias: undefined };
const DEBIAN = { id: "136693071363", alias: undefined };

/**
 * ECS-optimised images by the path of their parameter.
 * Source: "Retrieving Amazon ECS-optimized Linux AMI metadata".
 */
export const ECS_IMAGES: Readonly<Record<string, string>> = {
  "amazon-linux-2023": `al2023-ami-ecs-hvm-2023.0.${IMAGE_BUILD}-kernel-6.1-x86_64`,
  "amazon-linux-2023/arm64": `al2023-ami-ecs-hvm-2023.0.${IMAGE_BUILD}-kernel-6.1-arm64`,
  "amazon-linux-2": `amzn2-ami-ecs-hvm-2.0.${IMAGE_BUILD}-x86_64-ebs`,
  "amazon-linux-2/arm64": `amzn2-ami-ecs-hvm-2.0.${IMAGE_BUILD}-arm64-ebs`,
  "amazon-linux-2/gpu": `amzn2-ami-ecs-gpu-hvm-2.0.${IMAGE_BUILD}-x86_64-ebs`,
};

/** The names of parameters of Amazon Linux, and of the images that they name. */
export const LINUX_IMAGES: Readonly<Record<string, string>> = Object.fromEntries(
  (["x86_64", "arm64"] as const).flatMap((architecture) => {
    const al2023 = (kind: string, kernel: string) =>
      `al2023-ami-${kind}2023.9.${IMAGE_BUILD}.0-kernel-${kernel}-${architecture}`;
    return [
      [`al2023-ami-kernel-default-${architecture}`, al2023("", "6.12")],
      [`al2023-ami-kernel-6.1-${architecture}`, al2023("", "6.1")],
      [`al2023-ami-minimal-kernel-default-${architecture}`, al2023("minimal-", "6.12")],
      [`amzn2-ami-hvm-${architecture}-gp2`, `amzn2-ami-hvm-2.0.${IMAGE_BUILD}.0-${architecture}-gp2`],
      [
        `amzn2-ami-kernel-5.10-hvm-${architecture}-gp2`,
        `amzn2-ami-kernel-5.10-hvm-2.0.${IMAGE_BUILD}.0-${architecture}-gp2`,
      ],
      [
        `amzn2-ami-minimal-hvm-${architecture}-ebs`,
        `amzn2-ami-minimal-hvm-2.0.${IMAGE_BUILD}.0-${architecture}-ebs`,
      ],
      ...(architecture === "x86_64"
        ? [["amzn2-ami-hvm-x86_64-ebs", `amzn2-ami-hvm-2.0.${IMAGE_BUILD}.0-x86_64-ebs`]]
        : []),
    ];
  }),
);

const UBUNTU = [
  "ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04",
  "ubuntu/images/hvm-ssd/ubuntu-jammy-22.04",
  "ubuntu/images/hvm-ssd/ubuntu-focal-20.04",
];

const LISTED: readonly Listed[] = [
  ...Object.entries(LINUX_IMAGES).map(([key, name]) => ({
    ...{ key, name, owner: AMAZON, rootDevice: "/dev/xvda", architecture: architectureOf(name) },
    parameter: `/aws/service/ami-amazon-linux-latest/${key}`,
  })),
  ...Object.entries(ECS_IMAGES).map(([path, name]) => ({
    ...{ key: name, name, owner: AMAZON_ECS, rootDevice: "/dev/xvda", architecture: architectureOf(name) },
    parameter: `/aws/service/ecs/optimized-ami/${path}/recommended/image_id`,
  })),
  ...(["amd64", "arm64"] as const).flatMap((word) => {
    const architecture: Architecture = word === "amd64" ? "x86_64" : "arm64";
    const debian = ["12", "13"].map((version) => `debian-${version}-${word}-${IMAGE_BUILD}-2220`);
    return [
      ...UBUNTU.map((prefix) => {
        const name = `${prefix}-${word}-server-${IMAGE_BUILD}`;
        return { key: name, name, owner: CANONICAL, rootDevice: "/dev/sda1", architecture };
      }),
      ...debian.map((name) => ({ key: name, name, owner: DEBIAN, rootDevice: "/dev/xvda", architecture })),
    ];
  }),
];

function architectureOf(name: string): Architecture {
  return name.includes("arm64") ? "arm64" : "x86_64";
}

/** An id that is the same at every look, and another one in another region. */
export function imageId(region: string, key: string): string {
  return `ami-0${createHash("sha256").update(`${region}/${key}`).digest("hex").slice(0, 16)}`;
}

const byRegion = new Map<string, readonly MachineImage[]>();

/** The images of a region. */
export function machineImages(region: string): readonly MachineImage[] {
  let images = byRegion.get(region);
  if (images === undefined) {
    images = LISTED.map(({ key, parameter, ...image }) => ({
      ...image,
      id: imageId(region, key),
      parameter,
    }));
    byRegion.set(region, images);
  }
  return images;
}
