import type { IncomingMessage, ServerResponse } from "node:http";
import { DigestMismatchError } from "@gantry/content";
import { isDamage, isOutOfRoom, messageOf, realTimeOf } from "@gantry/kernel";
import { blob } from "./blob-requests.ts";
import { manifest, referrers, tags } from "./manifest-requests.ts";
import { provideRepository } from "./provide-repository.ts";
import { PullThroughCache } from "./pull-through.ts";
import { authenticate, repositoryOf, type Call, type RegistryDeps } from "./registry-access.ts";
import { RegistryError } from "./registry-error.ts";
import { Responder } from "./responses.ts";
import { upload } from "./upload-requests.ts";

/**
 * Routes the requests of the OCI distribution API. A name is
 * `ACCOUNT.dkr.ecr.REGION.amazonaws.com/REPOSITORY`, or the repository alone behind that host.
 * Source: OCI distribution-spec 1.1.
 */
export class Registry {
  readonly #deps: RegistryDeps;
  readonly #cache: PullThroughCache;

  constructor(deps: RegistryDeps) {
    // Tokens are of the real world, whatever clock the platform waits by.
    this.#deps = { ...deps, clock: realTimeOf(deps.clock).clock };
    this.#cache = new PullThroughCache(this.#deps);
  }

  /** Answers one request. Never rejects. */
  async handle(request: IncomingMessage, serverResponse: ServerResponse): Promise<void> {
    const response = new Responder(serverResponse, () => this.#deps.store.settled());
    try {
      await this.#route(request, response);
    } catch (thrown) {
      if (response.hasBegun) {
        // A client that has left is no failure. Damage is.
        if (isDamage(thrown)) this.#logFailure(request, thrown);
        response.abort();
        return;
      }
      const error =
        thrown instanceof RegistryError
          ? thrown
          : thrown instanceof DigestMismatchError
            ? new RegistryError(400, "DIGEST_INVALID", thrown.message)
            : storageError(thrown);
      if (error === undefined || error.status >= 500) this.#logFailure(request, thrown);
      const headers: Record<string, string> =
        error?.status === 401
          ? {
              "www-authenticate":
                `Basic realm="http://${request.headers.host ?? "127.0.0.1"}/",` +
                'service="ecr.amazonaws.com"',
            }
          : { ...error?.headers };
      await response.sendJson(
        error?.status ?? 500,
        {
          errors: [
            { code: error?.code ?? "UNKNOWN", message: error?.message ?? "The registry could not answer." },
          ],
        },
        headers,
      );
    }
    if (!request.complete) request.resume();
  }

  #logFailure({ url = "/" }: IncomingMessage, thrown: unknown): void {
    // The query may hold a token.
    const path = url.replace(/\?.*/s, "");
    this.#deps.log.error("Registry request failed", { path, reason: messageOf(thrown) });
  }

  async #route(request: IncomingMessage, response: Responder): Promise<void> {
    const url = URL.parse(request.url ?? "/", "http://registry");
    if (url === null) throw new RegistryError(400, "NAME_INVALID", "The URL is malformed.");
    const principal = authenticate(this.#deps, request, url);
    if (url.pathname === "/v2/" || url.pathname === "/v2") return response.sendJson(200, {});
    const match = /^\/v2\/(.+)\/(blobs\/uploads|blobs|manifests|tags|referrers)\/?([^/]*)$/.exec(
      decoded(url.pathname),
    );
    if (match === null) throw new RegistryError(404, "NAME_UNKNOWN", "No such endpoint.");
    const [, name = "", kind = "", reference = ""] = match;
    const wanted = { principal, name, kind, reference };
    await provideRepository(this.#deps, this.#cache, request, wanted);
    const call: Call = {
      request,
      response,
      principal,
      repository: repositoryOf(this.#deps, name, request.headers.host ?? "", principal),
      name,
      query: url.searchParams,
    };
    switch (kind) {
      case "blobs/uploads":
        return upload(this.#deps, call, reference);
      case "blobs":
        return blob(this.#deps, call, reference);
      case "manifests":
        return manifest(this.#deps, call, reference);
      case "tags":
        return tags(this.#deps, call);
      default:
        return referrers(this.#deps, call, reference);
    }
  }
}

/** The path without percent-encoding. Errors: NAME_INVALID. */
function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    throw new RegistryError(400, "NAME_INVALID", "The URL has an invalid percent-encoding.");
  }
}

/** The response to a full disk or a corrupt blob; undefined for other errors. */
function storageError(thrown: unknown): RegistryError | undefined {
  if (isOutOfRoom(thrown))
    return new RegistryError(
      503,
      "UNAVAILABLE",
      "The disk that holds the registry is full: free space on it, then try again.",
    );
  if (isDamage(thrown)) return new RegistryError(500, "UNKNOWN", `${messageOf(thrown)} Push it again.`);
  return undefined;
}
