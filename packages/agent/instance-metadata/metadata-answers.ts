import { createHmac, timingSafeEqual } from "node:crypto";
import type { CredentialsAssignment, InstanceMetadata, PodAssignment } from "@gantry/agent-protocol";

export interface MetadataRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** Milliseconds. */
  readonly now: number;
}

export interface MetadataAnswer {
  readonly status: number;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

const TOKEN = "x-aws-ec2-metadata-token";
const TTL = "x-aws-ec2-metadata-token-ttl-seconds";
const TTL_MAX_SECONDS = 21_600;
const VERSION = /^\/(?:latest|1\.0|20\d\d-\d\d-\d\d)(?=\/|$)/;

/**
 * Answers an instance about itself.
 * Source: EC2 User Guide, "Use the Instance Metadata Service to access instance metadata".
 */
export function answerMetadata(
  pod: Pick<PodAssignment, "instance" | "credentials">,
  request: MetadataRequest,
): MetadataAnswer {
  const { instance, credentials } = pod;
  if (instance === undefined) return { status: 404, body: "" };
  if (request.method === "PUT") return newToken(instance, request);
  if (request.method !== "GET" && request.method !== "HEAD") return { status: 405, body: "" };
  const token = request.headers[TOKEN];
  const isAllowed =
    token === undefined ? instance.httpTokens === "optional" : isValidToken(instance, token, request.now);
  if (!isAllowed) return { status: 401, body: "" };
  if (request.path === "/") return { status: 200, body: "1.0\nlatest" };
  const rest = request.path.replace(VERSION, "");
  if (rest === request.path) return { status: 404, body: "" };
  const found = look(filesOf(instance, credentials[0]), rest.split("/").filter(Boolean).join("/"));
  return found === undefined ? { status: 404, body: "" } : { status: 200, body: found };
}

/** Source: "How Instance Metadata Service Version 2 works": a request that a proxy forwarded gets no token. */
function newToken(instance: InstanceMetadata, { path, headers, now }: MetadataRequest): MetadataAnswer {
  if (path !== "/latest/api/token") return { status: 404, body: "" };
  if (headers["x-forwarded-for"] !== undefined) return { status: 403, body: "" };
  const seconds = Number(headers[TTL]);
  if (!Number.isInteger(seconds) || seconds < 1 || seconds > TTL_MAX_SECONDS)
    return { status: 400, body: "" };
  const until = (now + seconds * 1_000).toString(36);
  return {
    status: 200,
    body: Buffer.from(`${until}.${signature(instance, until)}`).toString("base64url"),
    headers: { [TTL]: String(seconds) },
  };
}

function isValidToken(instance: InstanceMetadata, token: string | readonly string[], now: number): boolean {
  const [until = "", given = ""] = Buffer.from(String(token), "base64url").toString("latin1").split(".");
  const expected = Buffer.from(signature(instance, until));
  const actual = Buffer.from(given);
  return (
    actual.length === expected.length && timingSafeEqual(actual, expected) && Number.parseInt(until, 36) > now
  );
}

function signature({ tokenKey, instanceId }: InstanceMetadata, until: string): string {
  return createHmac("sha256", Buffer.from(tokenKey, "hex"))
    .update(`${instanceId}/${until}`)
    .digest("base64url");
}

/** All texts below the version, by their paths. */
function filesOf(
  instance: InstanceMetadata,
  credentials: CredentialsAssignment | undefined,
): ReadonlyMap<string, string> {
  const files = new Map<string, string>();
  for (const [path, text] of Object.entries(instance.categories)) files.set(`meta-data/${path}`, text);
  files.set("dynamic/instance-identity/document", JSON.stringify(instance.document, undefined, 2));
  if (instance.userData !== undefined)
    files.set("user-data", Buffer.from(instance.userData, "base64").toString("latin1"));
  if (instance.roleName !== undefined && credentials !== undefined)
    files.set(`meta-data/iam/security-credentials/${instance.roleName}`, presentCredentials(credentials));
  return files;
}

/** Source: "Retrieve security credentials from instance metadata". */
function presentCredentials(credentials: CredentialsAssignment): string {
  return JSON.stringify(
    {
      Code: "Success",
      LastUpdated: `${new Date(credentials.expiresAt - 6 * 60 * 60_000).toISOString().slice(0, 19)}Z`,
      Type: "AWS-HMAC",
      AccessKeyId: credentials.accessKeyId,
      SecretAccessKey: credentials.secretAccessKey,
      Token: credentials.token,
      Expiration: `${new Date(credentials.expiresAt).toISOString().slice(0, 19)}Z`,
    },
    undefined,
    2,
  );
}

/** The text at a path, or the list of what is below it; undefined where there is nothing. */
function look(files: ReadonlyMap<string, string>, path: string): string | undefined {
  const text = files.get(path);
  if (text !== undefined) return text;
  const prefix = path === "" ? "" : `${path}/`;
  const names = [...files.keys()]
    .filter((each) => each.startsWith(prefix))
    .map((each) => {
      const [name = "", ...more] = each.slice(prefix.length).split("/");
      return more.length === 0 ? name : `${name}/`;
    });
  if (names.length === 0) return undefined;
  const keyName = files.get("meta-data/public-keys/0/name");
  // A key pair is listed with its number and its name.
  if (path === "meta-data/public-keys") return `0=${keyName ?? ""}`;
  if (path === "meta-data/public-keys/0") return "openssh-key";
  return [...new Set(names)].toSorted().join("\n");
}
