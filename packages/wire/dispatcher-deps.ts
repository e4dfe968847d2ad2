import type { IncomingMessage } from "node:http";
import type { ConditionContext, Principal } from "@gantry/iam/principal";
import type { Clock, Ids, Logger } from "@gantry/kernel";
import type { AdmissionPolicy } from "./admission.ts";
import type { Credential } from "./authentication.ts";
import type { NetworkPathOf, RelayOrigin } from "./network-path.ts";
import type { AskedKeys, Signed } from "./request-conditions.ts";

/** A call of a client, permitted or not. */
export interface ClientCall {
  readonly principal: Principal;
  /** Undefined for a call that is not signed. */
  readonly signed: Pick<Signed, "accessKeyId"> | undefined;
  readonly service: { readonly descriptor: { readonly iamPrefix: string } };
  readonly region: string;
}

/** What the dispatcher needs. */
export interface DispatcherDeps {
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Logger;
  readonly credentials: { find(accessKeyId: string): Credential | undefined };
  /** Resolves when everything committed so far is durable: no response is sent before. */
  readonly settled: () => Promise<void>;
  /**
   * Is told of every call of a client, with the first action that the call needs. It must not take long: every request
   * waits for it.
   */
  readonly noteCall?: (call: ClientCall, action: string | undefined) => void;
  /** The client address of a connection that a relay forwards, which differs from its peer's. */
  readonly sourceOf?: (socket: IncomingMessage["socket"]) => string;
  /** Where in a VPC a relayed connection comes from. */
  readonly originOf?: (socket: IncomingMessage["socket"]) => RelayOrigin | undefined;
  /** The path by which a request of a VPC reaches a service. Default: every path is direct. */
  readonly networkPathOf?: NetworkPathOf;
  /** Whether a plain connection counts as secure transport (`aws:SecureTransport`). Default: it does not. */
  readonly countsAsSecure?: (socket: IncomingMessage["socket"]) => boolean;
  /** How many requests are served concurrently; requests beyond are throttled. */
  readonly inFlightMax?: number;
  readonly policy: AdmissionPolicy & {
    /** The reason why the principal may not; undefined if it may. */
    deniedBecause(
      principal: Principal,
      action: string,
      resource: string,
      conditions: () => ConditionContext,
    ): string | undefined;
    /** Why the policy of a VPC endpoint does not let the call through; undefined if it does. */
    endpointDeniedBecause(
      principal: Principal,
      action: string,
      resource: string,
      asked: { readonly policy: string; readonly conditions: () => ConditionContext },
    ): string | undefined;
    /** The values of the condition keys that the action's service defines. */
    requestKeys(asked: AskedKeys): ConditionContext;
  };
}
