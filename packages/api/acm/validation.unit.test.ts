import * as acm from "@aws-sdk/client-acm";
import * as elbv2 from "@aws-sdk/client-elastic-load-balancing-v2";
import { DescribeSubnetsCommand, EC2Client } from "@aws-sdk/client-ec2";
import {
  ChangeResourceRecordSetsCommand,
  CreateHostedZoneCommand,
  Route53Client,
} from "@aws-sdk/client-route-53";
import { certificateValidationController } from "@gantry/controllers";
import { randomIds, silentLogger, SystemClock } from "@gantry/kernel";
import { startApi } from "@gantry/testkit";
import { afterAll, describe, expect, it } from "vitest";
import { admitOther, OTHER } from "../../../test/attacks/other-account.ts";

// Before: certificates were issued at once for every name, also for those that a zone of another account has.
const api = await startApi();
admitOther(api);
const deps = { store: api.store, clock: new SystemClock(), ids: randomIds(), log: silentLogger };
const controller = certificateValidationController(deps);
const changed = new Set<string>();
const stop = controller.watch?.((key) => changed.add(key));
afterAll(() => {
  stop?.();
  api.close();
});
/** Reconciles what has changed, outside of the calls that changed it. */
const reconcile = async (): Promise<void> => {
  for (const key of [...changed]) await controller.reconcile(key);
  changed.clear();
};
const client = new acm.ACMClient(api.client());
const zones = new Route53Client(api.client());
const zone = await zones.send(new CreateHostedZoneCommand({ Name: "shop.com", CallerReference: "r" }));
const HostedZoneId = zone.HostedZone?.Id;

const request = async (DomainName: string, SubjectAlternativeNames?: string[], by = client) => {
  const input = { DomainName, SubjectAlternativeNames, ValidationMethod: "DNS" as const };
  return (await by.send(new acm.RequestCertificateCommand(input))).CertificateArn ?? "";
};
const describeOne = async (CertificateArn: string, by = client) =>
  (await by.send(new acm.DescribeCertificateCommand({ CertificateArn }))).Certificate;
const add = ({ Name, Value }: Partial<acm.ResourceRecord> = {}) =>
  zones.send(
    new ChangeResourceRecordSetsCommand({
      HostedZoneId,
      ChangeBatch: {
        Changes: [
          {
            Action: "UPSERT",
            ResourceRecordSet: { Name, Type: "CNAME", TTL: 60, ResourceRecords: [{ Value }] },
          },
        ],
      },
    }),
  );

describe("a certificate of a name that a zone of the instance covers", () => {
  it("is issued when the records of all its names are in the zone", async () => {
    const arn = await request("shop.com", ["*.shop.com", "www.shop.com", "elsewhere.org"]);
    const waiting = await describeOne(arn);
    expect(waiting).toMatchObject({ Status: "PENDING_VALIDATION" });
    expect([waiting?.Serial, waiting?.IssuedAt, waiting?.NotAfter]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
    const options = waiting?.DomainValidationOptions ?? [];
    expect(options.map(({ ValidationStatus }) => ValidationStatus)).toEqual([
      ...["PENDING_VALIDATION", "PENDING_VALIDATION", "PENDING_VALIDATION", "SUCCESS"],
    ]);
    // A wildcard has the record of the name below it.
    expect(options[1]?.ResourceRecord).toEqual(options[0]?.ResourceRecord);
    await expect(client.send(new acm.GetCertificateCommand({ CertificateArn: arn }))).rejects.toMatchObject({
      name: "RequestInProgressException",
    });
    await add({ ...options[0]?.ResourceRecord, Value: "_wrong.acm-validations.aws." });
    await add(options[2]?.ResourceRecord);
    await reconcile();
    expect((await describeOne(arn))?.DomainValidationOptions?.[2]?.ValidationStatus).toBe("SUCCESS");
    expect((await describeOne(arn))?.Status).toBe("PENDING_VALIDATION");
    await add(options[0]?.ResourceRecord);
    await reconcile();
    expect((await describeOne(arn))?.Status).toBe("ISSUED");
    const issued = await client.send(new acm.GetCertificateCommand({ CertificateArn: arn }));
    expect(issued.Certificate).toContain("BEGIN CERTIFICATE");
    // The records stay good for further certificates of the account.
    expect((await describeOne(await request("shop.com")))?.Status).toBe("ISSUED");
  });

  it("is not proven by the records of another account", async () => {
    const other = new acm.ACMClient(api.client(OTHER));
    const arn = await request("shop.com", undefined, other);
    expect(await describeOne(arn, other)).toMatchObject({ Status: "PENDING_VALIDATION" });
    const byMail = { DomainName: "shop.com", ValidationMethod: "EMAIL" as const };
    const { CertificateArn = "" } = await other.send(new acm.RequestCertificateCommand(byMail));
    expect(await describeOne(CertificateArn, other)).toMatchObject({ Status: "PENDING_VALIDATION" });
  });

  it("is not presented by a load balancer before it is issued, and fails after 72 hours", async () => {
    const arn = await request("late.shop.com");
    const { Subnets = [] } = await new EC2Client(api.client()).send(new DescribeSubnetsCommand({}));
    const balancers = new elbv2.ElasticLoadBalancingV2Client(api.client());
    const { LoadBalancers } = await balancers.send(
      new elbv2.CreateLoadBalancerCommand({
        Name: "b",
        Subnets: Subnets.slice(0, 2).map(({ SubnetId = "" }) => SubnetId),
      }),
    );
    const listener = new elbv2.CreateListenerCommand({
      ...{ LoadBalancerArn: LoadBalancers?.[0]?.LoadBalancerArn, Protocol: "HTTPS", Port: 443 },
      Certificates: [{ CertificateArn: arn }],
      DefaultActions: [{ Type: "fixed-response", FixedResponseConfig: { StatusCode: "200" } }],
    });
    await expect(balancers.send(listener)).rejects.toMatchObject({ name: "UnsupportedCertificate" });
    api.store.transact((tx) => {
      const record = tx.get("certificate", arn);
      if (record !== undefined) tx.put("certificate", arn, { ...record, createdAt: 0 });
    });
    const late = await describeOne(arn);
    await add(late?.DomainValidationOptions?.[0]?.ResourceRecord);
    await reconcile();
    expect(await describeOne(arn)).toMatchObject({ Status: "VALIDATION_TIMED_OUT" });
    const CertificateStatuses = ["VALIDATION_TIMED_OUT" as const];
    const list = await client.send(new acm.ListCertificatesCommand({ CertificateStatuses }));
    expect(list.CertificateSummaryList?.map((each) => each.CertificateArn)).toEqual([arn]);
  });
});
