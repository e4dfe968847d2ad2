import type { FindImage, ImageAnswer } from "@gantry/controllers";
import { ecsTasks, sessionOf, trustsService, type Principal } from "@gantry/iam";
import { formatArn, type Clock, type Vault } from "@gantry/kernel";
import { issueToken, TOKEN_MS } from "@gantry/registry/registry-token";
import {
  ecrRegistryKey,
  longestPrefix,
  type ImageRecord,
  type Reader,
  type VpcEndpointRecord,
} from "@gantry/state";
import type { Api } from "./api.ts";
import type { Instance } from "./instance.ts";
import { endpointKeys, pullEndpoints } from "./pull-endpoints.ts";

/**
 * A token is renewed after half of its lifetime, so that a token is valid for at least that long when it is
 * issued.
 */
const RENEW_MS = TOKEN_MS / 2;
const SESSION = "ecs-image-pull";
const ECR_HOST = /^(\d{12})\.dkr\.ecr\.([a-z0-9-]+)\.amazonaws\.com\//;
/** Region of repository names that state none, as in the registry. */
const DEFAULT_REGION = "us-east-1";
/**
 * The actions that pulling an image requires. Source: Amazon ECS Developer Guide, "Amazon ECS task execution
 * IAM role".
 */
const PULL_ACTIONS = ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"];

interface ResolverDeps {
  /** Host and port of the platform's registry. */
  readonly registry: string;
  readonly vault: Vault;
  readonly clock: Clock;
  readonly store: Reader;
  /** Whether plain HTTP over loopback counts as secure transport. */
  readonly isPlainSecure: boolean;
  readonly policy: {
    deniedBecause(
      principal: Principal,
      action: string,
      resource: string,
      conditions: () => Readonly<Record<string, string>>,
    ): string | undefined;
    endpointDeniedBecause(
      principal: Principal,
      action: string,
      resource: string,
      asked: { readonly policy: string; readonly conditions: () => Readonly<Record<string, string>> },
    ): string | undefined;
  };
}

/** What resolving images needs of an instance. */
export function imageDeps({ settings, store, vault, machineClock: clock }: Instance, api: Api): ResolverDeps {
  const isPlainSecure = settings.plainHttp === "secure";
  return { registry: api.registryAddress, vault, clock, store, policy: api.policy, isPlainSecure };
}

/**
 * The image reference that the engine pulls. Names of ECR repositories, which stand for this platform, are
 * mapped to its own registry, with a token of the task's execution role; where there is no role, or it lacks
 * the permission, the registry refuses. The token stays the same for hours, so that recomputing an assignment
 * gives the same result.
 */
export function imageResolver(
  deps: ResolverDeps,
): (
  image: string,
  executionRoleArn: string | undefined,
  taskArn: string,
) => { image: string; registryAuth: string | undefined } {
  const { registry, vault, clock, store, policy } = deps;
  const issued = new Map<string, { auth: string; until: number }>();
  const authOf = (roleArn: string | undefined, taskArn: string): string | undefined => {
    const role = store.get("role", roleArn);
    const now = clock.now();
    if (role === undefined || !trustsService(role, ecsTasks(taskArn, now))) return undefined;
    const known = issued.get(role.id);
    if (known !== undefined && now < known.until) return known.auth;
    const principal = sessionOf(role, SESSION);
    if (policy.deniedBecause(principal, "ecr:GetAuthorizationToken", "*", () => ({})) !== undefined)
      return undefined;
    const { token } = issueToken(vault, principal, now);
    const text = JSON.stringify({ username: "AWS", password: token, serveraddress: registry });
    // The engine accepts only padded base64url, and ignores a value that it cannot decode.
    const auth = Buffer.from(text).toString("base64").replaceAll("+", "-").replaceAll("/", "_");
    issued.set(role.id, { auth, until: now + RENEW_MS });
    return auth;
  };
  return (image, executionRoleArn, taskArn) => {
    const own = ownName(image, registry);
    if (own === undefined) return { image, registryAuth: undefined };
    return { image: `${registry}/${own}`, registryAuth: authOf(executionRoleArn, taskArn) };
  };
}

/**
 * Looks up the digest of an image of the platform's registry in the records, without a request to the
 * registry.
 * Refuses where the execution role may not pull it, or where it does not exist.
 * Source: Amazon ECS Developer Guide, "CannotPullContainer task errors in Amazon ECS".
 */
export function imageFinder(deps: ResolverDeps): FindImage {
  return (reader, request) => {
    const { image } = request;
    const own = ownName(image, deps.registry);
    if (own === undefined) return { type: "foreign" };
    const { repositoryArn, reference } = placeOf(own, request.account);
    const denied = pullDenial(deps, request, repositoryArn);
    if (denied !== undefined)
      return refused(`The task can't pull the image '${image}' from Amazon ECR: ${denied}`);
    const repository = reader.get("repository", repositoryArn);
    // The registry copies an image of a pull-through cache when the node pulls it.
    if (
      isPulledThrough(reader, repositoryArn) &&
      imageAt(reader, repositoryArn, request.digest ?? reference) === undefined
    )
      return { type: "foreign" };
    if (repository === undefined)
      return refused(
        `pull image manifest has been retried 1 time(s): failed to resolve ref ${image}: ` +
          `${repositoryArn.split(":repository/")[1]}: repository not found`,
      );
    const wanted = request.digest ?? reference;
    const found = imageAt(reader, repositoryArn, wanted);
    if (found === undefined)
      return refused(
        `pull image manifest has been retried 1 time(s): failed to resolve ref ${image}: not ` +
          `found${request.digest === undefined ? "" : `: the deployment's digest ${request.digest} was deleted`}`,
      );
    return { type: "resolved", digest: found.digest };
  };
}

