import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import type { ConditionContext } from "@gantry/iam/principal";
import type { Claim } from "./claim.ts";
import type { Exchange } from "./exchange.ts";
import { isEncrypted } from "./plain-and-tls.ts";
import type { NetworkPath } from "./network-path.ts";

/** A call for which the service's own condition keys are evaluated. */
export interface AskedKeys {
  /** The action to authorize; an operation may need more than one. */
  readonly action: string;
  readonly resource: string;
  readonly input: Readonly<Record<string, unknown>>;
  readonly account: string;
  readonly region: string;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly rawQuery: string;
  /** Undefined for an anonymous request. */
  readonly signed: Signed | undefined;
  /** The TLS version, such as `TLSv1.3`. Undefined for a connection that does not count as secure. */
  readonly tlsVersion: string | undefined;
}

/** How a request is signed, and when. `form` is a form that a browser posts; `presigned-v2` names no time. */
export interface Signed {
  readonly form: Claim["form"] | "form";
  readonly amzDate: string;
  readonly accessKeyId?: string;
}

/**
 * The TLS version of a request's connection. A plain connection that counts as secure has the newest version, so that
 * policies that demand a version treat it as they treat `aws:SecureTransport`.
 */
export function tlsVersionOf({ request, isSecure }: Exchange): string | undefined {
  const { socket } = request;
  if (isTls(socket)) return socket.getProtocol() ?? undefined;
  return isSecure ? "TLSv1.3" : undefined;
}

/**
 * Tested by the socket's own property, so that Node's TLS is not loaded before a client uses it. The platform's own
 * calls have no socket.
 */
function isTls(socket: Socket | undefined): socket is TLSSocket {
  return socket !== undefined && isEncrypted(socket);
}

/** The global condition keys of a request. Source: IAM User Guide, "AWS global condition context keys". */
export function requestKeys(exchange: Exchange, region: string, path: NetworkPath): ConditionContext {
  const { headers } = exchange;
  return {
    // Through a VPC endpoint the address is in aws:VpcSourceIp. Source: IAM User Guide, "aws:SourceIp".
    ...(path.type === "endpoint"
      ? path.keys
      : exchange.sourceAddress === ""
        ? {}
        : { "aws:SourceIp": exchange.sourceAddress }),
    "aws:SecureTransport": String(exchange.isSecure),
    "aws:RequestedRegion": region,
    ...(headers["user-agent"] === undefined ? {} : { "aws:UserAgent": headers["user-agent"] }),
    ...(headers["referer"] === undefined ? {} : { "aws:Referer": headers["referer"] }),
  };
}

/**
 * The tags that a request adds or removes, in any of AWS's forms: lists of pairs, maps, and lists of keys.
 */
export function tagKeys(input: Readonly<Record<string, unknown>>): ConditionContext {
  const specifications = Array.isArray(input["TagSpecifications"])
    ? (input["TagSpecifications"] as { Tags?: unknown }[]).flatMap((each) => each.Tags ?? [])
    : []; // The shape's own members.
  const pairs = [input["Tags"], input["tags"], specifications].flatMap(pairsOf);
  const removed = [input["TagKeys"], input["tagKeys"]].flatMap(
    (keys) => (Array.isArray(keys) ? (keys as readonly string[]) : []), // A list of keys in every shape.
  );
  const keys = [...pairs.map(([key]) => key), ...removed];
  if (keys.length === 0) return {};
  return {
    ...Object.fromEntries(pairs.map(([key, value]) => [`aws:RequestTag/${key}`, value])),
    "aws:TagKeys": keys,
  };
}

type Tag = Readonly<Partial<Record<"Key" | "Value" | "key" | "value", string>>>;

function pairsOf(tags: unknown): readonly (readonly [string, string])[] {
  if (Array.isArray(tags))
    return (tags as readonly Tag[]).map((tag) => [tag.Key ?? tag.key ?? "", tag.Value ?? tag.value ?? ""]);
  if (typeof tags !== "object" || tags === null) return [];
  return Object.entries(tags).map(([key, value]) => [key, String(value)]);
}
