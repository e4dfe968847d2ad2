import * as s3 from "@aws-sdk/client-s3";
import { startS3 } from "@gantry/testkit";
import { afterAll, describe, expect, it } from "vitest";

// Each member that an operation accepts is shown by what the object or the bucket answers afterwards.
const { api, client, newBucket, put } = await startS3();
afterAll(() => api.close());
const GROUP = "http://acs.amazonaws.com/groups/global/AllUsers";
const [past, future] = [new Date(Date.now() - 3_600_000), new Date(Date.now() + 86_400_000)];
const Expires = new Date("2031-02-03T04:05:06Z");
const METADATA = {
  CacheControl: "max-age=1",
  ContentDisposition: "attachment",
  ContentEncoding: "gzip",
  ContentLanguage: "de",
  ContentType: "text/x-a",
  Metadata: { own: "1" },
};
const OTHER = { StorageClass: s3.StorageClass.STANDARD_IA, WebsiteRedirectLocation: "/elsewhere" };
const TAGS = { Tagging: "a=1&b=2" };
const SEALED = { ServerSideEncryption: s3.ServerSideEncryption.aws_kms, BucketKeyEnabled: true };
const LOCK = {
  ObjectLockMode: s3.ObjectLockMode.GOVERNANCE,
  ObjectLockRetainUntilDate: future,
  ObjectLockLegalHoldStatus: s3.ObjectLockLegalHoldStatus.ON,
};

const head = (Bucket: string, Key: string, more: Partial<s3.HeadObjectCommandInput> = {}) =>
  client.send(new s3.HeadObjectCommand({ Bucket, Key, ...more }));
const lockable = () => newBucket({ ObjectLockEnabledForBucket: true });
const codeOf = (call: Promise<unknown>) =>
  call.then(
    () => "none",
    (thrown: s3.S3ServiceException) => thrown.$metadata.httpStatusCode,
  );

describe("what is said of an object with its bytes", () => {
  const shown = { ...METADATA, ...OTHER, ServerSideEncryption: "aws:kms", BucketKeyEnabled: true };
  const locked = { ObjectLockMode: "GOVERNANCE", ObjectLockLegalHoldStatus: "ON", TagCount: 2 };
  const keyId = async () => (await head("source-of-key", "k")).SSEKMSKeyId ?? "";

  it("PutObject", async () => {
    const Bucket = await lockable();
    await put(Bucket, "k", "x", { ...METADATA, ...OTHER, ...TAGS, ...SEALED, ...LOCK, Expires });
    expect(await head(Bucket, "k")).toMatchObject({ ...shown, ...locked });
    expect((await head(Bucket, "k")).ObjectLockRetainUntilDate).toEqual(future);
    const { ContentLength: _, ...rest } = await client.send(new s3.GetObjectCommand({ Bucket, Key: "k" }));
    expect(rest).toMatchObject(METADATA);
    await put(Bucket, "kept", "x", { ...LOCK, ObjectLockMode: "COMPLIANCE", ServerSideEncryption: "AES256" });
    expect(await head(Bucket, "kept")).toMatchObject({
      ObjectLockMode: "COMPLIANCE",
      ServerSideEncryption: "AES256",
    });
  });

  it("CopyObject", async () => {
    await client.send(new s3.CreateBucketCommand({ Bucket: "source-of-key" }));
    await put("source-of-key", "k", "x", { ...SEALED, ContentType: "text/old", Metadata: { old: "1" } });
    const Bucket = await lockable();
    const copy = { Bucket, CopySource: "source-of-key/k", MetadataDirective: s3.MetadataDirective.REPLACE };
    const replaced = {
      ...{ ...METADATA, ...OTHER, ...TAGS, ...SEALED, ...LOCK, Expires },
      TaggingDirective: s3.TaggingDirective.REPLACE,
      ChecksumAlgorithm: s3.ChecksumAlgorithm.SHA1,
      SSEKMSKeyId: await keyId(),
    };
    await client.send(new s3.CopyObjectCommand({ ...copy, ...replaced, Key: "k" }));
    expect(await head(Bucket, "k", { ChecksumMode: "ENABLED" })).toMatchObject({ ...shown, ...locked });
    expect((await head(Bucket, "k", { ChecksumMode: "ENABLED" })).ChecksumSHA1).toBeDefined();
    const kept = {
      ...copy,
      MetadataDirective: s3.MetadataDirective.COPY,
      TaggingDirective: s3.TaggingDirective.COPY,
    };
    await client.send(new s3.CopyObjectCommand({ ...kept, Key: "same" }));
    expect(await head(Bucket, "same")).toMatchObject({ ContentType: "text/old", Metadata: { old: "1" } });
  });

  it("CreateMultipartUpload", async () => {
    const Bucket = await lockable();
    const target = { Bucket, Key: "k" };
    const given = { ...METADATA, ...OTHER, ...TAGS, ...SEALED, ...LOCK, SSEKMSKeyId: await keyId() };
    const { UploadId } = await client.send(new s3.CreateMultipartUploadCommand({ ...target, ...given }));
    const part = await client.send(
      new s3.UploadPartCommand({ ...target, UploadId, PartNumber: 1, Body: "x" }),
    );
    const MultipartUpload = { Parts: [{ PartNumber: 1, ETag: part.ETag }] };
    const complete = (more: Partial<s3.CompleteMultipartUploadCommandInput>) =>
      client.send(new s3.CompleteMultipartUploadCommand({ ...target, UploadId, MultipartUpload, ...more }));
    expect(await codeOf(complete({ MpuObjectSize: 2 }))).toBe(400);
    expect(await codeOf(complete({ IfMatch: '"00"' }))).toBe(404);
    await complete({ MpuObjectSize: 1, IfNoneMatch: "*" });
    expect(await head(Bucket, "k")).toMatchObject({ ...shown, ...locked });
  });
});

