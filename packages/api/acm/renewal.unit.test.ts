import { X509Certificate } from "node:crypto";
import * as acm from "@aws-sdk/client-acm";
import * as elbv2 from "@aws-sdk/client-elastic-load-balancing-v2";
import { DescribeSubnetsCommand, EC2Client } from "@aws-sdk/client-ec2";
import {
  ChangeResourceRecordSetsCommand,
  CreateHostedZoneCommand,
  Route53Client,
} from "@aws-sdk/client-route-53";
import { certificateRenewalController, certificateValidationController } from "@gantry/controllers";
import { randomIds, silentLogger, VirtualClock } from "@gantry/kernel";
import { startApi } from "@gantry/testkit";
import { afterAll, expect, it } from "vitest";

const api = await startApi();
afterAll(() => api.close());
const DAY_MS = 24 * 60 * 60_000;
const client = new acm.ACMClient(api.client());
const zones = new Route53Client(api.client());
const balancers = new elbv2.ElasticLoadBalancingV2Client(api.client());
const describeOne = async (CertificateArn: string) =>
  (await client.send(new acm.DescribeCertificateCommand({ CertificateArn }))).Certificate;
const deps = { store: api.store, ids: randomIds(), log: silentLogger };
/** The renewal's loop, so many days after now: anew each time, as after a crash. */
const renewalIn = (days: number) =>
  certificateRenewalController({
    ...{ ...deps, clock: new VirtualClock(Date.now() + days * DAY_MS) },
    ...{ vault: api.vault, authority: api.authority },
  });

const zone = await zones.send(new CreateHostedZoneCommand({ Name: "renew.com", CallerReference: "r" }));
const change = (Action: "UPSERT" | "DELETE", { Name, Value }: Partial<acm.ResourceRecord> = {}) =>
  zones.send(
    new ChangeResourceRecordSetsCommand({
      HostedZoneId: zone.HostedZone?.Id,
      ChangeBatch: {
        Changes: [
          { Action, ResourceRecordSet: { Name, Type: "CNAME", TTL: 60, ResourceRecords: [{ Value }] } },
        ],
      },
    }),
  );

async function newListener(CertificateArn: string): Promise<string | undefined> {
  const { Subnets = [] } = await new EC2Client(api.client()).send(new DescribeSubnetsCommand({}));
  const { LoadBalancers } = await balancers.send(
    new elbv2.CreateLoadBalancerCommand({
      Name: "renewed",
      Subnets: Subnets.slice(0, 2).map(({ SubnetId = "" }) => SubnetId),
    }),
  );
  const LoadBalancerArn = LoadBalancers?.[0]?.LoadBalancerArn;
  await balancers.send(
    new elbv2.CreateListenerCommand({
      ...{ LoadBalancerArn, Protocol: "HTTPS", Port: 443, Certificates: [{ CertificateArn }] },
      DefaultActions: [{ Type: "fixed-response", FixedResponseConfig: { StatusCode: "200" } }],
    }),
  );
  return LoadBalancerArn;
}

it("a certificate that is in use is renewed 60 days before its end, while its records are there", async () => {
  const { CertificateArn: arn = "" } = await client.send(
    new acm.RequestCertificateCommand({ DomainName: "renew.com", KeyAlgorithm: "EC_secp384r1" }),
  );
  const record = (await describeOne(arn))?.DomainValidationOptions?.[0]?.ResourceRecord;
  await change("UPSERT", record);
  await certificateValidationController({ ...deps, clock: new VirtualClock(Date.now()) }).reconcile(arn);
  const first = await describeOne(arn);
  expect(first).toMatchObject({ Status: "ISSUED", RenewalEligibility: "INELIGIBLE" });
  expect(first?.RenewalSummary).toBeUndefined();
  // Nothing presents it yet.
  await renewalIn(340).reconcile(arn);
  expect((await describeOne(arn))?.Serial).toBe(first?.Serial);
  const balancer = await newListener(arn);
  expect(await describeOne(arn)).toMatchObject({ RenewalEligibility: "ELIGIBLE", InUseBy: [balancer] });
  // Too early by ten days: the loop looks again within one.
  expect(await renewalIn(325).reconcile(arn)).toBeLessThanOrEqual(DAY_MS);
  expect((await describeOne(arn))?.RenewalSummary).toBeUndefined();
  await change("DELETE", record);
  await renewalIn(340).reconcile(arn);
  expect(await describeOne(arn)).toMatchObject({
    ...{ Status: "ISSUED", Serial: first?.Serial },
    RenewalSummary: {
      RenewalStatus: "PENDING_VALIDATION",
      DomainValidationOptions: [{ DomainName: "renew.com", ValidationStatus: "PENDING_VALIDATION" }],
    },
  });
  // Each change of a zone is a reason to look again.
  const changed = new Set<string>();
  const renewal = renewalIn(340);
  const stop = renewal.watch?.((key) => changed.add(key));
  await change("UPSERT", record);
  stop?.();
  expect([...changed]).toEqual([arn]);
  await renewal.reconcile(arn);
  const renewed = await describeOne(arn);
  expect(renewed).toMatchObject({
    ...{ Status: "ISSUED", KeyAlgorithm: "EC_secp384r1", InUseBy: [balancer] },
    RenewalSummary: { RenewalStatus: "SUCCESS" },
  });
  expect(renewed?.Serial).not.toBe(first?.Serial);
  const { Certificate: pem = "" } = await client.send(new acm.GetCertificateCommand({ CertificateArn: arn }));
  expect(new X509Certificate(pem).subjectAltName).toBe("DNS:renew.com");
  // Once: it is good for a year again.
  await renewal.reconcile(arn);
  expect((await describeOne(arn))?.Serial).toBe(renewed?.Serial);
});

// Before: a certificate whose records were gone waited for them again when a tag was removed.
it("an issued certificate stays issued when tags are removed", async () => {
  const { CertificateArn: arn = "" } = await client.send(
    new acm.RequestCertificateCommand({ DomainName: "elsewhere.org", Tags: [{ Key: "a", Value: "b" }] }),
  );
  await zones.send(new CreateHostedZoneCommand({ Name: "elsewhere.org", CallerReference: "e" }));
  await client.send(new acm.RemoveTagsFromCertificateCommand({ CertificateArn: arn, Tags: [{ Key: "a" }] }));
  expect(await describeOne(arn)).toMatchObject({ Status: "ISSUED" });
});

it("an imported certificate is never renewed", async () => {
  const { certificatePem, keyPem, chainPem } = await api.authority.issue(["own.example"], Date.now());
  const { CertificateArn: arn = "" } = await client.send(
    new acm.ImportCertificateCommand({
      ...{ Certificate: Buffer.from(certificatePem), PrivateKey: Buffer.from(keyPem) },
      CertificateChain: Buffer.from(chainPem),
    }),
  );
  expect(renewalIn(400).keys()).not.toContain(arn);
  expect(await renewalIn(400).reconcile(arn)).toBeUndefined();
  expect(await describeOne(arn)).toMatchObject({ RenewalEligibility: "INELIGIBLE" });
});
