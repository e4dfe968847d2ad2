import { createHash } from "node:crypto";
import {
  CreateRepositoryCommand,
  ECRClient,
  GetAuthorizationTokenCommand,
  type CreateRepositoryCommandInput,
} from "@aws-sdk/client-ecr";
import { startApi } from "./api-server.ts";

export const OCI = "application/vnd.oci.image.manifest.v1+json";
export const INDEX = "application/vnd.oci.image.index.v1+json";

export const digestOf = (bytes: string | Buffer): string =>
  `sha256:${createHash("sha256").update(bytes).digest("hex")}`;

/**
 * Starts the API and the registry in a test's process, and returns the requests that push images. The caller
 * closes `api`.
 */
export async function startRegistry(options: Parameters<typeof startApi>[0] = {}) {
  const api = await startApi(options);
  const ecr = new ECRClient(api.client());
  let count = 0;

  const token = async (client = ecr): Promise<string> =>
    `Basic ${(await client.send(new GetAuthorizationTokenCommand({}))).authorizationData?.[0]?.authorizationToken}`;
  const rootToken = await token();

  const call = (method: string, path: string, options: CallOptions = {}) =>
    sendTo(api.registryPort, method, path, { authorization: rootToken, ...options });

  async function newRepository(more: Partial<CreateRepositoryCommandInput> = {}) {
    const repositoryName = `repository-${(count += 1)}`;
    await ecr.send(new CreateRepositoryCommand({ repositoryName, ...more }));
    const v2 = `/v2/000000000000.dkr.ecr.eu-south-1.amazonaws.com/${repositoryName}`;
    return { repositoryName, v2 };
  }

  async function pushBlob(v2: string, bytes: string | Buffer, authorization?: string): Promise<string> {
    const digest = digestOf(bytes);
    const answer = await call("POST", `${v2}/blobs/uploads/?digest=${digest}`, {
      body: bytes,
      ...(authorization === undefined ? {} : { authorization }),
    });
    if (answer.status !== 201) throw new Error(`${answer.status} ${answer.text}`);
    return digest;
  }

  async function pushImage(v2: string, reference: string, layer: string, more: object = {}) {
    const [config, content] = [await pushBlob(v2, "{}"), await pushBlob(v2, layer)];
    const manifest = JSON.stringify({
      schemaVersion: 2,
      mediaType: OCI,
      config: { mediaType: "application/vnd.oci.image.config.v1+json", digest: config, size: 2 },
      layers: [{ mediaType: "application/vnd.oci.image.layer.v1.tar", digest: content, size: layer.length }],
      ...more,
    });
    const digest = digestOf(manifest);
    const answer = await call("PUT", `${v2}/manifests/${reference === "" ? digest : reference}`, {
      body: manifest,
      headers: { "content-type": OCI },
    });
    return { digest, manifest, answer, layer: content };
  }

  return { api, ecr, call, newRepository, pushBlob, pushImage, token };
}

interface CallOptions {
  body?: string | Buffer;
  headers?: Record<string, string>;
  authorization?: string;
}

/** Sends a request to the registry, or without authorization to a whole URL. */
async function sendTo(port: number, method: string, path: string, options: CallOptions) {
  const isUrl = path.startsWith("http");
  const { authorization, headers, body } = options;
  const response = await fetch(isUrl ? path : `http://127.0.0.1:${port}${path}`, {
    method,
    headers: { ...(isUrl || authorization === undefined ? {} : { authorization }), ...headers },
    ...(body === undefined ? {} : { body: new Uint8Array(Buffer.from(body)) }),
  });
  const text = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    text,
    code: () => (JSON.parse(text) as { errors: { code: string }[] }).errors[0]?.code,
  };
}
