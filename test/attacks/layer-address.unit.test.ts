import {
  CompleteLayerUploadCommand,
  CreateRepositoryCommand,
  ECRClient,
  GetDownloadUrlForLayerCommand,
  InitiateLayerUploadCommand,
  UploadLayerPartCommand,
} from "@aws-sdk/client-ecr";
import { startApi } from "@gantry/testkit";
import { sha256Hex } from "@gantry/wire/sigv4";
import { expect, it } from "vitest";

// Before: the address of a layer held the token of a whole login: for twelve hours it pushed and pulled everything.
it("the URL of a layer reads that layer and is not a credential for the registry", async () => {
  const api = await startApi();
  try {
    const ecr = new ECRClient(api.client());
    const repositoryName = "app";
    await ecr.send(new CreateRepositoryCommand({ repositoryName }));
    const layerPartBlob = Buffer.from("layer");
    const layerDigest = `sha256:${sha256Hex(layerPartBlob)}`;
    const { uploadId } = await ecr.send(new InitiateLayerUploadCommand({ repositoryName }));
    const part = { repositoryName, uploadId, partFirstByte: 0, partLastByte: 4, layerPartBlob };
    await ecr.send(new UploadLayerPartCommand(part));
    const whole = { repositoryName, uploadId, layerDigests: [layerDigest] };
    await ecr.send(new CompleteLayerUploadCommand(whole));
    const asked = new GetDownloadUrlForLayerCommand({ repositoryName, layerDigest });
    const { downloadUrl = "" } = await ecr.send(asked);
    expect(await (await fetch(downloadUrl)).text()).toBe("layer");
    const other = (path: string) => downloadUrl.replace(`/blobs/${layerDigest}`, path);
    const basic = Buffer.from(`AWS:${new URL(downloadUrl).searchParams.get("token") ?? ""}`).toString(
      "base64",
    );
    const attempts = [
      fetch(other("/tags/list")),
      fetch(other("/manifests/latest")),
      fetch(other(`/blobs/sha256:${"0".repeat(64)}`)),
      fetch(other("/blobs/uploads/"), { method: "POST" }),
      fetch(downloadUrl, { method: "DELETE" }),
      fetch(`http://127.0.0.1:${api.registryPort}/v2/`, { headers: { authorization: `Basic ${basic}` } }),
    ];
    for (const answer of await Promise.all(attempts)) expect(answer.status).toBe(401);
  } finally {
    api.close();
  }
});
