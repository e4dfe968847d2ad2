import { TLSSocket } from "node:tls";
import type { ConditionContext } from "@gantry/iam/principal";
import type { Exchange } from "./exchange.ts";

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
  /** The TLS version, such as `TLSv1.3`. Undefined for a plain connection. */
  readonly tlsVersion: string | undefined;
}

/** The TLS version of a request's connection. */
export function tlsVersionOf({ request }: Exchange): string | undefined {
  const { socket } = request;
  return socket instanceof TLSSocket ? (socket.getProtocol() ?? undefined) : undefined;
}

/** The global condition keys of a request. Source: IAM User Guide, "AWS global condition context keys". */
export function requestKeys(exchange: Exchange, region: string): ConditionContext {
  const { headers } = exchange;
  return {
    "aws:SourceIp": exchange.sourceAddress,
    "aws:SecureTransport": String(exchange.endpoint.startsWith("https:")),
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
