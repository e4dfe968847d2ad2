import { createHash } from "node:crypto";
import * as s3 from "@aws-sdk/client-s3";
import { startS3 } from "@gantry/testkit";
import { refusalFor } from "@gantry/testkit/sent-members";
import { afterAll, describe, expect, it } from "vitest";

// Each member that an operation on an object accepts is shown by what the object answers afterwards.
const { api, client, newBucket, put, get } = await startS3();
afterAll(() => api.close());
const GROUP = "http://acs.amazonaws.com/groups/global/AllUsers";
const later = new Date(Date.now() + 86_400_000);
const lockable = () => newBucket({ ObjectLockEnabledForBucket: true });
const head = (Bucket: string, Key: string, more: Partial<s3.HeadObjectCommandInput> = {}) =>
  client.send(new s3.HeadObjectCommand({ Bucket, Key, ...more }));

/** A bucket whose objects may have ACLs, public ones too. */
async function open(more: Partial<s3.CreateBucketCommandInput> = {}): Promise<string> {
  const Bucket = await newBucket({ ObjectOwnership: "ObjectWriter", ...more });
  const off = {
    ...{ BlockPublicAcls: false, IgnorePublicAcls: false },
    ...{ BlockPublicPolicy: false, RestrictPublicBuckets: false },
  };
  await client.send(new s3.PutPublicAccessBlockCommand({ Bucket, PublicAccessBlockConfiguration: off }));
  return Bucket;
}
const permissions = ({ Grants = [] }: s3.GetObjectAclCommandOutput | s3.GetBucketAclCommandOutput) =>
  Grants.map(({ Permission }) => Permission).toSorted();
const aclOf = async (Bucket: string, Key: string) =>
  permissions(await client.send(new s3.GetObjectAclCommand({ Bucket, Key })));

/** Uploads an object in one part. */
async function upload(
  input: s3.CreateMultipartUploadCommandInput,
  more: Partial<s3.CompleteMultipartUploadCommandInput> = {},
): Promise<s3.CompleteMultipartUploadCommandOutput> {
  const target = { Bucket: input.Bucket, Key: input.Key };
  const { UploadId } = await client.send(new s3.CreateMultipartUploadCommand(input));
  const { ChecksumAlgorithm } = input;
  const part = { ...target, UploadId, PartNumber: 1, Body: "x", ChecksumAlgorithm };
  const { ETag } = await client.send(new s3.UploadPartCommand(part));
  const MultipartUpload = { Parts: [{ PartNumber: 1, ETag }] };
  return client.send(
    new s3.CompleteMultipartUploadCommand({ ...target, UploadId, MultipartUpload, ...more }),
  );
}

