import { generateKeyPairSync } from "node:crypto";
import * as elb from "@aws-sdk/client-elastic-load-balancing-v2";
import * as ec2 from "@aws-sdk/client-ec2";
import * as iam from "@aws-sdk/client-iam";
import { startApi } from "@gantry/testkit";
import { newAuthority, openAuthority } from "@gantry/tls";
import { afterAll, expect, it } from "vitest";

const api = await startApi();
afterAll(() => api.close());
const client = new iam.IAMClient(api.client());
const balancers = new elb.ElasticLoadBalancingV2Client(api.client());
const authority = openAuthority(await newAuthority(Date.now()));
const issued = await authority.issue(["shop.example"], Date.now());
const UPLOAD = { CertificateBody: issued.certificatePem, PrivateKey: issued.keyPem };
const Tags = [{ Key: "stage", Value: "dev" }];

const get = async (ServerCertificateName: string) =>
  (await client.send(new iam.GetServerCertificateCommand({ ServerCertificateName }))).ServerCertificate;

async function listenerWith(Name: string, CertificateArn: string | undefined): Promise<string | undefined> {
  const network = new ec2.EC2Client(api.client());
  const { Subnets = [] } = await network.send(new ec2.DescribeSubnetsCommand({}));
  const { LoadBalancers } = await balancers.send(
    new elb.CreateLoadBalancerCommand({
      Name,
      Subnets: Subnets.slice(0, 2).flatMap(({ SubnetId }) => SubnetId ?? []),
    }),
  );
  const { Listeners } = await balancers.send(
    new elb.CreateListenerCommand({
      LoadBalancerArn: LoadBalancers?.[0]?.LoadBalancerArn,
      Protocol: "HTTPS",
      Port: 443,
      Certificates: [{ CertificateArn }],
      DefaultActions: [{ Type: "fixed-response", FixedResponseConfig: { StatusCode: "200" } }],
    }),
  );
  return Listeners?.[0]?.ListenerArn;
}

it("uploads, lists, tags and reads a server certificate, without its key", async () => {
  const { ServerCertificateMetadata: made, Tags: tags } = await client.send(
    new iam.UploadServerCertificateCommand({
      ...UPLOAD,
      ...{ ServerCertificateName: "read", Path: "/shop/", Tags, CertificateChain: issued.chainPem },
    }),
  );
  expect(tags).toEqual(Tags);
  expect(made).toMatchObject({
    Path: "/shop/",
    Arn: "arn:aws:iam::000000000000:server-certificate/shop/read",
    ServerCertificateId: expect.stringMatching(/^ASCA[A-Z0-9]{17}$/),
  });
  const found = await get("read");
  expect([found?.CertificateBody?.trim(), found?.CertificateChain?.trim(), found?.Tags]).toEqual([
    issued.certificatePem.trim(),
    issued.chainPem.trim(),
    Tags,
  ]);
  expect(JSON.stringify(found)).not.toContain("PRIVATE KEY");
  expect(JSON.stringify(api.store.list("serverCertificate"))).not.toContain("PRIVATE KEY");
  await client.send(new iam.UploadServerCertificateCommand({ ...UPLOAD, ServerCertificateName: "other" }));
  const list = async (input: iam.ListServerCertificatesRequest) => {
    const { ServerCertificateMetadataList: all, Marker } = await client.send(
      new iam.ListServerCertificatesCommand(input),
    );
    return { names: all?.map(({ ServerCertificateName: name }) => name), Marker };
  };
  expect((await list({ PathPrefix: "/shop" })).names).toEqual(["read"]);
  const first = await list({ MaxItems: 1 });
  expect([first.names, (await list({ Marker: first.Marker })).names]).toEqual([["other"], ["read"]]);
  const named = { ServerCertificateName: "read" };
  await client.send(new iam.TagServerCertificateCommand({ ...named, Tags: [{ Key: "a", Value: "b" }] }));
  await client.send(new iam.UntagServerCertificateCommand({ ...named, TagKeys: ["stage"] }));
  const page = await client.send(new iam.ListServerCertificateTagsCommand({ ...named, MaxItems: 1 }));
  expect(page.Tags).toEqual([{ Key: "a", Value: "b" }]);
  await client.send(new iam.TagServerCertificateCommand({ ...named, Tags }));
  const { Marker } = await client.send(new iam.ListServerCertificateTagsCommand({ ...named, MaxItems: 1 }));
  expect((await client.send(new iam.ListServerCertificateTagsCommand({ ...named, Marker }))).Tags).toEqual(
    Tags,
  );
});

