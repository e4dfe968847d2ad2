/** How many block devices an instance has at most, besides its root file system. */
export const DEVICES_MAX = 16;
/** The least number of an instance's loop device: programs of the machine use the numbers below. */
export const DEVICE_MINOR_MIN = 4_096;

/** The block devices of a pod's containers. */
export interface BlockDevices {
  /** The first of the `DEVICES_MAX` numbers of loop devices that are this pod's alone. */
  readonly firstMinor: number;
  readonly attached: readonly {
    readonly minor: number;
    readonly volumeId: string;
    /** The names below `/dev`, such as `xvdf`. */
    readonly names: readonly string[];
  }[];
}

/**
 * The bytes of an EBS volume or of a snapshot: a sparse file of the node's data volume. It is removed when it is
 * no longer assigned.
 */
export interface VolumeFileAssignment {
  readonly kind: "volumeFile";
  /** `volume/ID` or `snapshot/ID`. */
  readonly key: string;
  readonly bytes: number;
  /** The volume or snapshot whose bytes it begins with; absent: zeros. */
  readonly source?: string;
}

/**
 * A snapshot of the root file system of an instance: an image of the engine (`rootSnapshotImage`). It is removed when
 * it is no longer assigned.
 */
export interface RootSnapshotAssignment {
  readonly kind: "rootSnapshot";
  /** `snapshot/ID`. */
  readonly key: string;
  /** What is reported when it is there: the size of the root volume. */
  readonly bytes: number;
  /** The key of the instance whose files are copied; absent where it has ended. */
  readonly pod?: string;
  /** The snapshot that it is a copy of. */
  readonly source?: string;
}

/** The name of the engine's image that a snapshot of a root file system is. */
export function rootSnapshotImage(snapshotId: string): string {
  return `gantry/root-snapshot:${snapshotId}`;
}