describe.each<[string, (input: s3.PutObjectCommandInput) => Promise<unknown>]>([
  ["PutObject", (input) => client.send(new s3.PutObjectCommand({ ...input, Body: "x" }))],
  [
    "CopyObject",
    async (input) => {
      await put(input.Bucket ?? "", "source", "x");
      const CopySource = `${input.Bucket}/source`;
      await client.send(new s3.CopyObjectCommand({ ...input, CopySource }));
    },
  ],
  ["CreateMultipartUpload", (input) => upload(input)],
])("%s", (_, write) => {
  it("has each canned ACL", async () => {
    const Bucket = await open();
    const full = ["FULL_CONTROL"];
    const wanted: Readonly<Record<s3.ObjectCannedACL, readonly string[]>> = {
      private: full,
      "bucket-owner-full-control": full,
      "bucket-owner-read": full,
      "aws-exec-read": full,
      "authenticated-read": [...full, "READ"],
      "public-read": [...full, "READ"],
      "public-read-write": [...full, "READ", "WRITE"],
    };
    for (const ACL of Object.values(s3.ObjectCannedACL)) {
      await write({ Bucket, Key: "k", ACL });
      expect([ACL, await aclOf(Bucket, "k")]).toEqual([ACL, wanted[ACL]]);
    }
  });

  it("is encrypted by each method", async () => {
    const Bucket = await newBucket();
    for (const ServerSideEncryption of ["AES256", "aws:kms", "aws:kms:dsse"] as const) {
      await write({ Bucket, Key: "k", ServerSideEncryption });
      expect((await head(Bucket, "k")).ServerSideEncryption).toBe(ServerSideEncryption);
    }
    for (const ServerSideEncryption of ["aws:fsx", "aws:backup"] as const)
      await expect(write({ Bucket, Key: "k", ServerSideEncryption })).rejects.toMatchObject({
        name: "InvalidArgument",
      });
  });

  it("is locked in compliance mode, without a legal hold", async () => {
    const Bucket = await lockable();
    await write({
      ...{ Bucket, Key: "k", ObjectLockMode: "COMPLIANCE", ObjectLockRetainUntilDate: later },
      ObjectLockLegalHoldStatus: "OFF",
    });
    const { VersionId, ObjectLockMode, ObjectLockLegalHoldStatus } = await head(Bucket, "k");
    expect(ObjectLockMode).toBe("COMPLIANCE");
    expect(ObjectLockLegalHoldStatus).not.toBe("ON");
    const remove = { Bucket, Key: "k", VersionId, BypassGovernanceRetention: true };
    await expect(client.send(new s3.DeleteObjectCommand(remove))).rejects.toMatchObject({
      name: "AccessDenied",
    });
  });
});

describe("a completed upload", () => {
  // Before: the checksum of the object was compared with the request's document, and every claim was refused.
  it.each(["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"] as const)(
    "is compared with the claimed %s",
    async (ChecksumAlgorithm) => {
      const input = { Bucket: await newBucket(), Key: "k", ChecksumAlgorithm };
      const member = `Checksum${ChecksumAlgorithm}` as const;
      const { [member]: checksum = "" } = await upload(input);
      expect((await upload(input, { [member]: checksum }))[member]).toBe(checksum);
      const other = Buffer.alloc(Buffer.from(checksum.split("-")[0] ?? "", "base64").length, 1);
      const wrong = upload(input, { [member]: other.toString("base64") });
      await expect(wrong).rejects.toMatchObject({ name: "BadDigest" });
    },
  );

  it("replaces the object of the given entity tag alone", async () => {
    const target = { Bucket: await newBucket(), Key: "k" };
    const { ETag } = await put(target.Bucket, "k", "old");
    const wrong = upload(target, { IfMatch: '"00"' });
    await expect(wrong).rejects.toMatchObject({ name: "PreconditionFailed" });
    await upload(target, { IfMatch: ETag });
    expect(await get(target.Bucket, "k")).toBe("x");
  });
});