it("refuses a key of another certificate, text that is none, a name that is taken and more than 20", async () => {
  const other = generateKeyPairSync("rsa", { modulusLength: 2_048 });
  const upload = (ServerCertificateName: string, more: Partial<iam.UploadServerCertificateRequest> = {}) =>
    client.send(new iam.UploadServerCertificateCommand({ ...UPLOAD, ServerCertificateName, ...more }));
  const PrivateKey = other.privateKey.export({ type: "pkcs8", format: "pem" });
  await expect(upload("wrong", { PrivateKey })).rejects.toMatchObject({ name: "KeyPairMismatchException" });
  await expect(upload("wrong", { CertificateBody: "none" })).rejects.toMatchObject({
    name: "MalformedCertificateException",
    message: "Unable to parse certificate. Please ensure the certificate is in PEM format.",
  });
  const stranger = (await newAuthority(Date.now())).certificatePem;
  await expect(upload("wrong", { CertificateChain: stranger })).rejects.toThrow(
    /must start with the immediate/,
  );
  await expect(upload("read")).rejects.toThrow("The Server Certificate with name read already exists.");
  for (let count = 2; count < 20; count++) await upload(`many-${count}`);
  await expect(upload("many-20")).rejects.toMatchObject({ name: "LimitExceededException" });
  for (let count = 2; count < 20; count++)
    await client.send(new iam.DeleteServerCertificateCommand({ ServerCertificateName: `many-${count}` }));
  const { SummaryMap } = await client.send(new iam.GetAccountSummaryCommand({}));
  expect(SummaryMap?.["ServerCertificates"]).toBe(2);
});

it("is presented by a listener, which follows a new name and keeps it from being deleted", async () => {
  const ListenerArn = await listenerWith("shop", (await get("read"))?.ServerCertificateMetadata?.Arn);
  const remove = (ServerCertificateName: string) =>
    client.send(new iam.DeleteServerCertificateCommand({ ServerCertificateName }));
  await expect(remove("read")).rejects.toMatchObject({
    name: "DeleteConflictException",
    message: expect.stringMatching(/^Certificate: ASCA\w+ is currently in use by arn:aws:elasticload/),
  });
  const rename = (NewServerCertificateName: string) =>
    client.send(
      new iam.UpdateServerCertificateCommand({
        ...{ ServerCertificateName: "read", NewServerCertificateName, NewPath: "/new/" },
      }),
    );
  await expect(rename("other")).rejects.toMatchObject({ name: "EntityAlreadyExistsException" });
  await rename("renamed");
  const { Certificates } = await balancers.send(new elb.DescribeListenerCertificatesCommand({ ListenerArn }));
  expect(Certificates?.map(({ CertificateArn }) => CertificateArn)).toEqual([
    "arn:aws:iam::000000000000:server-certificate/new/renamed",
  ]);
  await balancers.send(new elb.DeleteListenerCommand({ ListenerArn }));
  await remove("renamed");
  await expect(remove("renamed")).rejects.toThrow(
    "The Server Certificate with name renamed cannot be found.",
  );
});

// Before: a listener could have named a certificate by any account's ARN.
it("is not found by another account", async () => {
  const Arn = (await get("other"))?.ServerCertificateMetadata?.Arn ?? "";
  const record = api.store.get("serverCertificate", Arn);
  const foreign = Arn.replace("000000000000", "111111111111");
  api.store.transact((tx) => {
    if (record !== undefined)
      tx.put("serverCertificate", foreign, { ...record, arn: foreign, account: "111111111111" });
  });
  await expect(listenerWith("foreign", foreign)).rejects.toMatchObject({
    name: "CertificateNotFoundException",
  });
});

it("keeps which tokens the global endpoint hands out", async () => {
  const version = async () =>
    (await client.send(new iam.GetAccountSummaryCommand({}))).SummaryMap?.["GlobalEndpointTokenVersion"];
  const set = (GlobalEndpointTokenVersion: "v1Token" | "v2Token") =>
    client.send(new iam.SetSecurityTokenServicePreferencesCommand({ GlobalEndpointTokenVersion }));
  expect(await version()).toBe(1);
  await set("v2Token");
  expect(await version()).toBe(2);
  await set("v1Token");
  expect(await version()).toBe(1);
});