describe("conditions", () => {
  it.each(["GetObject", "HeadObject"] as const)("%s", async (operation) => {
    const Bucket = await newBucket();
    const { ETag = "" } = await put(Bucket, "k", "x");
    const read = (input: Partial<s3.GetObjectCommandInput>) =>
      codeOf(
        operation === "GetObject"
          ? client.send(new s3.GetObjectCommand({ Bucket, Key: "k", ...input }))
          : head(Bucket, "k", input),
      );
    expect(await read({ IfMatch: ETag, IfUnmodifiedSince: future, IfModifiedSince: past })).toBe("none");
    expect(await read({ IfNoneMatch: '"00"' })).toBe("none");
    expect(await read({ IfMatch: '"00"' })).toBe(412);
    expect(await read({ IfNoneMatch: ETag })).toBe(304);
    expect(await read({ IfModifiedSince: new Date(Date.now() - 1_000) })).not.toBe(412);
    expect(await read({ IfUnmodifiedSince: past })).toBe(412);
  });

  it("CopyObject and UploadPartCopy", async () => {
    const Bucket = await newBucket();
    const { ETag = "" } = await put(Bucket, "k", "x");
    const target = { Bucket, Key: "copy", CopySource: `${Bucket}/k` };
    const { UploadId } = await client.send(new s3.CreateMultipartUploadCommand({ Bucket, Key: "copy" }));
    type Conditions = Pick<
      s3.CopyObjectCommandInput,
      | "CopySourceIfMatch"
      | "CopySourceIfNoneMatch"
      | "CopySourceIfModifiedSince"
      | "CopySourceIfUnmodifiedSince"
    >;
    const both = async (input: Conditions) => [
      await codeOf(client.send(new s3.CopyObjectCommand({ ...target, ...input }))),
      await codeOf(
        client.send(new s3.UploadPartCopyCommand({ ...target, UploadId, PartNumber: 1, ...input })),
      ),
    ];
    expect(await both({ CopySourceIfMatch: ETag, CopySourceIfUnmodifiedSince: future })).toEqual([
      "none",
      "none",
    ]);
    expect(await both({ CopySourceIfNoneMatch: '"00"', CopySourceIfModifiedSince: past })).toEqual([
      "none",
      "none",
    ]);
    expect(await both({ CopySourceIfMatch: '"00"' })).toEqual([412, 412]);
    expect(await both({ CopySourceIfNoneMatch: ETag })).toEqual([412, 412]);
    expect(await both({ CopySourceIfUnmodifiedSince: past })).toEqual([412, 412]);
    const over = (input: object) => codeOf(client.send(new s3.CopyObjectCommand({ ...target, ...input })));
    expect([
      await over({ IfNoneMatch: "*" }),
      await over({ IfMatch: '"00"' }),
      await over({ IfMatch: ETag }),
    ]).toEqual([412, 412, "none"]);
  });

  it("DeleteObject and DeleteObjects", async () => {
    const Bucket = await newBucket();
    const { ETag = "" } = await put(Bucket, "k", "x");
    await put(Bucket, "other", "x");
    const remove = (IfMatch: string) =>
      codeOf(client.send(new s3.DeleteObjectCommand({ Bucket, Key: "k", IfMatch })));
    expect([await remove('"00"'), await remove(ETag)]).toEqual([412, "none"]);
    const Objects = [{ Key: "other", ETag: '"00"' }, { Key: "none" }];
    const Delete = { Objects, Quiet: true };
    const { Deleted, Errors } = await client.send(new s3.DeleteObjectsCommand({ Bucket, Delete }));
    expect([Deleted ?? [], Errors?.map(({ Key, Code }) => [Key, Code])]).toEqual([
      [],
      [["other", "PreconditionFailed"]],
    ]);
  });
});