describe("grants", () => {
  const ALL = ["READ", "READ_ACP", "WRITE", "WRITE_ACP"] as const;

  it("of each permission, of a bucket and of an object", async () => {
    const Bucket = await open();
    await put(Bucket, "k", "x");
    const { Owner } = await client.send(new s3.GetBucketAclCommand({ Bucket }));
    const AccessControlPolicy = {
      Owner,
      Grants: ALL.map((Permission) => ({ Grantee: { Type: s3.Type.Group, URI: GROUP }, Permission })),
    };
    await client.send(new s3.PutBucketAclCommand({ Bucket, AccessControlPolicy }));
    expect(permissions(await client.send(new s3.GetBucketAclCommand({ Bucket })))).toEqual(ALL);
    await client.send(new s3.PutObjectAclCommand({ Bucket, Key: "k", AccessControlPolicy }));
    expect(await aclOf(Bucket, "k")).toEqual(ALL);
    const GrantWrite = `uri="${GROUP}"`;
    await client.send(new s3.PutObjectAclCommand({ Bucket, Key: "k", GrantWrite }));
    expect(await aclOf(Bucket, "k")).toEqual(["WRITE"]);
  });

  it("to an e-mail address are refused, as there is no such account", async () => {
    const Bucket = await open();
    await put(Bucket, "k", "x");
    const { Owner } = await client.send(new s3.GetBucketAclCommand({ Bucket }));
    const Grantee = { Type: s3.Type.AmazonCustomerByEmail, EmailAddress: "a@b.example" };
    const AccessControlPolicy = { Owner, Grants: [{ Grantee, Permission: s3.Permission.READ }] };
    const member = "AccessControlPolicy.Grants.Grantee.EmailAddress";
    for (const command of [
      () => client.send(new s3.PutBucketAclCommand({ Bucket, AccessControlPolicy })),
      () => client.send(new s3.PutObjectAclCommand({ Bucket, Key: "k", AccessControlPolicy })),
    ])
      expect(await refusalFor(member, command)).toMatchObject({ name: "UnresolvableGrantByEmailAddress" });
    expect(await aclOf(Bucket, "k")).toEqual(["FULL_CONTROL"]);
  });

  // The public access block of a new bucket is on.
  it("to everybody are refused of a bucket that is created", async () => {
    for (const ACL of ["authenticated-read", "public-read", "public-read-write"] as const)
      for (const [ObjectOwnership, name] of [
        ["BucketOwnerEnforced", "InvalidBucketAclWithObjectOwnership"],
        ["ObjectWriter", "InvalidBucketAclWithBlockPublicAccessError"],
      ] as const) {
        const Bucket = `${ACL}-${ObjectOwnership.toLowerCase()}`;
        const create = () => client.send(new s3.CreateBucketCommand({ Bucket, ACL, ObjectOwnership }));
        expect(await refusalFor("ACL", create)).toMatchObject({ name });
        await expect(client.send(new s3.HeadBucketCommand({ Bucket }))).rejects.toMatchObject({
          name: "NotFound",
        });
      }
  });

  it("of a bucket's owner are enforced from its creation on", async () => {
    for (const ObjectOwnership of ["BucketOwnerEnforced", "BucketOwnerPreferred"] as const) {
      const Bucket = await newBucket({ ObjectOwnership });
      const { OwnershipControls } = await client.send(new s3.GetBucketOwnershipControlsCommand({ Bucket }));
      expect(OwnershipControls?.Rules).toEqual([{ ObjectOwnership }]);
      const written = put(Bucket, "k", "x", { GrantRead: `uri="${GROUP}"` });
      await expect(written).rejects.toMatchObject({
        name: ObjectOwnership === "BucketOwnerEnforced" ? "AccessControlListNotSupported" : "AccessDenied",
      });
    }
  });
});

describe("a digest of the request", () => {
  /** A client whose documents have the digest of themselves, or of another one. */
  const digesting = (isRight: boolean): s3.S3Client => {
    const own = new s3.S3Client({ ...api.client(), forcePathStyle: true });
    own.middlewareStack.add(
      (next) => (args) => {
        // The request of HTTP that the serializer made.
        const { headers, body = "" } = args.request as { headers: Record<string, string>; body?: string };
        const document = isRight ? body : "another document";
        headers["content-md5"] = createHash("md5").update(document).digest("base64");
        return next(args);
      },
      { step: "build" },
    );
    return own;
  };
  const [right, wrong] = [digesting(true), digesting(false)];

  it.each<[string, (own: s3.S3Client, target: { Bucket: string; Key: string }) => Promise<unknown>]>([
    [
      "PutBucketPolicy",
      (own, { Bucket }) => {
        const Principal = { AWS: "000000000000" };
        const Statement = { Effect: "Allow", Principal, Action: "s3:*", Resource: `arn:aws:s3:::${Bucket}` };
        const Policy = JSON.stringify({ Version: "2012-10-17", Statement });
        return own.send(new s3.PutBucketPolicyCommand({ Bucket, Policy }));
      },
    ],
    [
      "PutObjectLegalHold",
      (own, target) => own.send(new s3.PutObjectLegalHoldCommand({ ...target, LegalHold: { Status: "ON" } })),
    ],
    [
      "PutObjectRetention",
      (own, target) => {
        const Retention = { Mode: "GOVERNANCE", RetainUntilDate: later } as const;
        return own.send(new s3.PutObjectRetentionCommand({ ...target, Retention }));
      },
    ],
    [
      "PutObjectLockConfiguration",
      (own, { Bucket }) => {
        const Rule = { DefaultRetention: { Mode: "GOVERNANCE", Days: 1 } } as const;
        const ObjectLockConfiguration = { ObjectLockEnabled: "Enabled", Rule } as const;
        return own.send(new s3.PutObjectLockConfigurationCommand({ Bucket, ObjectLockConfiguration }));
      },
    ],
  ])("is compared by %s", async (_, send) => {
    const Bucket = await lockable();
    await put(Bucket, "k", "x");
    await expect(send(wrong, { Bucket, Key: "k" })).rejects.toMatchObject({ name: "BadDigest" });
    await send(right, { Bucket, Key: "k" });
  });
});

