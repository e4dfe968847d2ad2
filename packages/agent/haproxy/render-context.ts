import type { Balancer, BalancerListener } from "@gantry/agent-protocol";

export interface RenderOptions {
  /** The path of the files' folder in the proxy. */
  readonly folder: string;
  /** The host port of a listener, or undefined where it listens only inside its VPC. */
  readonly hostPortOf: (balancer: Balancer, listener: BalancerListener) => number | undefined;
  /** Network namespaces that exist. A target group whose namespace does not is left out. */
  readonly namespaces: ReadonlySet<string>;
  /** The address that a VPC's router has for the host; undefined where it is not known. */
  readonly hostAddressOf?: (vpcId: string) => string | undefined;
  readonly connectionsMax: number;
  /** Keys of the parts that are rendered as rejected. */
  readonly leftOut?: ReadonlySet<string>;
  /**
   * Whether each line of a part ends with its key as a comment, so that an error's line identifies its part.
   */
  readonly annotate?: boolean;
}

/** The values shared while one configuration is rendered. */
export interface Context {
  readonly options: RenderOptions;
  readonly files: Record<string, string>;
  /** Target groups that have a backend. */
  readonly known: ReadonlySet<string>;
  /** Target groups whose targets see the client's address. */
  readonly preserving: ReadonlySet<string>;
  /** Target groups for which a forward has stickiness. */
  readonly keeping: ReadonlySet<string>;
}

export function isLeftOut({ options: { leftOut } }: Context, key: () => string): boolean {
  return leftOut !== undefined && leftOut.size > 0 && leftOut.has(key());
}

export function mark({ options }: Context, key: () => string, lines: readonly string[]): readonly string[] {
  if (options.annotate !== true) return lines;
  const comment = ` # ${key()}`;
  return lines.map((line) => (line === "" ? line : `${line}${comment}`));
}
