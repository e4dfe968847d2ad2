export interface BalancerTarget {
  readonly address: string;
  readonly port: number;
  /** Registered, and neither healthy nor unhealthy so far. One passed check makes it healthy. */
  readonly isNew: boolean;
  readonly draining: boolean;
}

/** A target that a network load balancer connects to with its clients' addresses. */
export interface ClientTarget {
  readonly address: string;
  readonly port: number;
  /** The security groups of the load balancer. */
  readonly groups: readonly string[];
}

export interface BalancerTargetGroup {
  readonly arn: string;
  readonly vpcId: string;
  readonly protocol: "HTTP" | "HTTPS" | "TCP" | "TLS";
  /** HTTP1 where it is absent. */
  readonly protocolVersion?: "HTTP1" | "HTTP2" | "GRPC";
  readonly healthCheck: {
    readonly enabled: boolean;
    readonly protocol: "HTTP" | "HTTPS" | "TCP";
    readonly port: string;
    readonly path: string;
    readonly intervalSeconds: number;
    readonly timeoutSeconds: number;
    readonly healthyThreshold: number;
    readonly unhealthyThreshold: number;
    /** HTTP status codes, or gRPC status codes where the protocol version is GRPC. */
    readonly matcher: string;
  };
  /** Targets are told the client's address by the proxy protocol, version 2. */
  readonly proxyProtocol?: boolean;
  /** Connections to targets of the VPC have the client's address as their source. */
  readonly preservesClients?: boolean;
  /** Connections to a target end when it becomes unhealthy. */
  readonly endsUnhealthy?: boolean;
  /** Connections from one address go to one target. */
  readonly stickySource?: boolean;
  readonly algorithm: "round_robin" | "least_outstanding_requests" | "weighted_random";
  readonly stickySeconds: number | undefined;
  /** The application's cookie without which a request is not kept at a target; absent: every client is kept. */
  readonly stickyCookie?: string;
  readonly slowStartSeconds: number;
  /** Health checks leave from this address: the load balancer's own. */
  readonly sourceAddress: string;
  /** How long a target may be silent, in seconds: the load balancer's `idle_timeout.timeout_seconds`. */
  readonly idleTimeoutSeconds?: number;
  /** The VPC's blocks. A target's address is in one of them or in a private range. */
  readonly vpcCidrs?: readonly string[];
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

/** How the users of a rule sign in. Secrets are in the clear. */
export interface BalancerAuthentication {
  readonly issuer: string;
  readonly authorizationEndpoint: string;
  readonly tokenEndpoint: string;
  readonly userInfoEndpoint: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly sessionCookieName: string;
  readonly scope: string;
  readonly sessionTimeoutSeconds: number;
  readonly extraParams: Readonly<Record<string, string>>;
  readonly onUnauthenticatedRequest: "authenticate" | "allow" | "deny";
  /** 32 bytes in base64url. */
  readonly sessionKey: string;
  /** PKCS #8 in PEM. */
  readonly signingKey: string;
  readonly signingKeyId: string;
}

export type BalancerCondition =
  | { readonly field: "http-request-method" | "source-ip"; readonly values: readonly string[] }
  | {
      readonly field: "host-header" | "path-pattern";
      readonly values: readonly string[];
      /** Regular expressions: one of them or of the values matches. */
      readonly regexValues?: readonly string[] | undefined;
    }
  | {
      readonly field: "http-header";
      readonly header: string;
      readonly values: readonly string[];
      readonly regexValues?: readonly string[] | undefined;
    }
  | {
      readonly field: "query-string";
      readonly pairs: readonly { readonly key: string | undefined; readonly value: string }[];
    };

export interface BalancerListener {
  /** The last part of the listener's ARN, for logs. */
  readonly id?: string | undefined;
  readonly port: number;
  readonly tls: boolean;
  /** Certificate, chain and key in one PEM. The first certificate is the default. */
  readonly certificates: readonly {
    readonly names: readonly string[];
    readonly pem: string;
    /** The certificate's ARN, for access logs; absent: a certificate of the platform. */
    readonly arn?: string | undefined;
  }[];
  /** The application protocols that a network load balancer negotiates with TLS clients. */
  readonly alpn?: readonly string[];
  /** How long a connection of a network load balancer may be silent, in seconds. */
  readonly idleSeconds?: number;
  /** What is asked of clients' certificates; nothing where it is absent. */
  readonly mutual?: BalancerMutualTls | undefined;
  /** What the listener's attributes change in the headers of requests and responses. */
  readonly headers?: BalancerHeaders | undefined;
  /** TLS versions and ciphers of the listener's security policy. */
  readonly security?: BalancerSecurity | undefined;
  readonly rules: readonly BalancerRule[];
  readonly defaultAction: BalancerAction;
  /** Precedes the default action. */
  readonly defaultAuthentication?: BalancerAuthentication | undefined;
}

/** Names of the headers that tell targets of a client's certificate; the initial ones where they are absent. */
export type MutualHeaderNames = Readonly<
  Partial<Record<"certificate" | "serialNumber" | "issuer" | "subject" | "validity" | "leaf", string>>
>;

export type BalancerMutualTls =
  | { readonly mode: "passthrough"; readonly headerNames: MutualHeaderNames }
  | {
      readonly mode: "verify";
      /** The certificates and revocation lists of the trust store. `crlPem` is empty where there are none. */
      readonly caPem: string;
      readonly crlPem: string;
      readonly ignoresExpiry: boolean;
      /** Whether the names of the authorities are sent to clients. */
      readonly advertises: boolean;
      readonly headerNames: MutualHeaderNames;
    };

/** What a listener's attributes say of headers. Names are undefined where they are the initial ones. */
export interface BalancerHeaders {
  /** Whether responses may have a Server header. */
  readonly server: boolean;
  /** Set in every response. */
  readonly responses: readonly { readonly name: string; readonly value: string }[];
  readonly tlsVersionName: string | undefined;
  readonly tlsCipherName: string | undefined;
}

export interface BalancerRule {
  readonly priority?: number;
  readonly conditions: readonly BalancerCondition[];
  readonly action: BalancerAction;
  /** Precedes the action. */
  readonly authentication?: BalancerAuthentication | undefined;
  readonly transforms?: readonly BalancerTransform[] | undefined;
}

/** What a rule changes of a request before it forwards it: what the expression matches becomes the replacement. */
export interface BalancerTransform {
  readonly type: "host-header-rewrite" | "url-rewrite";
  readonly regex: string;
  /** `$1` and so on are the groups of the expression. */
  readonly replace: string;
}

/** What a security policy permits. `ciphers` are OpenSSL's names, for versions before TLS 1.3. */
export interface BalancerSecurity {
  readonly versionMin: "TLSv1.2" | "TLSv1.3";
  readonly versionMax: "TLSv1.2" | "TLSv1.3";
  readonly ciphers: readonly string[];
}

/** Clients that a rule of the load balancer's security groups lets in. */
export interface BalancerClientRule {
  readonly cidr: string;
  readonly fromPort: number;
  readonly toPort: number;
}

export interface Balancer {
  readonly arn: string;
  readonly dnsName: string;
  readonly vpcId: string;
  readonly addresses: readonly string[];
  readonly internetFacing: boolean;
  /** Whether it passes connections on instead of requests. */
  readonly isNetwork?: boolean;
  readonly idleTimeoutSeconds: number;
  /** How long a client's connection lives at most, in seconds: `client_keep_alive.seconds`. */
  readonly clientKeepAliveSeconds?: number;
  /** Clients that the security groups let in by address. Undefined lets all in. */
  readonly clientRules?: readonly BalancerClientRule[];
  /** Interfaces of endpoints in other VPCs at which the listeners answer as well; none where it is absent. */
  readonly endpoints?: readonly BalancerEndpoint[];
  /** Whether `clientRules` bind clients that come through endpoints. */
  readonly bindsEndpoints?: boolean;
  /** AWS's initial values where it is absent. */
  readonly requests?: BalancerRequests;
  /** Which logs the load balancer writes to S3; none where it is absent. */
  readonly logs?: BalancerLogs | undefined;
  readonly listeners: readonly BalancerListener[];
}

export interface BalancerEndpoint {
  readonly vpcId: string;
  readonly address: string;
}

/** A log that a load balancer writes: a line for each request, or a line for each connection. */
export type BalancerLogKind = "access" | "connection";

export interface BalancerLogs {
  readonly access: boolean;
  readonly connection: boolean;
}

/** How requests are taken and passed on: the load balancer's `routing.…` attributes. */
export interface BalancerRequests {
  readonly http2: boolean;
  /** Header fields whose names have other characters than letters, digits and hyphens are removed. */
  readonly dropsInvalidHeaders: boolean;
  readonly forwardedFor: "append" | "preserve" | "remove";
  readonly forwardsClientPort: boolean;
  /** Targets are told the TLS version and cipher of the client's connection. */
  readonly tellsTls: boolean;
}

/** All load balancers of a node: the proxy's configuration is rendered whole from it. */
export interface BalancersAssignment {
  readonly kind: "balancers";
  readonly key: "balancers";
  readonly balancers: readonly Balancer[];
  readonly targetGroups: readonly BalancerTargetGroup[];
}
