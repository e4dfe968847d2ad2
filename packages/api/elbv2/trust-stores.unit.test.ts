import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as acm from "@aws-sdk/client-acm";
import * as ec2 from "@aws-sdk/client-ec2";
import * as elb from "@aws-sdk/client-elastic-load-balancing-v2";
import * as s3 from "@aws-sdk/client-s3";
import { startApi } from "@gantry/testkit";
import { newAuthority, openAuthority } from "@gantry/tls";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const api = await startApi();
afterAll(() => api.close());
const client = new elb.ElasticLoadBalancingV2Client(api.client());
const storage = new s3.S3Client({ ...api.client(), forcePathStyle: true });
const put = (Key: string, Body: string) =>
  storage.send(new s3.PutObjectCommand({ Bucket: "trust", Key, Body }));
const create = (Name: string, key = "ca.pem") =>
  client.send(
    new elb.CreateTrustStoreCommand({
      Name,
      CaCertificatesBundleS3Bucket: "trust",
      CaCertificatesBundleS3Key: key,
    }),
  );

beforeAll(async () => {
  await storage.send(new s3.CreateBucketCommand({ Bucket: "trust" }));
  await put("ca.pem", openAuthority(await newAuthority(Date.now())).caPem);
  await put("nonsense.pem", "nonsense");
});

/** A list of an authority that has revoked one certificate. */
function newRevocations(): string {
  const folder = mkdtempSync(join(tmpdir(), "crl-"));
  const openssl = (...options: readonly string[]) =>
    execFileSync("openssl", [...options], { cwd: folder, stdio: "pipe" });
  openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "k", "-out", "c", "-subj", "/CN=ca");
  writeFileSync(join(folder, "index"), "");
  writeFileSync(join(folder, "crl"), "01\n");
  writeFileSync(
    join(folder, "conf"),
    "[ca]\ndefault_ca=d\n[d]\ndatabase=index\ndefault_md=sha256\ndefault_crl_days=30\n",
  );
  openssl("ca", "-config", "conf", "-keyfile", "k", "-cert", "c", "-revoke", "c");
  openssl("ca", "-config", "conf", "-keyfile", "k", "-cert", "c", "-gencrl", "-out", "list");
  const text = readFileSync(join(folder, "list"), "utf8");
  rmSync(folder, { recursive: true });
  return text;
}

