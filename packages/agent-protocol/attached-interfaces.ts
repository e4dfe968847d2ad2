/** A further interface of a pod: a veth pair into the VPC's bridge, as `ethN` beside the pod's own interface. */
export interface AttachedInterface {
  readonly id: string;
  readonly vpcId: string;
  readonly ip: string;
  readonly mac: string;
  /** Its router's address. */
  readonly gateway: string;
  /** The block of its subnet. */
  readonly subnet: string;
  /** N: at least 1. */
  readonly index: number;
}
