import type { Placed, Tags } from "./common.ts";

export interface LoadBalancerRecord extends Placed {
  readonly arn: string;
  readonly name: string;
  /** Absent: an application load balancer. */
  readonly type?: "network" | undefined;
  /** The node whose proxy serves it; absent in older records: the node that registered first. */
  readonly nodeId?: string | undefined;
  readonly dnsName: string;
  readonly scheme: "internet-facing" | "internal";
  readonly vpcId: string;
  readonly subnetIds: readonly string[];
  readonly securityGroups: readonly string[];
  readonly networkInterfaceIds: readonly string[];
  /** Of network load balancers: the allocations and addresses that the caller chose, by subnet. */
  readonly mappings?: Readonly<Record<string, SubnetMappingRecord>> | undefined;
  /** Capacity units that are reserved; recorded. */
  readonly capacityUnits?: number | undefined;
  /** Whether security groups bind clients that come through endpoints; absent: they do. */
  readonly privateLinkRules?: "on" | "off" | undefined;
  readonly attributes: Readonly<Record<string, string>>;
  /** ← the node's report: provisioning until the data plane answers, impaired while it leaves a part out. */
  readonly state: "provisioning" | "active" | "active_impaired";
  /** ← the node's report: which parts are left out and why. */
  readonly stateReason?: string | undefined;
  /** ← the certificate controller: the platform's certificate for `dnsName`, while a listener speaks HTTPS. */
  readonly ownCertificate?: OwnCertificateRecord | undefined;
  /** ← the node's report: the host port at which each listener port answers. */
  readonly hostPorts: Readonly<Record<string, number>>;
  readonly createdAt: number;
  readonly tags: Tags;
}

export interface SubnetMappingRecord {
  readonly allocationId: string | undefined;
  readonly privateIp: string | undefined;
}

/** PEM; the key is sealed by the vault. Times in ms since the epoch. */
export interface OwnCertificateRecord {
  readonly certificatePem: string;
  readonly chainPem: string;
  readonly sealedKey: string;
  readonly notAfter: number;
}

/** Signs users in at an OpenID Connect issuer before the next action. Source: API_AuthenticateOidcActionConfig. */
export interface AuthenticationRecord {
  readonly type: "authenticate-oidc";
  readonly issuer: string;
  readonly authorizationEndpoint: string;
  readonly tokenEndpoint: string;
  readonly userInfoEndpoint: string;
  readonly clientId: string;
  readonly sealedClientSecret: string;
  readonly sessionCookieName: string;
  readonly scope: string;
  readonly sessionTimeoutSeconds: number;
  readonly extraParams: Readonly<Record<string, string>>;
  readonly onUnauthenticatedRequest: "authenticate" | "allow" | "deny";
  /** The key of the sessions' cookies: 32 bytes in base64url. */
  readonly sealedSessionKey: string;
  /** The P-256 key that signs what targets are told of users: PKCS #8 in PEM, its public key, and its id. */
  readonly sealedSigningKey: string;
  readonly signingKeyPem: string;
  readonly signingKeyId: string;
}

/** What a listener or a rule does with a request. */
export type ActionRecord = (
  | AuthenticationRecord
  | {
      readonly type: "forward";
      readonly targets: readonly { readonly targetGroupArn: string; readonly weight: number }[];
      readonly stickySeconds: number | undefined;
    }
  | {
      readonly type: "redirect";
      readonly statusCode: "HTTP_301" | "HTTP_302";
      readonly protocol: string;
      readonly host: string;
      readonly port: string;
      readonly path: string;
      readonly query: string;
    }
  | {
      readonly type: "fixed-response";
      readonly statusCode: string;
      readonly contentType: string;
      readonly body: string;
    }
) & {
  /** As the caller gave it; absent: 1. */
  readonly order?: number;
};

