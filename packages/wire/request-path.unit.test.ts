import { describe, expect, it } from "vitest";
import { readClaim } from "./claim.ts";
import { violations } from "./constraints.ts";
import { splitBucket } from "./routing.ts";

describe("what is remembered of requests", () => {
  const head =
    "AWS4-HMAC-SHA256 Credential=AKIA/20260101/eu-south-1/ecs/aws4_request, SignedHeaders=host;x-amz-date, ";
  const claimOf = (authorization: string) =>
    readClaim({
      method: "POST",
      rawPath: "/",
      rawQuery: "",
      headers: { host: "h", "x-amz-date": "20260101T000000Z", authorization },
    });

  it("is the signer of a header, and never its signature", () => {
    for (const digit of ["a", "b", "a"]) {
      const claim = claimOf(`${head}Signature=${digit.repeat(64)}`);
      expect(claim?.signature).toBe(digit.repeat(64));
      expect(claim?.signedHeaders).toEqual(["host", "x-amz-date"]);
      expect(claim?.accessKeyId).toBe("AKIA");
    }
    expect(claimOf(`${head.replace("AKIA", "AKIB")}Signature=${"a".repeat(64)}`)?.accessKeyId).toBe("AKIB");
  });

  it.each([
    ["a signature that is short", `${head}Signature=${"a".repeat(63)}`],
    ["a signature that is long", `${head}Signature=${"a".repeat(65)}`],
    ["a signature in capital letters", `${head}Signature=${"A".repeat(64)}`],
    ["two signatures", `${head}Signature=${"a".repeat(64)}, Signature=${"a".repeat(64)}`],
    ["something after the signature", `${head}Signature=${"a".repeat(64)},x`],
    ["no signature", head],
    ["no headers", head.replace("SignedHeaders=host;x-amz-date, ", `Signature=${"a".repeat(64)}`)],
    ["another credential", `${head.replace("/ecs/", "/")}Signature=${"a".repeat(64)}`],
  ])("does not make %s pass", (_, authorization) => {
    for (let time = 0; time < 2; time += 1) expect(() => claimOf(authorization)).toThrow("wrong form");
  });

  it("is the bucket of a host and a path together", () => {
    const split = (host: string, rawPath: string) => splitBucket({ headers: { host }, rawPath });
    for (let time = 0; time < 2; time += 1) {
      expect(split("127.0.0.1:1", "/a/k")).toEqual({ bucket: "a", path: "/k" });
      expect(split("b.s3.localhost", "/a/k")).toEqual({ bucket: "b", path: "/a/k" });
      expect(split("b.s3.localhost", "/k")).toEqual({ bucket: "b", path: "/k" });
      expect(split("127.0.0.1:1", "/k")).toEqual({ bucket: "k", path: "/" });
    }
  });

  it("is the constraint of each operation and member", () => {
    const constraints = { Name: { longest: 1 }, "Put.Name": { longest: 2 }, "Tags/Key": { longest: 1 } };
    for (let time = 0; time < 2; time += 1) {
      expect(violations("Put", { Name: "ab" }, constraints)).toEqual([]);
      expect(violations("Get", { Name: "ab" }, constraints)).toHaveLength(1);
      expect(violations("Get", { Name: "a", Tags: [{ Key: "ab" }] }, constraints)).toHaveLength(1);
      expect(violations("Get", { Name: "ab" }, { Name: { longest: 2 } })).toEqual([]);
    }
  });
});
