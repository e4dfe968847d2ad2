/** What an instance type has. */
export interface InstanceSize {
  readonly name: string;
  readonly vcpus: number;
  readonly memoryMiB: number;
  readonly architecture: "x86_64" | "arm64";
  readonly isBurstable: boolean;
}

const GIB = 1_024;
/** Sizes of the burstable families, by their name: vCPUs and GiB. */
const BURSTABLE = {
  nano: [2, 0.5],
  micro: [2, 1],
  small: [2, 2],
  medium: [2, 4],
  large: [2, 8],
  xlarge: [4, 16],
  "2xlarge": [8, 32],
} as const;
/** The first burstable generation has fewer vCPUs. */
const T2 = { ...BURSTABLE, nano: [1, 0.5], micro: [1, 1], small: [1, 2] } as const;
/** vCPUs of the sizes of other families. */
const SIZES = { medium: 1, large: 2, xlarge: 4, "2xlarge": 8, "4xlarge": 16, "8xlarge": 32 } as const;
/** GiB for each vCPU, by the letter of the family. */
const MEMORY_RATIO: Readonly<Record<string, number>> = { c: 2, m: 4, r: 8 };
const FIXED_FAMILIES =
  "c5 c5a c6a c6i c6g c7a c7i c7g c8g m5 m5a m6a m6i m6g m7a m7i m7g m8g r5 r5a r6a r6i r6g r7a r7i r7g r8g".split(
    " ",
  );

/**
 * The instance types, by their names.
 * Source: Amazon EC2 Instance Types Guide, "Specifications for Amazon EC2 instance types".
 */
export const INSTANCE_SIZES: ReadonlyMap<string, InstanceSize> = new Map(
  [
    ...Object.entries(T2).map((size) => burstable("t2", size)),
    ...["t3", "t3a", "t4g"].flatMap((family) =>
      Object.entries(BURSTABLE).map((size) => burstable(family, size)),
    ),
    ...FIXED_FAMILIES.flatMap((family) =>
      Object.entries(SIZES)
        // Only those with Graviton processors have this size.
        .filter(([size]) => size !== "medium" || family.endsWith("g"))
        .map(([size, vcpus]) => ({
          name: `${family}.${size}`,
          vcpus,
          memoryMiB: vcpus * (MEMORY_RATIO[family.slice(0, 1)] ?? 4) * GIB,
          architecture: architectureOf(family),
          isBurstable: false,
        })),
    ),
  ].map((size) => [size.name, size]),
);

function burstable(
  family: string,
  [size, [vcpus, gib]]: readonly [string, readonly [number, number]],
): InstanceSize {
  const architecture = architectureOf(family);
  return { name: `${family}.${size}`, vcpus, memoryMiB: gib * GIB, architecture, isBurstable: true };
}

function architectureOf(family: string): InstanceSize["architecture"] {
  return family.endsWith("g") ? "arm64" : "x86_64";
}

/** What a type has. A type of an earlier version that is not listed any more has two vCPUs and 4 GiB. */
export function instanceSize(name: string): InstanceSize {
  return (
    INSTANCE_SIZES.get(name) ?? {
      ...{ name, vcpus: 2, memoryMiB: 4 * GIB, architecture: "x86_64", isBurstable: false },
    }
  );
}
