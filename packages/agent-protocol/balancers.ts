export interface BalancerTarget {
  readonly address: string;
  readonly port: number;
  /** Registered, and neither healthy nor unhealthy so far. One passed check makes it healthy. */
  readonly isNew: boolean;
  readonly draining: boolean;
}

export interface BalancerTargetGroup {
  readonly arn: string;
  readonly vpcId: string;
  readonly protocol: "HTTP" | "HTTPS";
  readonly healthCheck: {
    readonly enabled: boolean;
    readonly protocol: "HTTP" | "HTTPS";
    readonly port: string;
    readonly path: string;
    readonly intervalSeconds: number;
    readonly timeoutSeconds: number;
    readonly healthyThreshold: number;
    readonly unhealthyThreshold: number;
    readonly matcher: string;
  };
  readonly algorithm: "round_robin" | "least_outstanding_requests" | "weighted_random";
  readonly stickySeconds: number | undefined;
  readonly slowStartSeconds: number;
  /** Health checks leave from this address: the load balancer's own. */
  readonly sourceAddress: string;
  readonly targets: readonly BalancerTarget[];
}

export type BalancerAction =
  | {
      readonly type: "forward";
      readonly targets: readonly { readonly targetGroupArn: string; readonly weight: number }[];
      readonly stickySeconds: number | undefined;
    }
  | {
      readonly type: "redirect";
      readonly statusCode: number;
      readonly protocol: string;
      readonly host: string;
      readonly port: string;
      readonly path: string;
      readonly query: string;
    }
  | {
      readonly type: "fixed-response";
      readonly statusCode: number;
      readonly contentType: string;
      readonly body: string;
    };

export type BalancerCondition =
  | {
      readonly field: "host-header" | "path-pattern" | "http-request-method" | "source-ip";
      readonly values: readonly string[];
    }
  | { readonly field: "http-header"; readonly header: string; readonly values: readonly string[] }
  | {
      readonly field: "query-string";
      readonly pairs: readonly { readonly key: string | undefined; readonly value: string }[];
    };

export interface BalancerListener {
  readonly port: number;
  readonly tls: boolean;
  /** Certificate, chain and key in one PEM. The first certificate is the default. */
  readonly certificates: readonly { readonly names: readonly string[]; readonly pem: string }[];
  readonly rules: readonly {
    readonly conditions: readonly BalancerCondition[];
    readonly action: BalancerAction;
  }[];
  readonly defaultAction: BalancerAction;
}

export interface Balancer {
  readonly arn: string;
  readonly dnsName: string;
  readonly vpcId: string;
  readonly addresses: readonly string[];
  readonly internetFacing: boolean;
  readonly idleTimeoutSeconds: number;
  readonly listeners: readonly BalancerListener[];
}

/** All load balancers of a node: the proxy's configuration is rendered whole from it. */
export interface BalancersAssignment {
  readonly kind: "balancers";
  readonly key: "balancers";
  readonly balancers: readonly Balancer[];
  readonly targetGroups: readonly BalancerTargetGroup[];
}
