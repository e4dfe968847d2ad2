import type { Balancer, BalancerListener } from "@gantry/agent-protocol";

export interface RenderOptions {
  /** The folder of the files, as the proxy sees it. */
  readonly folder: string;
  /** The host port at which a listener answers, or undefined where it answers inside its VPC only. */
  readonly hostPortOf: (balancer: Balancer, listener: BalancerListener) => number | undefined;
  /** Network namespaces that exist. A target group whose namespace does not is left out. */
  readonly namespaces: ReadonlySet<string>;
  readonly connectionsMax: number;
  /** Keys of the parts that are rendered as rejected. */
  readonly leftOut?: ReadonlySet<string>;
  /** Ends each line of a part with its key as a comment, so that an error's line names its part. */
  readonly annotate?: boolean;
}

/** What is shared while one configuration is rendered. */
export interface Context {
  readonly options: RenderOptions;
  readonly files: Record<string, string>;
  /** Target groups that have a backend. */
  readonly known: ReadonlySet<string>;
  /** Target groups of which a forward keeps its clients. */
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
