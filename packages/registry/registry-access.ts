import type { IncomingMessage } from "node:http";
import type { BlobStore } from "@gantry/content";
import { formatArn, type Clock, type Logger, type Vault } from "@gantry/kernel";
import { checkUsable, KeyUnusableError, type RepositoryRecord, type Store } from "@gantry/state";
import type { ConditionContext, Principal } from "@gantry/iam";
import type { ImageStore } from "./image-store.ts";
import { RegistryError } from "./registry-error.ts";
import { readToken } from "./registry-token.ts";
import type { Responder } from "./responses.ts";

const ECR_NAME = /^(\d{12})\.dkr\.ecr\.([a-z0-9-]+)\.amazonaws\.com$/;

export interface RegistryDeps {
  readonly store: Store;
  readonly blobs: BlobStore;
  readonly images: ImageStore;
  readonly clock: Clock;
  readonly vault: Vault;
  readonly log: Logger;
  /** The client address of a connection that a relay forwards, which differs from its peer's. */
  readonly sourceOf?: (socket: IncomingMessage["socket"]) => string;
  /** Whether a plain connection counts as secure transport (`aws:SecureTransport`). Default: it does not. */
  readonly countsAsSecure?: (socket: IncomingMessage["socket"]) => boolean;
  /** Where an upstream registry of a pull-through cache answers, by its host. */
  readonly upstreamAt: (host: string) => URL;
  readonly policy: {
    deniedBecause(
      principal: Principal,
      action: string,
      resource: string,
      conditions: () => ConditionContext,
    ): string | undefined;
    /** The current state of the caller; undefined if it was deleted. */
    current(principal: Principal): Principal | undefined;
  };
}

/** One authenticated request and the repository that its path names. */
export interface Call {
  readonly request: IncomingMessage;
  readonly response: Responder;
  readonly principal: Principal;
  readonly repository: RepositoryRecord;
  /** The repository's name as the client wrote it in the path. */
  readonly name: string;
  readonly query: URLSearchParams;
}

/**
 * The caller of a request. The token is a basic credential, as Docker sends it, or part of a URL that
 * GetDownloadUrlForLayer returned, which reads that layer only. Errors: UNAUTHORIZED.
 */
export function authenticate(deps: RegistryDeps, request: IncomingMessage, url: URL): Principal {
  const given = url.searchParams.get("token");
  const isRead = request.method === "GET" || request.method === "HEAD";
  const { vault, clock } = deps;
  const header = /^Basic (.+)$/i.exec(request.headers.authorization ?? "")?.[1];
  const [user, token = ""] = Buffer.from(header ?? "", "base64")
    .toString()
    .split(/:(.*)/s);
  const now = clock.now();
  const holder =
    given === null
      ? user === "AWS"
        ? readToken(vault, token, { now, path: undefined })
        : undefined
      : isRead
        ? readToken(vault, given, { now, path: url.pathname })
        : undefined;
  const principal = holder && deps.policy.current(holder);
  if (principal === undefined)
    throw new RegistryError(
      401,
      "UNAUTHORIZED",
      header === undefined
        ? "no basic auth credentials"
        : "Your authorization token has expired or is not valid. Reauthenticate and try again.",
    );
  return principal;
}

/** The repository that a path names. Errors: NAME_UNKNOWN. */
export function repositoryOf(
  deps: RegistryDeps,
  name: string,
  host: string,
  principal: Principal,
): RepositoryRecord {
  const record = lookUp(deps, name, host, principal);
  if (record !== undefined) return record;
  const { account, repository } = placeOf(name, host, principal);
  throw new RegistryError(
    404,
    "NAME_UNKNOWN",
    `The repository with name '${repository}' does not exist in the registry with id '${account}'`,
  );
}

/** The repository that a path names; undefined if there is none. */
export function lookUp(
  deps: RegistryDeps,
  name: string,
  host: string,
  principal: Principal,
): RepositoryRecord | undefined {
  const { account, region, repository } = placeOf(name, host, principal);
  return deps.store.get("repository", formatArn("ecr", { account, region }, `repository/${repository}`));
}

/**
 * Errors: UNKNOWN with KMS's reason, where the images cannot be read because the key of the repository cannot
 * be used.
 */
export function checkReadable({ store }: RegistryDeps, { kmsKeyArn }: RepositoryRecord): void {
  if (kmsKeyArn === undefined) return;
  try {
    checkUsable(store.get("kmsKey", kmsKeyArn), "ENCRYPT_DECRYPT");
  } catch (thrown) {
    if (!(thrown instanceof KeyUnusableError)) throw thrown;
    throw new RegistryError(400, "UNKNOWN", `KmsException: ${thrown.message}`);
  }
}

/** Checks that the caller may perform the actions on the repository. Errors: DENIED, with the policy's reason. */
export function authorize(deps: RegistryDeps, call: Call, ...actions: readonly string[]): void {
  for (const action of actions) {
    const why = deps.policy.deniedBecause(call.principal, `ecr:${action}`, call.repository.arn, () =>
      requestKeys(deps, call),
    );
    if (why !== undefined) throw new RegistryError(403, "DENIED", why);
  }
}

/** The condition keys of a request. Source: IAM User Guide, "AWS global condition context keys". */
export function requestKeys(
  deps: RegistryDeps,
  { request, repository }: Pick<Call, "request"> & { readonly repository: { readonly arn: string } },
): ConditionContext {
  const { socket, headers } = request;
  const { sourceOf, countsAsSecure } = deps;
  const userAgent = headers["user-agent"];
  return {
    "aws:SourceIp": sourceOf?.(socket) ?? (socket.remoteAddress ?? "").replace(/^::ffff:/, ""),
    "aws:SecureTransport": String("encrypted" in socket || countsAsSecure?.(socket) === true),
    "aws:RequestedRegion": repository.arn.split(":")[3] ?? "",
    ...(userAgent === undefined ? {} : { "aws:UserAgent": userAgent }),
  };
}

/**
 * The account, region and repository that a path names. A plain name takes the account and region of the
 * host, or the caller's account.
 */
export function placeOf(
  name: string,
  host: string,
  principal: Principal,
): { account: string; region: string; repository: string } {
  const [first = "", ...rest] = name.split("/");
  const own = ECR_NAME.exec(first);
  if (own !== null) return { account: own[1] ?? "", region: own[2] ?? "", repository: rest.join("/") };
  const byHost = ECR_NAME.exec(host.replace(/:\d+$/, ""));
  if (byHost !== null) return { account: byHost[1] ?? "", region: byHost[2] ?? "", repository: name };
  return { account: principal.account, region: "us-east-1", repository: name };
}
