import type { Placed } from "./common.ts";

/** A header, a parameter of the query, or a member of the body that a connection adds to requests. */
export interface ConnectionParameter {
  readonly key: string;
  /** Undefined: the value is in the connection's secret alone. */
  readonly value: string | undefined;
}

/** What a connection adds to requests, without secret values. */
export interface ConnectionParameters {
  readonly headers: readonly ConnectionParameter[];
  readonly query: readonly ConnectionParameter[];
  readonly body: readonly ConnectionParameter[];
}

/** How a connection authorizes requests, without its secrets. */
export type ConnectionAuthorization =
  | { readonly type: "BASIC"; readonly username: string }
  | { readonly type: "API_KEY"; readonly name: string }
  | {
      readonly type: "OAUTH_CLIENT_CREDENTIALS";
      readonly clientId: string;
      readonly endpoint: string;
      readonly method: "GET" | "POST" | "PUT";
      readonly parameters: ConnectionParameters;
    };

/** A connection of EventBridge. Its secrets are in a secret of Secrets Manager that EventBridge owns. Key: the ARN. */
export interface EventConnectionRecord extends Placed {
  readonly arn: string;
  readonly name: string;
  readonly description: string | undefined;
  readonly authorization: ConnectionAuthorization;
  readonly parameters: ConnectionParameters;
  /** The KMS key of the secret as the caller named it; undefined: Secrets Manager's own. */
  readonly kmsKeyId: string | undefined;
  /** Undefined: deauthorized. */
  readonly secretArn: string | undefined;
  /** AUTHORIZING ← api, or the delivery controller for a token that is refused; else ← the connection controller. */
  readonly state: "AUTHORIZING" | "AUTHORIZED" | "DEAUTHORIZED";
  readonly stateReason?: string;
  /** The token that the authorization endpoint gave, sealed by the vault. ← the connection controller. */
  readonly token?: { readonly sealedValue: string; readonly expiresAt: number | undefined };
  readonly createdAt: number;
  readonly modifiedAt: number;
  readonly authorizedAt?: number;
}

/** An HTTP endpoint that rules invoke. Key: the ARN. */
export interface ApiDestinationRecord extends Placed {
  readonly arn: string;
  readonly name: string;
  readonly description: string | undefined;
  readonly connectionArn: string;
  readonly endpoint: string;
  readonly method: "GET" | "HEAD" | "POST" | "OPTIONS" | "PUT" | "DELETE" | "PATCH";
  readonly ratePerSecond: number;
  readonly createdAt: number;
  readonly modifiedAt: number;
}
