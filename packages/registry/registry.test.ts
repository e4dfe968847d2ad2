import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { GetDownloadUrlForLayerCommand } from "@aws-sdk/client-ecr";
import { afterAll, describe, expect, it } from "vitest";
import { jsonLogger, SystemClock } from "@gantry/kernel";
import { digestOf, INDEX, OCI, startRegistry } from "@gantry/testkit/registry-client";

const lines: string[] = [];
const log = jsonLogger({ clock: new SystemClock(), level: "error", write: (line) => void lines.push(line) });
const { api, ecr, call, newRepository, pushBlob, pushImage } = await startRegistry({ log });
afterAll(() => api.close());

describe("OCI distribution 1.1", () => {
  it("accepts blobs whole, in two steps and in chunks, and refuses chunks out of order", async () => {
    const { v2 } = await newRepository();
    const start = async () => (await call("POST", `${v2}/blobs/uploads/`)).headers.get("location") ?? "";
    const whole = await start();
    expect(
      (
        await call("PUT", `${whole}?digest=${digestOf("whole")}`, {
          body: "whole",
          headers: { "content-type": "application/octet-stream" },
        })
      ).status,
    ).toBe(201);
    const chunked = await start();
    const patch = (body: string, range: string) =>
      call("PATCH", chunked, { body, headers: { "content-range": range } });
    const one = await patch("01234", "0-4");
    expect([one.status, one.headers.get("range"), one.headers.get("docker-upload-uuid")?.length]).toEqual([
      202,
      "0-4",
      36,
    ]);
    expect((await call("GET", chunked)).headers.get("range")).toBe("0-4");
    for (const range of ["0-4", "6-9", "3-7", "nonsense"]) {
      const refused = await patch("56789", range);
      expect([refused.status, refused.headers.get("range"), refused.headers.get("location")]).toEqual([
        416,
        "0-4",
        chunked,
      ]);
    }
    expect((await patch("56789", "5-9")).headers.get("range")).toBe("0-9");
    expect(
      (
        await call("PUT", `${chunked}?digest=${digestOf("0123456789ab")}`, {
          body: "ab",
          headers: { "content-range": "10-11" },
        })
      ).status,
    ).toBe(201);
    expect((await call("GET", `${v2}/blobs/${digestOf("0123456789ab")}`)).text).toBe("0123456789ab");
    expect((await call("GET", chunked)).code()).toBe("BLOB_UPLOAD_UNKNOWN");
    const wrong = await start();
    expect((await call("PUT", `${wrong}?digest=${digestOf("x")}`, { body: "y" })).code()).toBe(
      "DIGEST_INVALID",
    );
    const given = await start();
    expect((await call("DELETE", given)).status).toBe(204);
    expect((await call("PATCH", given, { body: "x" })).status).toBe(404);
  });

  it("serves blobs by HEAD, whole and in ranges", async () => {
    const { v2 } = await newRepository();
    const digest = await pushBlob(v2, "0123456789");
    const head = await call("HEAD", `${v2}/blobs/${digest}`);
    expect([
      head.status,
      head.headers.get("content-length"),
      head.headers.get("docker-content-digest"),
    ]).toEqual([200, "10", digest]);
    const range = (value: string) => call("GET", `${v2}/blobs/${digest}`, { headers: { range: value } });
    expect((await range("bytes=2-4")).text).toBe("234");
    expect((await range("bytes=7-")).text).toBe("789");
    expect((await range("bytes=-2")).text).toBe("89");
    expect((await range("bytes=2-4")).headers.get("content-range")).toBe("bytes 2-4/10");
    expect((await range("bytes=10-")).status).toBe(416);
    expect((await call("GET", `${v2}/blobs/${digestOf("none")}`)).code()).toBe("BLOB_UNKNOWN");
  });

  it("closes the connection before the last byte of a damaged blob, and logs its digest", async () => {
    const { v2, repositoryName } = await newRepository();
    for (const size of [10, 3_000_000]) {
      const digest = await pushBlob(v2, Buffer.alloc(size, size % 251));
      const path = join(api.folder, "registry/blobs", digest.slice(7, 9), digest.slice(7));
      const bytes = readFileSync(path);
      bytes[size - 1] = 255;
      writeFileSync(path, bytes);
      const { downloadUrl = "" } = await ecr.send(
        new GetDownloadUrlForLayerCommand({ repositoryName, layerDigest: digest }),
      );
      for (const url of [`${v2}/blobs/${digest}`, downloadUrl]) {
        lines.length = 0;
        await expect(call("GET", url)).rejects.toThrow(/terminated|fetch failed/);
        expect(lines.join()).toContain(`The blob ${digest} is damaged.`);
        expect(lines.join()).not.toContain("token");
      }
    }
  });

  it("separates the blobs of repositories, and mounts them if the caller may use both", async () => {
    const [from, to] = [await newRepository(), await newRepository()];
    const digest = await pushBlob(from.v2, "shared");
    expect((await call("HEAD", `${to.v2}/blobs/${digest}`)).status).toBe(404);
    const mount = (source: string) => call("POST", `${to.v2}/blobs/uploads/?mount=${digest}&from=${source}`);
    expect((await mount(from.v2.slice("/v2/".length).replace(from.repositoryName, "nowhere"))).status).toBe(
      202,
    );
    const mounted = await mount(from.v2.slice("/v2/".length));
    expect([mounted.status, mounted.headers.get("location")]).toEqual([201, `${to.v2}/blobs/${digest}`]);
    expect((await call("GET", `${to.v2}/blobs/${digest}`)).text).toBe("shared");
  });

  it("accepts manifests by tag and digest, and refuses missing references", async () => {
    const { v2 } = await newRepository();
    const pushed = await pushImage(v2, "one", "layer");
    expect([pushed.answer.status, pushed.answer.headers.get("docker-content-digest")]).toEqual([
      201,
      pushed.digest,
    ]);
    expect((await pushImage(v2, "", "layer")).answer.status).toBe(201);
    for (const reference of ["one", pushed.digest]) {
      const got = await call("GET", `${v2}/manifests/${reference}`);
      expect([got.text, got.headers.get("content-type")]).toEqual([pushed.manifest, OCI]);
      expect((await call("HEAD", `${v2}/manifests/${reference}`)).headers.get("content-length")).toBe(
        String(pushed.manifest.length),
      );
    }
    const other = await newRepository();
    const foreign = await call("PUT", `${other.v2}/manifests/x`, {
      body: pushed.manifest,
      headers: { "content-type": OCI },
    });
    expect([foreign.status, foreign.code()]).toEqual([404, "MANIFEST_BLOB_UNKNOWN"]);
    expect((await call("PUT", `${v2}/manifests/${digestOf("no")}`, { body: pushed.manifest })).code()).toBe(
      "DIGEST_INVALID",
    );
    expect((await call("PUT", `${v2}/manifests/-bad`, { body: pushed.manifest })).code()).toBe("TAG_INVALID");
    expect((await call("PUT", `${v2}/manifests/v1`, { body: '{"schemaVersion":1}' })).code()).toBe(
      "MANIFEST_INVALID",
    );
    expect((await call("GET", `${v2}/manifests/absent`)).code()).toBe("MANIFEST_UNKNOWN");
    const index = JSON.stringify({
      schemaVersion: 2,
      mediaType: INDEX,
      manifests: [
        { mediaType: OCI, digest: pushed.digest, size: 1, platform: { os: "linux", architecture: "amd64" } },
      ],
    });
    expect(
      (await call("PUT", `${v2}/manifests/index`, { body: index, headers: { "content-type": INDEX } }))
        .status,
    ).toBe(201);
    const broken = index.replace(pushed.digest, digestOf("gone"));
    expect(
      (
        await call("PUT", `${v2}/manifests/broken`, { body: broken, headers: { "content-type": INDEX } })
      ).code(),
    ).toBe("MANIFEST_UNKNOWN");
    const elsewhere = JSON.stringify({
      schemaVersion: 2,
      config: { digest: digestOf("{}"), size: 2 },
      layers: [
        {
          mediaType: "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
          digest: digestOf("windows"),
          size: 7,
          urls: ["https://example.com/layer"],
        },
      ],
    });
    expect(
      (
        await call("PUT", `${v2}/manifests/foreign`, {
          body: elsewhere,
          headers: { "content-type": "application/vnd.docker.distribution.manifest.v2+json" },
        })
      ).status,
    ).toBe(201);
    expect((await call("GET", `${v2}/manifests/foreign`)).text).toBe(elsewhere);
  });

  it("lists tags in order, page by page", async () => {
    const { v2 } = await newRepository();
    for (const tag of ["c", "a", "b", "d"]) await pushImage(v2, tag, "same");
    const list = async (query: string) => {
      const answer = await call("GET", `${v2}/tags/list${query}`);
      return [(JSON.parse(answer.text) as { tags: string[] }).tags, answer.headers.get("link")];
    };
    expect(await list("")).toEqual([["a", "b", "c", "d"], null]);
    expect(await list("?n=2")).toEqual([["a", "b"], `<${v2}/tags/list?n=2&last=b>; rel="next"`]);
    expect(await list("?n=2&last=b")).toEqual([["c", "d"], null]);
    expect(await list("?n=0")).toEqual([[], null]);
    expect(
      (await call("GET", `/v2/000000000000.dkr.ecr.eu-south-1.amazonaws.com/nowhere/tags/list`)).code(),
    ).toBe("NAME_UNKNOWN");
  });

  it("lists referrers of an image, filtered by type, also before the image exists", async () => {
    const { v2 } = await newRepository();
    const image = await pushImage(v2, "image", "layer");
    const about = (artifactType: string) =>
      pushImage(v2, "", artifactType, {
        artifactType,
        subject: { mediaType: OCI, digest: image.digest, size: 1 },
        annotations: { kind: artifactType },
      });
    const signature = await about("application/signature");
    expect(signature.answer.headers.get("oci-subject")).toBe(image.digest);
    await about("application/sbom");
    const referrers = async (query = "", digest = image.digest) => {
      const answer = await call("GET", `${v2}/referrers/${digest}${query}`);
      return {
        answer,
        list: (JSON.parse(answer.text) as { manifests: { artifactType: string; annotations: object }[] })
          .manifests,
      };
    };
    expect((await referrers()).list.map((each) => each.artifactType).toSorted()).toEqual([
      "application/sbom",
      "application/signature",
    ]);
    const filtered = await referrers("?artifactType=application/sbom");
    expect([
      filtered.list.length,
      filtered.answer.headers.get("oci-filters-applied"),
      filtered.answer.headers.get("content-type"),
    ]).toEqual([1, "artifactType", INDEX]);
    expect(filtered.list[0]?.annotations).toEqual({ kind: "application/sbom" });
    expect((await referrers("", digestOf("later"))).list).toEqual([]);
    expect((await call("GET", `${v2}/referrers/nonsense`)).code()).toBe("DIGEST_INVALID");
  });

  it("deletes tags, manifests and blobs that no image needs", async () => {
    const { v2 } = await newRepository();
    const image = await pushImage(v2, "tag", "layer");
    await pushImage(v2, "other", "layer");
    expect((await call("DELETE", `${v2}/blobs/${image.layer}`)).status).toBe(405);
    expect((await call("DELETE", `${v2}/manifests/tag`)).status).toBe(202);
    expect((await call("GET", `${v2}/manifests/tag`)).status).toBe(404);
    expect((await call("GET", `${v2}/manifests/other`)).status).toBe(200);
    expect((await call("DELETE", `${v2}/manifests/${image.digest}`)).status).toBe(202);
    expect((await call("GET", `${v2}/manifests/other`)).status).toBe(404);
    expect((await call("DELETE", `${v2}/blobs/${image.layer}`)).status).toBe(202);
    expect((await call("HEAD", `${v2}/blobs/${image.layer}`)).status).toBe(404);
    expect((await call("DELETE", `${v2}/blobs/${image.layer}`)).status).toBe(404);
  });
});
