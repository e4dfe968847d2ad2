import type { BucketRecord } from "@gantry/state";
import { messageOf } from "@gantry/kernel";
import { putLogObject } from "../elbv2/log-delivery.ts";
import { asService, permitsService } from "../iam/service-access.ts";
import { hasAcls, LOG_DELIVERY } from "./acl.ts";
import { splitBucket, type AnsweredRequest } from "@gantry/wire";
import type { S3Deps } from "./s3-deps.ts";

/** How long lines are gathered. S3 delivers within a few hours, on a best-effort basis. */
const DELIVERY_MS = 60_000;
/** Lines that wait for delivery; further ones are lost. */
const LINES_MAX = 50_000;
const SERVICE = "logging.s3.amazonaws.com";
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/**
 * The access logs of buckets: a line for each request, delivered as objects of the target bucket each minute.
 * The target's policy or ACL must let the log delivery write. Lines that are not delivered when the process
 * ends are lost: delivery is on a best-effort basis, as on AWS.
 * Source: "Logging requests with server access logging", "Server access log format".
 */
export class AccessLogs {
  readonly #deps: S3Deps;
  #lines = new Map<string, string[]>();
  #count = 0;

  constructor(deps: S3Deps) {
    this.#deps = deps;
  }

  /** Notes an answered request, if its bucket has a log. */
  note(request: AnsweredRequest): void {
    const { store, clock } = this.#deps;
    const { bucket: name, path } = splitBucket(request.exchange);
    const bucket = store.get("bucket", name);
    if (bucket?.logging === undefined || this.#count >= LINES_MAX) return;
    if (this.#count === 0) clock.after(DELIVERY_MS, () => void this.deliver());
    this.#count += 1;
    const lines = this.#lines.get(bucket.name) ?? [];
    lines.push(this.#lineOf(bucket, path, request));
    this.#lines.set(bucket.name, lines);
  }

  /** Delivers the lines that were gathered. Never rejects. */
  async deliver(): Promise<void> {
    const { store, log, clock, ids } = this.#deps;
    const gathered = [...this.#lines];
    this.#lines = new Map();
    this.#count = 0;
    for (const [name, lines] of gathered) {
      const source = store.get("bucket", name);
      const place = source?.logging;
      const target = store.get("bucket", place?.bucket);
      if (source === undefined || place === undefined || target === undefined) continue;
      const key = keyOf(source, place, { now: clock.now(), id: ids.hex(16).toUpperCase() });
      try {
        if (permits(source, target, key, clock.now()))
          await putLogObject(this.#deps, target, key, Buffer.from(`${lines.join("\n")}\n`));
        else log.warn("An access log is dropped: its target does not permit the delivery", { bucket: name });
      } catch (thrown) {
        log.warn("An access log could not be delivered", { bucket: name, reason: messageOf(thrown) });
      }
    }
  }

  #lineOf(bucket: BucketRecord, path: string, { exchange, answer, accessKeyId }: AnsweredRequest): string {
    const { store, clock } = this.#deps;
    const { method, rawQuery, rawPath, headers, sourceAddress, requestId } = exchange;
    const isRefused = answer.status === 403;
    const caller = isRefused ? undefined : store.get("accessKey", accessKeyId);
    const key = path.slice(1);
    return [
      bucket.account,
      bucket.name,
      `[${logTime(clock.now())}]`,
      sourceAddress,
      caller?.userArn ?? caller?.account ?? "-",
      requestId,
      `REST.${method}.${resourceOf(rawQuery, key)}`,
      key === "" ? "-" : encodeURIComponent(key).replaceAll("%2F", "/"),
      quoted(
        `${method} ${rawPath}${rawQuery === "" ? "" : `?${withoutSignature(rawQuery)}`} ` +
          `HTTP/${exchange.request.httpVersion}`,
      ),
      answer.status,
      answer.status < 400 ? "-" : codeOf(answer.body),
      answer.headers["content-length"] ?? "-",
      "-",
      "-",
      "-",
      quoted(headers["referer"]),
      quoted(headers["user-agent"]),
      answer.headers["x-amz-version-id"] ?? "-",
      "-",
      accessKeyId === undefined ? "-" : "SigV4",
      "-",
      headers["authorization"] === undefined
        ? accessKeyId === undefined
          ? "-"
          : "QueryString"
        : "AuthHeader",
      (headers["host"] ?? "-").replaceAll(/[\s"]/g, ""),
      "encrypted" in exchange.request.socket ? "TLSv1.3" : "-",
      "-",
      "-",
    ].join(" ");
  }
}

/** Parameters of a query that select a part of a bucket or object. Source: Amazon S3 API Reference. */
const SUBRESOURCE =
  /(?:^|&)(acl|accelerate|analytics|cors|delete|encryption|inventory|lifecycle|location|logging|metrics|notification|object-lock|ownershipControls|policy|policyStatus|publicAccessBlock|replication|requestPayment|retention|legal-hold|tagging|uploads|versioning|versions|website)(?:[=&]|$)/;

function resourceOf(rawQuery: string, key: string): string {
  return (
    SUBRESOURCE.exec(rawQuery)?.[1]?.toUpperCase().replaceAll("-", "_") ?? (key === "" ? "BUCKET" : "OBJECT")
  );
}

/** The error code of an answer. */
function codeOf(body: unknown): string {
  return (typeof body === "string" ? /<Code>(\w[\w.]*)<\/Code>/.exec(body)?.[1] : undefined) ?? "-";
}

/** A text between quotes; characters that would end it, or the line, are encoded. */
function quoted(text: string | undefined): string {
  return text === undefined
    ? '"-"'
    : `"${text.replaceAll(/["\\\u0000-\u001f\u007f]/g, (each) => encodeURIComponent(each))}"`;
}

/** A signature and a session token are credentials, which no log holds. */
function withoutSignature(rawQuery: string): string {
  return rawQuery.replaceAll(
    /(^|&)(X-Amz-Signature|X-Amz-Security-Token|Signature|x-amz-security-token)=[^&]*/g,
    "$1$2=-",
  );
}

function logTime(ms: number): string {
  const [date = "", time = ""] = new Date(ms).toISOString().slice(0, 19).split("T");
  const [year, month, day] = date.split("-");
  return `${day}/${MONTHS[Number(month) - 1]}/${year}:${time} +0000`;
}

type Place = NonNullable<BucketRecord["logging"]>;

function keyOf(source: BucketRecord, place: Place, { now, id }: { now: number; id: string }): string {
  const stamp = new Date(now).toISOString().slice(0, 19).replaceAll(/[T:]/g, "-");
  if (place.keyFormat === undefined || place.keyFormat === "Simple") return `${place.prefix}${stamp}-${id}`;
  const day = stamp.slice(0, 10).replaceAll("-", "/");
  return `${place.prefix}${source.account}/${source.region}/${source.name}/${day}/${stamp}-${id}`;
}

/** Whether the target's policy, or its ACL, lets the log delivery put the object. */
function permits(source: BucketRecord, target: BucketRecord, key: string, now: number): boolean {
  if (target.account !== source.account || target.region !== source.region) return false;
  const grants = hasAcls(target) ? (target.acl ?? []) : [];
  if (
    grants.some(
      ({ grantee, permission }) => grantee === LOG_DELIVERY && ["WRITE", "FULL_CONTROL"].includes(permission),
    )
  )
    return true;
  return permitsService(target, {
    action: "s3:PutObject",
    resource: `arn:aws:s3:::${target.name}/${key}`,
    ...asService(SERVICE, { arn: `arn:aws:s3:::${source.name}`, account: source.account }),
    now,
  });
}