it("headers that a reader overrides, a range and a part", async () => {
  const Bucket = await newBucket();
  await put(Bucket, "k", "0123456789");
  const given = {
    ResponseCacheControl: "no-store",
    ResponseContentDisposition: "inline",
    ResponseContentEncoding: "br",
    ResponseContentLanguage: "fr",
    ResponseContentType: "text/b",
    ResponseExpires: Expires,
  };
  const wanted = {
    ...{ CacheControl: "no-store", ContentDisposition: "inline", ContentEncoding: "br" },
    ...{ ContentLanguage: "fr", ContentType: "text/b" },
  };
  expect(await head(Bucket, "k", given)).toMatchObject(wanted);
  expect(await client.send(new s3.GetObjectCommand({ Bucket, Key: "k", ...given }))).toMatchObject(wanted);
  expect((await head(Bucket, "k", { Range: "bytes=2-4" })).ContentLength).toBe(3);
  expect(await head(Bucket, "k", { PartNumber: 1 })).toMatchObject({ ContentLength: 10 });
});

it("versions", async () => {
  const Bucket = await newBucket({}, true);
  const { VersionId } = await put(Bucket, "k", "old");
  await put(Bucket, "k", "newer");
  const old = { Bucket, Key: "k", VersionId };
  expect((await head(Bucket, "k", { VersionId })).ContentLength).toBe(3);
  await client.send(
    new s3.PutObjectTaggingCommand({ ...old, Tagging: { TagSet: [{ Key: "a", Value: "1" }] } }),
  );
  const tags = async (input: s3.GetObjectTaggingCommandInput) =>
    (await client.send(new s3.GetObjectTaggingCommand(input))).TagSet?.length;
  expect([await tags(old), await tags({ Bucket, Key: "k" })]).toEqual([1, 0]);
  await client.send(new s3.DeleteObjectTaggingCommand(old));
  expect(await tags(old)).toBe(0);
  const sizes = new s3.GetObjectAttributesCommand({ ...old, ObjectAttributes: ["ObjectSize"] });
  expect((await client.send(sizes)).ObjectSize).toBe(3);
});

