import type { IncomingMessage } from "node:http";
import { isDigest } from "@gantry/content";
import type { Principal } from "@gantry/iam";
import { formatArn } from "@gantry/kernel";
import { createFromTemplate, templateFor } from "@gantry/state";
import { TAG } from "./image-store.ts";
import { readerOf, upstreamArn, type PullThroughCache } from "./pull-through.ts";
import { placeOf, requestKeys, type RegistryDeps } from "./registry-access.ts";
import { RegistryError } from "./registry-error.ts";

const REPOSITORY = /^(?:[a-z0-9]+(?:[._-][a-z0-9]+)*\/)*[a-z0-9]+(?:[._-][a-z0-9]+)*$/;

interface Asked {
  readonly principal: Principal;
  /** The repository as the path names it. */
  readonly name: string;
  readonly kind: string;
  readonly reference: string;
}

/**
 * Provides what a request needs and the registry does not have yet: a pull of a pull-through cache's image
 * copies it, and a push to a repository that a template is for creates the repository. The caller needs the
 * permissions for either.
 * Errors: DENIED, MANIFEST_UNKNOWN, UNAVAILABLE.
 */
export async function provideRepository(
  deps: RegistryDeps,
  cache: PullThroughCache,
  request: IncomingMessage,
  { principal, name, kind, reference }: Asked,
): Promise<void> {
  const { account, region, repository } = placeOf(name, request.headers.host ?? "", principal);
  const place = { account, region };
  const arn = formatArn("ecr", place, `repository/${repository}`);
  if (!REPOSITORY.test(repository) || repository.length > 256) return;
  const isRead = request.method === "GET" || request.method === "HEAD";
  const deniedBecause = (action: string): string | undefined =>
    deps.policy.deniedBecause(principal, `ecr:${action}`, arn, () =>
      requestKeys(deps, { request, repository: { arn } }),
    );
  if (kind === "manifests" && isRead) {
    // What is neither a tag nor a digest would become another path of the upstream registry.
    if (!isDigest(reference) && !TAG.test(reference)) return;
    const wanted = { place, name: repository, reference };
    const rule = cache.ruleFor(wanted);
    if (rule === undefined) return;
    const isThere = deps.store.get("repository", arn) !== undefined;
    const needed = ["BatchGetImage", "BatchImportUpstreamImage", ...(isThere ? [] : ["CreateRepository"])];
    const source = upstreamArn(rule, repository);
    const reader = readerOf(deps.store, rule);
    const why =
      needed.map(deniedBecause).find((reason) => reason !== undefined) ??
      (source === undefined
        ? undefined
        : reader === undefined
          ? "The role of the pull through cache rule does not exist."
          : deps.policy.deniedBecause(reader, "ecr:BatchGetImage", source, () => ({})));
    // An image that is there is served as it is, to whom it may be served.
    const isCached = isThere && isFound(deps, arn, reference);
    if (why !== undefined && isCached) return;
    if (why !== undefined) throw new RegistryError(403, "DENIED", why);
    try {
      await cache.provide(rule, wanted);
    } catch (thrown) {
      if (!isCached || !(thrown instanceof RegistryError)) throw thrown;
    }
    return;
  }
  const isPush = kind === "blobs/uploads" || (kind === "manifests" && request.method === "PUT");
  if (!isPush || deps.store.get("repository", arn) !== undefined) return;
  if (templateFor(deps.store, place, repository, "CREATE_ON_PUSH") === undefined) return;
  const why = deniedBecause("CreateRepository") ?? deniedBecause("InitiateLayerUpload");
  if (why !== undefined) throw new RegistryError(403, "DENIED", why);
  deps.store.transact((tx) =>
    createFromTemplate(tx, place, repository, { purpose: "CREATE_ON_PUSH", now: deps.clock.now() }),
  );
}

function isFound({ store, images }: RegistryDeps, arn: string, reference: string): boolean {
  const repository = store.get("repository", arn);
  return repository !== undefined && images.find(repository, reference) !== undefined;
}
