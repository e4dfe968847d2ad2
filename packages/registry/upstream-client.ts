import { Readable } from "node:stream";

/** The upstream registry does not answer, or answers what it should not. */
export class UpstreamError extends Error {
  override readonly name = "UpstreamError";
  readonly status: number | undefined;
  constructor(message: string, status?: number, options?: ErrorOptions) {
    super(message, options);
    this.status = status;
  }
}

export interface UpstreamLogin {
  readonly username: string;
  readonly password: string;
}

const TIMEOUT_MS = 30_000;
const BLOB_TIMEOUT_MS = 30 * 60_000;
const REDIRECTS_MAX = 3;
const MANIFEST_BYTES_MAX = 4 * 1024 * 1024;
const TOKEN_BYTES_MAX = 64 * 1024;
/** A layer whose manifest does not say its size. Source: ECR service quotas, maximum layer size: 52,000 MiB. */
const BLOB_BYTES_MAX = 52_000 * 1024 * 1024;
const MANIFEST_TYPES = [
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
  "application/vnd.docker.distribution.manifest.v2+json",
];

/**
 * Pulls from a registry by the distribution API, anonymously or with a login, which is sent to the registry
 * and its token server alone. A redirect leads to HTTPS, or stays at the registry. Errors: UpstreamError.
 */
export class UpstreamClient {
  readonly #base: URL;
  readonly #login: UpstreamLogin | undefined;
  #authorization: string | undefined;

  constructor(base: URL, login: UpstreamLogin | undefined) {
    this.#base = base;
    this.#login = login;
  }

  /** A manifest by tag or digest, and its media type. */
  async manifest(
    repository: string,
    reference: string,
  ): Promise<{ readonly bytes: Buffer; readonly mediaType: string | undefined }> {
    const response = await this.#get(repository, `manifests/${reference}`, TIMEOUT_MS);
    const bytes = await bounded(response, MANIFEST_BYTES_MAX);
    return { bytes, mediaType: response.headers.get("content-type")?.split(";")[0] };
  }

  /** The bytes of a blob, of at most `size`. */
  async blob(repository: string, digest: string, size: number | undefined): Promise<Readable> {
    const response = await this.#get(repository, `blobs/${digest}`, BLOB_TIMEOUT_MS);
    return Readable.from(limited(response, size ?? BLOB_BYTES_MAX));
  }

  /** Whether the registry answers, and takes the login. */
  async check(): Promise<void> {
    const response = await this.#fetch(new URL("/v2/", this.#base), this.#basic(), TIMEOUT_MS);
    if (response.ok) return;
    if (response.status !== 401)
      throw new UpstreamError(`The upstream registry answered ${response.status}.`, response.status);
    this.#authorization = await this.#answerTo(response, undefined);
    await response.body?.cancel();
    const again = await this.#fetch(new URL("/v2/", this.#base), this.#authorization, TIMEOUT_MS);
    await again.body?.cancel();
    if (!again.ok) throw new UpstreamError(`The upstream registry answered ${again.status}.`, again.status);
  }

  async #get(repository: string, path: string, timeoutMs: number): Promise<Response> {
    const url = new URL(`/v2/${repository}/${path}`, this.#base);
    let response = await this.#fetch(url, this.#authorization, timeoutMs);
    if (response.status === 401) {
      this.#authorization = await this.#answerTo(response, repository);
      await response.body?.cancel();
      response = await this.#fetch(url, this.#authorization, timeoutMs);
    }
    if (response.ok) return response;
    await response.body?.cancel();
    throw new UpstreamError(
      `The upstream registry answered ${response.status} for ${repository}.`,
      response.status,
    );
  }

  async #fetch(first: URL, authorization: string | undefined, timeoutMs: number): Promise<Response> {
    const signal = AbortSignal.timeout(timeoutMs);
    let url = first;
    for (let count = 0; count <= REDIRECTS_MAX; count += 1) {
      const isOwn = url.origin === this.#base.origin;
      const headers = {
        accept: MANIFEST_TYPES.join(", "),
        ...(isOwn && authorization !== undefined ? { authorization } : {}),
      };
      let response: Response;
      try {
        response = await fetch(url, { headers, redirect: "manual", signal });
      } catch (thrown) {
        throw new UpstreamError(`The upstream registry ${this.#base.host} cannot be reached.`, undefined, {
          cause: thrown,
        });
      }
      const location = response.headers.get("location");
      if (response.status < 300 || response.status >= 400 || location === null) return response;
      await response.body?.cancel();
      if (!URL.canParse(location, url)) break;
      url = new URL(location, url);
      if (url.protocol !== "https:" && url.origin !== this.#base.origin) break;
    }
    throw new UpstreamError(
      `The upstream registry ${this.#base.host} redirects to where nothing is fetched from.`,
    );
  }

  #basic(): string | undefined {
    if (this.#login === undefined) return undefined;
    const { username, password } = this.#login;
    return `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
  }

  /** What authorizes a request that was challenged. Source: distribution specification, "Token Authentication". */
  async #answerTo(challenged: Response, repository: string | undefined): Promise<string | undefined> {
    const challenge = challenged.headers.get("www-authenticate") ?? "";
    if (!/^Bearer /i.test(challenge)) return this.#basic();
    const parameter = (name: string) => new RegExp(`${name}="([^"]*)"`, "i").exec(challenge)?.[1];
    const realm = parameter("realm") ?? "";
    if (!URL.canParse(realm)) throw new UpstreamError("The upstream registry names no token server.");
    const url = new URL(realm);
    if (url.protocol !== "https:" && url.origin !== this.#base.origin)
      throw new UpstreamError("The token server of the upstream registry has no HTTPS.");
    const service = parameter("service");
    if (service !== undefined) url.searchParams.set("service", service);
    if (repository !== undefined) url.searchParams.set("scope", `repository:${repository}:pull`);
    const basic = this.#basic();
    const response = await fetch(url, {
      headers: basic === undefined ? {} : { authorization: basic },
      redirect: "error",
      signal: AbortSignal.timeout(TIMEOUT_MS),
    }).catch((thrown: unknown) => {
      throw new UpstreamError("The token server of the upstream registry cannot be reached.", undefined, {
        cause: thrown,
      });
    });
    if (!response.ok)
      throw new UpstreamError(`The token server answered ${response.status}.`, response.status);
    return `Bearer ${tokenIn((await bounded(response, TOKEN_BYTES_MAX)).toString())}`;
  }
}

function tokenIn(text: string): string {
  try {
    const { token, access_token: other } = JSON.parse(text) as { token?: unknown; access_token?: unknown };
    const found = token ?? other;
    if (typeof found === "string") return found;
  } catch {
    // Reported below, like an answer without a token.
  }
  throw new UpstreamError("The token server of the upstream registry answered no token.");
}

async function bounded(response: Response, max: number): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of limited(response, max)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function* limited(response: Response, max: number): AsyncGenerator<Uint8Array> {
  let length = 0;
  try {
    for await (const chunk of response.body ?? []) {
      length += chunk.length;
      if (length > max) throw new UpstreamError(`The upstream registry sent more than ${max} bytes.`);
      yield chunk;
    }
  } catch (thrown) {
    if (thrown instanceof UpstreamError) throw thrown;
    throw new UpstreamError("The upstream registry broke off.", undefined, { cause: thrown });
  }
}