describe("grants", () => {
  const owned = (more: Partial<s3.CreateBucketCommandInput> = {}) =>
    newBucket({ ObjectOwnership: "ObjectWriter", ...more });
  const GRANTS = {
    GrantFullControl: `uri="${GROUP}"`,
    GrantRead: `uri="${GROUP}"`,
    GrantReadACP: `uri="${GROUP}"`,
    GrantWriteACP: `uri="${GROUP}"`,
  };
  const permissions = ({ Grants = [] }: s3.GetBucketAclCommandOutput) =>
    Grants.map(({ Permission }) => Permission).toSorted();
  const FOUR = ["FULL_CONTROL", "READ", "READ_ACP", "WRITE_ACP"];
  const open = async (Bucket: string) => {
    const off = {
      BlockPublicAcls: false,
      IgnorePublicAcls: false,
      BlockPublicPolicy: false,
      RestrictPublicBuckets: false,
    };
    await client.send(new s3.PutPublicAccessBlockCommand({ Bucket, PublicAccessBlockConfiguration: off }));
    return Bucket;
  };
  const ofObject = async (Bucket: string, Key: string, VersionId?: string) =>
    permissions(await client.send(new s3.GetObjectAclCommand({ Bucket, Key, VersionId })));

  it("of a bucket", async () => {
    const Bucket = await open(await owned());
    const shown = async () => permissions(await client.send(new s3.GetBucketAclCommand({ Bucket })));
    await client.send(new s3.PutBucketAclCommand({ Bucket, ...GRANTS, GrantWrite: `uri="${GROUP}"` }));
    expect(await shown()).toEqual([...FOUR, "WRITE"].toSorted());
    const { Owner } = await client.send(new s3.GetBucketAclCommand({ Bucket }));
    const Grants: s3.Grant[] = [
      { Grantee: { Type: "Group", URI: GROUP }, Permission: "READ" },
      { Grantee: { Type: "CanonicalUser", ID: Owner?.ID }, Permission: "FULL_CONTROL" },
    ];
    await client.send(new s3.PutBucketAclCommand({ Bucket, AccessControlPolicy: { Owner, Grants } }));
    expect(await shown()).toEqual(["FULL_CONTROL", "READ"]);
    for (const [ACL, wanted] of [
      ["private", ["FULL_CONTROL"]],
      ["public-read", ["FULL_CONTROL", "READ"]],
      ["public-read-write", ["FULL_CONTROL", "READ", "WRITE"]],
      ["authenticated-read", ["FULL_CONTROL", "READ"]],
    ] as const) {
      await client.send(new s3.PutBucketAclCommand({ Bucket, ACL }));
      expect(await shown()).toEqual(wanted);
    }
  });

  it("of an object", async () => {
    const Bucket = await open(await owned());
    await put(Bucket, "k", "x", GRANTS);
    expect(await ofObject(Bucket, "k")).toEqual(FOUR);
    await put(Bucket, "plain", "x");
    const { Owner } = await client.send(new s3.GetObjectAclCommand({ Bucket, Key: "plain" }));
    await client.send(new s3.PutObjectAclCommand({ Bucket, Key: "plain", ...GRANTS }));
    expect(await ofObject(Bucket, "plain")).toEqual(FOUR);
    const Grants: s3.Grant[] = [
      { Grantee: { Type: "Group", URI: GROUP }, Permission: "READ_ACP" },
      { Grantee: { Type: "CanonicalUser", ID: Owner?.ID }, Permission: "FULL_CONTROL" },
    ];
    await client.send(
      new s3.PutObjectAclCommand({ Bucket, Key: "plain", AccessControlPolicy: { Owner, Grants } }),
    );
    expect(await ofObject(Bucket, "plain")).toEqual(["FULL_CONTROL", "READ_ACP"]);
    await client.send(
      new s3.CopyObjectCommand({ Bucket, Key: "copy", CopySource: `${Bucket}/plain`, ...GRANTS }),
    );
    expect(await ofObject(Bucket, "copy")).toEqual(FOUR);
    const copied = { Bucket, Key: "copy", CopySource: `${Bucket}/plain` };
    await client.send(new s3.CopyObjectCommand({ ...copied, ACL: "public-read" }));
    expect(await ofObject(Bucket, "copy")).toEqual(["FULL_CONTROL", "READ"]);
    for (const more of [GRANTS, { ACL: s3.ObjectCannedACL.public_read }]) {
      const target = { Bucket, Key: "upload" };
      const { UploadId } = await client.send(new s3.CreateMultipartUploadCommand({ ...target, ...more }));
      const part = new s3.UploadPartCommand({ ...target, UploadId, PartNumber: 1, Body: "x" });
      const Parts = [{ PartNumber: 1, ETag: (await client.send(part)).ETag }];
      await client.send(
        new s3.CompleteMultipartUploadCommand({ ...target, UploadId, MultipartUpload: { Parts } }),
      );
      expect(await ofObject(Bucket, "upload")).toEqual("ACL" in more ? ["FULL_CONTROL", "READ"] : FOUR);
    }
    for (const ACL of Object.values(s3.ObjectCannedACL)) {
      await put(Bucket, "canned", "x", { ACL });
      const given = await ofObject(Bucket, "canned");
      await client.send(new s3.PutObjectAclCommand({ Bucket, Key: "plain", ACL }));
      expect(await ofObject(Bucket, "plain")).toEqual(given);
      expect(given).toContain("FULL_CONTROL");
    }
  });

  it("of a version", async () => {
    const Bucket = await open(await owned());
    const VersioningConfiguration = { Status: s3.BucketVersioningStatus.Enabled };
    await client.send(new s3.PutBucketVersioningCommand({ Bucket, VersioningConfiguration }));
    const { VersionId } = await put(Bucket, "k", "x");
    await put(Bucket, "k", "y");
    await client.send(new s3.PutObjectAclCommand({ Bucket, Key: "k", VersionId, ACL: "public-read" }));
    expect([await ofObject(Bucket, "k", VersionId), await ofObject(Bucket, "k")]).toEqual([
      ["FULL_CONTROL", "READ"],
      ["FULL_CONTROL"],
    ]);
  });

  it("of a bucket that is created", async () => {
    const Tags = [{ Key: "a", Value: "b" }];
    const tagged = await newBucket({ CreateBucketConfiguration: { Tags } });
    expect((await client.send(new s3.GetBucketTaggingCommand({ Bucket: tagged }))).TagSet).toEqual(Tags);
    const Bucket = await owned({ ACL: "private" });
    expect(permissions(await client.send(new s3.GetBucketAclCommand({ Bucket })))).toEqual(["FULL_CONTROL"]);
    const own = await client.send(new s3.GetBucketAclCommand({ Bucket }));
    const id = `id="${own.Owner?.ID}"`;
    const all = { GrantFullControl: id, GrantRead: id, GrantReadACP: id, GrantWrite: id, GrantWriteACP: id };
    const granted = await owned(all);
    expect(permissions(await client.send(new s3.GetBucketAclCommand({ Bucket: granted })))).toEqual(
      [...FOUR, "WRITE"].toSorted(),
    );
  });
});