it("answers requesters that pay", async () => {
  const Bucket = await lockable();
  await put(Bucket, "k", "x");
  const target = { Bucket, Key: "k" };
  const payer = { RequestPayer: "requester" } as const;
  const paid = { ...target, ...payer };
  const lock = { ObjectLockEnabled: "Enabled" } as const;
  await client.send(
    new s3.PutObjectLockConfigurationCommand({ Bucket, ...payer, ObjectLockConfiguration: lock }),
  );
  const Retention = { Mode: "GOVERNANCE", RetainUntilDate: later } as const;
  await client.send(new s3.PutObjectRetentionCommand({ ...paid, Retention }));
  expect((await client.send(new s3.GetObjectRetentionCommand(paid))).Retention?.Mode).toBe("GOVERNANCE");
  await client.send(new s3.PutObjectLegalHoldCommand({ ...paid, LegalHold: { Status: "ON" } }));
  expect((await client.send(new s3.GetObjectLegalHoldCommand(paid))).LegalHold?.Status).toBe("ON");
  const { UploadId } = await client.send(new s3.CreateMultipartUploadCommand(target));
  const part = { ...paid, UploadId, PartNumber: 1 };
  await client.send(new s3.UploadPartCommand({ ...part, Body: "x" }));
  const CopySource = `${Bucket}/k`;
  const { CopyPartResult } = await client.send(new s3.UploadPartCopyCommand({ ...part, CopySource }));
  expect((await client.send(new s3.ListPartsCommand({ ...paid, UploadId }))).Parts).toHaveLength(1);
  const MultipartUpload = { Parts: [{ PartNumber: 1, ETag: CopyPartResult?.ETag }] };
  await client.send(new s3.CompleteMultipartUploadCommand({ ...paid, UploadId, MultipartUpload }));
  await client.send(new s3.CopyObjectCommand({ ...paid, Key: "copy", CopySource }));
  expect((await head(Bucket, "copy")).ContentLength).toBe(1);
  const other = await client.send(new s3.CreateMultipartUploadCommand(target));
  await client.send(new s3.AbortMultipartUploadCommand({ ...paid, UploadId: other.UploadId }));
  // The SDK's type has the one value alone.
  const nobody = new s3.ListPartsCommand({ ...target, UploadId, RequestPayer: "nobody" as "requester" });
  await expect(client.send(nobody)).rejects.toThrow("Unknown request payer.");
});