/** The image of a repository by its tag or digest. */
function imageAt(reader: Reader, repositoryArn: string, wanted: string): ImageRecord | undefined {
  if (wanted.includes(":")) return reader.get("image", `${repositoryArn}@${wanted}`);
  return reader
    .listBy("image", "repository", repositoryArn)
    .find((record) => record.imageTags.includes(wanted));
}

/** Whether a pull-through cache rule is for the repository. */
function isPulledThrough(reader: Reader, repositoryArn: string): boolean {
  const [, , , region = "", account = ""] = repositoryArn.split(":");
  const rules = reader.list("pullThroughRule", `${ecrRegistryKey({ account, region })}/`);
  return rules.length > 0 && longestPrefix(rules, repositoryArn.split(":repository/")[1] ?? "") !== undefined;
}

function refused(words: string): ImageAnswer {
  return { type: "refused", reason: `CannotPullContainerError: ${words}` };
}

/**
 * Why the execution role may not pull from the repository, naming the role and the action; undefined where it may.
 * The node carries the pull of a task; where the task's VPC has endpoints of ECR, their policies decide too.
 */
function pullDenial(
  deps: ResolverDeps,
  request: { executionRoleArn: string | undefined; taskArn: string; vpcId: string | undefined },
  repositoryArn: string,
): string | undefined {
  const { store, clock } = deps;
  const { executionRoleArn, taskArn, vpcId } = request;
  if (executionRoleArn === undefined)
    return (
      "the task definition has no execution role that is authorized to perform: " +
      "ecr:GetAuthorizationToken. Set executionRoleArn."
    );
  const role = store.get("role", executionRoleArn);
  if (role === undefined || !trustsService(role, ecsTasks(taskArn, clock.now())))
    return (
      `ECS was unable to assume the role '${executionRoleArn}' that was provided for this task, to ` +
      "perform: ecr:GetAuthorizationToken. Verify that the role exists and trusts " +
      "ecs-tasks.amazonaws.com."
    );
  const principal = sessionOf(role, SESSION);
  const region = repositoryArn.split(":")[3] ?? "";
  const { api, dkr } = pullEndpoints(store, vpcId, region);
  const denial = (action: string, resource: string, endpoint: VpcEndpointRecord | undefined) =>
    actionDenial(deps, { principal, action, resource, endpoint, region });
  const token = denial("ecr:GetAuthorizationToken", "*", api);
  if (token !== undefined) return token;
  for (const action of PULL_ACTIONS) {
    const why = denial(action, repositoryArn, dkr);
    if (why !== undefined) return why;
  }
  return undefined;
}

/** Why an action of a pull is denied: by the policies of the role and the repository, or by the endpoint's. */
function actionDenial(
  { policy, isPlainSecure }: ResolverDeps,
  asked: {
    readonly principal: Principal;
    readonly action: string;
    readonly resource: string;
    readonly endpoint: VpcEndpointRecord | undefined;
    readonly region: string;
  },
): string | undefined {
  const { principal, action, resource, endpoint, region } = asked;
  // The condition values of a request from the engine, which reaches the registry over this host's loopback.
  const conditions = () => ({
    "aws:SourceIp": "127.0.0.1",
    "aws:SecureTransport": String(isPlainSecure),
    "aws:RequestedRegion": region,
  });
  const why = policy.deniedBecause(principal, action, resource, conditions);
  if (why !== undefined || endpoint?.policy === undefined) return why;
  return policy.endpointDeniedBecause(principal, action, resource, {
    policy: endpoint.policy,
    conditions: () => ({
      ...endpointKeys(endpoint),
      "aws:SecureTransport": "true",
      "aws:RequestedRegion": region,
    }),
  });
}

/**
 * The part of a name that identifies a repository in the platform's registry; undefined for an image of
 * another registry.
 */
function ownName(image: string, registry: string): string | undefined {
  if (image.startsWith(`${registry}/`)) return image.slice(registry.length + 1);
  return ECR_HOST.test(image) ? image : undefined;
}

/** The repository that a name refers to, and its tag or digest. */
function placeOf(name: string, callersAccount: string): { repositoryArn: string; reference: string } {
  const host = ECR_HOST.exec(name);
  const [account, region] = host === null ? [callersAccount, DEFAULT_REGION] : [host[1] ?? "", host[2] ?? ""];
  const [path = "", digest] = name.slice(host?.[0].length ?? 0).split("@");
  const [repository = "", tag = "latest"] = path.split(":");
  return {
    repositoryArn: formatArn("ecr", { account, region }, `repository/${repository}`),
    reference: digest ?? tag,
  };
}