export type RuleConditionRecord =
  | { readonly field: "http-request-method" | "source-ip"; readonly values: readonly string[] }
  | {
      readonly field: "host-header" | "path-pattern";
      readonly values: readonly string[];
      /** Regular expressions: one of these or of `values` must match. */
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

export interface ListenerRecord extends Placed {
  readonly arn: string;
  readonly loadBalancerArn: string;
  readonly port: number;
  readonly protocol: "HTTP" | "HTTPS" | "TCP" | "TLS";
  readonly certificates: readonly string[];
  readonly sslPolicy: string | undefined;
  readonly alpnPolicy?: string | undefined;
  readonly mutual?: MutualAuthenticationRecord | undefined;
  readonly attributes?: Readonly<Record<string, string>> | undefined;
  readonly defaultActions: readonly ActionRecord[];
  readonly tags: Tags;
}

export type MutualAuthenticationRecord =
  | { readonly mode: "passthrough" }
  | {
      readonly mode: "verify";
      readonly trustStoreArn: string;
      readonly ignoresExpiry: boolean;
      readonly advertises: boolean;
    };

/** Certificate authorities that sign clients' certificates, and the certificates that they have revoked. */
export interface TrustStoreRecord extends Placed {
  readonly arn: string;
  readonly name: string;
  /** PEM: the bundle as it was read from S3. */
  readonly bundle: string;
  readonly certificateCount: number;
  /** PEM, by the id of the revocation. */
  readonly revocations: Readonly<Record<string, { readonly pem: string; readonly count: number }>>;
  readonly createdAt: number;
  readonly tags: Tags;
}

export interface RuleRecord extends Placed {
  readonly arn: string;
  readonly listenerArn: string;
  readonly priority: number;
  readonly conditions: readonly RuleConditionRecord[];
  readonly actions: readonly ActionRecord[];
  readonly transforms?: readonly TransformRecord[] | undefined;
  readonly tags: Tags;
}

/** What a rule changes in a request before it is forwarded: matches of the expression are replaced. */
export interface TransformRecord {
  readonly type: "host-header-rewrite" | "url-rewrite";
  readonly regex: string;
  /** `$1` and so on are the groups of the expression. */
  readonly replace: string;
}

export type ProtocolVersion = "HTTP1" | "HTTP2" | "GRPC";

export interface TargetGroupRecord extends Placed {
  readonly arn: string;
  readonly name: string;
  readonly protocol: "HTTP" | "HTTPS" | "TCP" | "TLS";
  /** Absent: HTTP1. */
  readonly protocolVersion?: ProtocolVersion | undefined;
  readonly port: number;
  readonly vpcId: string;
  readonly targetType: "ip" | "instance" | "alb";
  readonly healthCheck: {
    readonly enabled: boolean;
    readonly protocol: "HTTP" | "HTTPS" | "TCP";
    readonly port: string;
    /** Path and matcher are empty where the protocol is TCP. */
    readonly path: string;
    readonly intervalSeconds: number;
    readonly timeoutSeconds: number;
    readonly healthyThreshold: number;
    readonly unhealthyThreshold: number;
    /** HTTP status codes, or gRPC status codes if the protocol version is GRPC. */
    readonly matcher: string;
  };
  readonly attributes: Readonly<Record<string, string>>;
  readonly createdAt: number;
  readonly tags: Tags;
}

export type TargetState = "initial" | "healthy" | "unhealthy" | "unused" | "draining";

/** One address and port in a target group; the address of a load balancer is its ARN. Key: `GROUP-ARN|ADDRESS|PORT`. */
export interface TargetRecord {
  readonly targetGroupArn: string;
  readonly address: string;
  readonly port: number;
  readonly taskArn: string | undefined;
  /** The EC2 instance that is registered by its id, in a group of instances. */
  readonly instanceId?: string | undefined;
  /** When it began to drain; undefined if it is registered. ← the operation that deregistered it. */
  readonly drainingSince: number | undefined;
  /** ← the target controller, from the data plane's checks. */
  readonly state: TargetState;
  readonly reason: string | undefined;
  readonly description: string | undefined;
  readonly registeredAt: number;
}