describe("a trust store", () => {
  it("is made of a bundle in S3, and is changed and deleted", async () => {
    const { TrustStores = [] } = await create("clients");
    const [{ TrustStoreArn = "", ...made } = {}] = TrustStores;
    expect(made).toMatchObject({ Name: "clients", Status: "ACTIVE", NumberOfCaCertificates: 1 });
    await expect(create("clients")).rejects.toMatchObject({ name: "DuplicateTrustStoreNameException" });
    await expect(create("none", "none.pem")).rejects.toMatchObject({
      name: "CaCertificatesBundleNotFoundException",
    });
    await expect(create("bad", "nonsense.pem")).rejects.toMatchObject({
      name: "InvalidCaCertificatesBundleException",
    });
    const bundle = { CaCertificatesBundleS3Bucket: "trust", CaCertificatesBundleS3Key: "ca.pem" };
    await client.send(new elb.ModifyTrustStoreCommand({ TrustStoreArn, ...bundle }));
    await client.send(new elb.DeleteTrustStoreCommand({ TrustStoreArn }));
    await expect(
      client.send(new elb.DescribeTrustStoresCommand({ TrustStoreArns: [TrustStoreArn] })),
    ).rejects.toMatchObject({ name: "TrustStoreNotFoundException" });
  });

  it("has lists of revoked certificates", async () => {
    const TrustStoreArn = (await create("revoking")).TrustStores?.[0]?.TrustStoreArn;
    await put("list.pem", newRevocations());
    const add = (S3Key: string) =>
      client.send(
        new elb.AddTrustStoreRevocationsCommand({
          TrustStoreArn,
          RevocationContents: [{ S3Bucket: "trust", S3Key, RevocationType: "CRL" }],
        }),
      );
    await add("list.pem");
    await expect(add("ca.pem")).rejects.toMatchObject({ name: "InvalidRevocationContentException" });
    const describe = () => client.send(new elb.DescribeTrustStoreRevocationsCommand({ TrustStoreArn }));
    expect((await describe()).TrustStoreRevocations).toMatchObject([
      { RevocationId: 1, NumberOfRevokedEntries: 1 },
    ]);
    const { TrustStores } = await client.send(new elb.DescribeTrustStoresCommand({ Names: ["revoking"] }));
    expect(TrustStores?.[0]?.TotalRevokedEntries).toBe(1);
    await client.send(new elb.RemoveTrustStoreRevocationsCommand({ TrustStoreArn, RevocationIds: [1] }));
    expect((await describe()).TrustStoreRevocations).toEqual([]);
  });

  it("has lists of versions of an object, which are described by their ids and page by page", async () => {
    const TrustStoreArn = (await create("versions")).TrustStores?.[0]?.TrustStoreArn;
    const [S3Bucket, S3Key] = ["trust", "versioned.pem"];
    const VersioningConfiguration = { Status: s3.BucketVersioningStatus.Enabled };
    await storage.send(new s3.PutBucketVersioningCommand({ Bucket: S3Bucket, VersioningConfiguration }));
    const { VersionId: S3ObjectVersion } = await put(S3Key, newRevocations());
    await put(S3Key, "no list");
    const add = (version?: string) =>
      client.send(
        new elb.AddTrustStoreRevocationsCommand({
          TrustStoreArn,
          RevocationContents: [{ S3Bucket, S3Key, S3ObjectVersion: version }],
        }),
      );
    await expect(add()).rejects.toMatchObject({ name: "InvalidRevocationContentException" });
    for (let count = 0; count < 2; count += 1) await add(S3ObjectVersion);
    const describe = async (input: Partial<elb.DescribeTrustStoreRevocationsInput>) => {
      const command = new elb.DescribeTrustStoreRevocationsCommand({ TrustStoreArn, ...input });
      const { TrustStoreRevocations, NextMarker } = await client.send(command);
      return { ids: TrustStoreRevocations?.map(({ RevocationId }) => RevocationId), NextMarker };
    };
    expect((await describe({ RevocationIds: [2] })).ids).toEqual([2]);
    const first = await describe({ PageSize: 1 });
    expect(first.ids).toEqual([1]);
    expect((await describe({ PageSize: 1, Marker: first.NextMarker })).ids).toEqual([2]);
  });

  it("verifies the clients of a listener, and cannot be deleted while it does", async () => {
    const TrustStoreArn = (await create("used")).TrustStores?.[0]?.TrustStoreArn;
    const { Subnets = [] } = await new ec2.EC2Client(api.client()).send(new ec2.DescribeSubnetsCommand({}));
    const { LoadBalancers } = await client.send(
      new elb.CreateLoadBalancerCommand({
        Name: "mutual",
        Subnets: Subnets.slice(0, 2).map(({ SubnetId = "" }) => SubnetId),
      }),
    );
    const { CertificateArn } = await new acm.ACMClient(api.client()).send(
      new acm.RequestCertificateCommand({ DomainName: "a.test" }),
    );
    const { Listeners } = await client.send(
      new elb.CreateListenerCommand({
        LoadBalancerArn: LoadBalancers?.[0]?.LoadBalancerArn,
        Protocol: "HTTPS",
        Port: 443,
        Certificates: [{ CertificateArn }],
        MutualAuthentication: { Mode: "verify", TrustStoreArn, IgnoreClientCertificateExpiry: true },
        DefaultActions: [{ Type: "fixed-response", FixedResponseConfig: { StatusCode: "200" } }],
      }),
    );
    const [{ ListenerArn, MutualAuthentication } = {}] = Listeners ?? [];
    expect(MutualAuthentication).toMatchObject({ Mode: "verify", AdvertiseTrustStoreCaNames: "off" });
    const { TrustStoreAssociations } = await client.send(
      new elb.DescribeTrustStoreAssociationsCommand({ TrustStoreArn }),
    );
    expect(TrustStoreAssociations).toEqual([{ ResourceArn: ListenerArn }]);
    const { Listeners: more } = await client.send(
      new elb.CreateListenerCommand({
        ...{ LoadBalancerArn: LoadBalancers?.[0]?.LoadBalancerArn, Protocol: "HTTPS", Port: 8_443 },
        Certificates: [{ CertificateArn }],
        MutualAuthentication: { Mode: "verify", TrustStoreArn },
        DefaultActions: [{ Type: "fixed-response", FixedResponseConfig: { StatusCode: "200" } }],
      }),
    );
    const second = more?.[0]?.ListenerArn;
    const page = async (Marker?: string) => {
      const command = new elb.DescribeTrustStoreAssociationsCommand({ TrustStoreArn, PageSize: 1, Marker });
      const answer = await client.send(command);
      return [answer.TrustStoreAssociations?.map((each) => each.ResourceArn), answer.NextMarker] as const;
    };
    const [one, next] = await page();
    expect([one, (await page(next))[0]].toSorted()).toEqual([[ListenerArn], [second]].toSorted());
    await client.send(new elb.DeleteListenerCommand({ ListenerArn: second }));
    const remove = () => client.send(new elb.DeleteTrustStoreCommand({ TrustStoreArn }));
    await expect(remove()).rejects.toMatchObject({ name: "TrustStoreInUseException" });
    const modify = (mutual: elb.MutualAuthenticationAttributes) =>
      client.send(new elb.ModifyListenerCommand({ ListenerArn, MutualAuthentication: mutual }));
    await expect(modify({ Mode: "verify" })).rejects.toMatchObject({ name: "ValidationError" });
    await modify({ Mode: "passthrough" });
    await remove();
  });
});