it("reads attributes of an object with a customer's key, and copies it into a part with another", async () => {
  const keyOf = (fill: number) => {
    const bytes = Buffer.alloc(32, fill);
    const SSECustomerKeyMD5 = createHash("md5").update(bytes).digest("base64");
    const SSECustomerKey = bytes.toString("base64");
    return { SSECustomerAlgorithm: "AES256", SSECustomerKey, SSECustomerKeyMD5 };
  };
  const [own, other] = [keyOf(1), keyOf(2)];
  const Bucket = await newBucket();
  await put(Bucket, "k", "sealed text", own);
  expect((await head(Bucket, "k", own)).SSECustomerKeyMD5).toBe(own.SSECustomerKeyMD5);
  await expect(head(Bucket, "k")).rejects.toMatchObject({ $metadata: { httpStatusCode: 400 } });
  const attributes = (key: object) =>
    client.send(
      new s3.GetObjectAttributesCommand({ Bucket, Key: "k", ObjectAttributes: ["ObjectSize"], ...key }),
    );
  expect((await attributes(own)).ObjectSize).toBe(11);
  await expect(attributes(other)).rejects.toMatchObject({ name: "AccessDenied" });
  const target = { Bucket, Key: "copy", ...other };
  const { UploadId } = await client.send(new s3.CreateMultipartUploadCommand(target));
  const copy = {
    ...{ ...target, UploadId, PartNumber: 1, CopySource: `${Bucket}/k` },
    CopySourceSSECustomerAlgorithm: own.SSECustomerAlgorithm,
    CopySourceSSECustomerKey: own.SSECustomerKey,
    CopySourceSSECustomerKeyMD5: own.SSECustomerKeyMD5,
  };
  const { CopyPartResult } = await client.send(new s3.UploadPartCopyCommand(copy));
  const MultipartUpload = { Parts: [{ PartNumber: 1, ETag: CopyPartResult?.ETag }] };
  await client.send(new s3.CompleteMultipartUploadCommand({ ...target, UploadId, MultipartUpload }));
  expect(await get(Bucket, "copy", other)).toBe("sealed text");
});

it("refuses to append to an object and to ask for MFA, and encrypts as the bucket says", async () => {
  const Bucket = await newBucket();
  await expect(put(Bucket, "k", "x", { WriteOffsetBytes: 1 })).rejects.toThrow("WriteOffsetBytes");
  const VersioningConfiguration = { Status: "Enabled", MFADelete: "Enabled" } as const;
  await expect(
    client.send(new s3.PutBucketVersioningCommand({ Bucket, VersioningConfiguration })),
  ).rejects.toThrow("MFA delete");
  const encrypt = (SSEAlgorithm: s3.ServerSideEncryption, type: s3.EncryptionType) => {
    const Rules = [
      {
        ApplyServerSideEncryptionByDefault: { SSEAlgorithm },
        BlockedEncryptionTypes: { EncryptionType: [type] },
      },
    ];
    const ServerSideEncryptionConfiguration = { Rules };
    return client.send(new s3.PutBucketEncryptionCommand({ Bucket, ServerSideEncryptionConfiguration }));
  };
  await encrypt("aws:kms:dsse", "NONE");
  await put(Bucket, "k", "x");
  expect((await head(Bucket, "k")).ServerSideEncryption).toBe("aws:kms:dsse");
  const algorithm = "ServerSideEncryptionConfiguration.Rules.ApplyServerSideEncryptionByDefault.SSEAlgorithm";
  for (const other of ["aws:fsx", "aws:backup"] as const)
    expect(await refusalFor(algorithm, () => encrypt(other, "NONE"))).toMatchObject({ name: "MalformedXML" });
  await expect(encrypt("AES256", "SSE-C")).rejects.toThrow("BlockedEncryptionTypes");
});

it("redirects to the protocol of a routing rule", async () => {
  const Bucket = await newBucket();
  const RoutingRules = [{ Redirect: { Protocol: s3.Protocol.http, HostName: "b.example" } }];
  const WebsiteConfiguration = { IndexDocument: { Suffix: "index.html" }, RoutingRules };
  await client.send(new s3.PutBucketWebsiteCommand({ Bucket, WebsiteConfiguration }));
  const shown = await client.send(new s3.GetBucketWebsiteCommand({ Bucket }));
  expect(shown.RoutingRules).toEqual(RoutingRules);
});
