import * as sdk from "@aws-sdk/client-route-53";
import { CreateVpcCommand, EC2Client } from "@aws-sdk/client-ec2";
import { startApi } from "@gantry/testkit";
import { afterAll, expect, it } from "vitest";

const api = await startApi();
afterAll(() => api.close());
const client = new sdk.Route53Client(api.client());
const ec2 = new EC2Client(api.client());

it("keeps an alias of a private zone, and whether it evaluates its target", async () => {
  const { Vpc } = await ec2.send(new CreateVpcCommand({ CidrBlock: "10.6.0.0/16" }));
  const VPC = { VPCId: Vpc?.VpcId, VPCRegion: "eu-south-1" as const };
  const HostedZoneConfig = { PrivateZone: true };
  const { HostedZone } = await client.send(
    new sdk.CreateHostedZoneCommand({ Name: "alias.internal", CallerReference: "1", HostedZoneConfig, VPC }),
  );
  expect(HostedZone?.Config).toMatchObject(HostedZoneConfig);
  const HostedZoneId = HostedZone?.Id?.replace("/hostedzone/", "");
  const AliasTarget = { HostedZoneId, DNSName: "a.alias.internal.", EvaluateTargetHealth: true };
  const alias = { Name: "b.alias.internal.", Type: "A" as const, AliasTarget };
  const ResourceRecords = [{ Value: "10.6.0.9" }];
  const Changes = [{ Name: "a.alias.internal", Type: "A" as const, TTL: 60, ResourceRecords }, alias].map(
    (ResourceRecordSet) => ({ Action: "CREATE" as const, ResourceRecordSet }),
  );
  await client.send(new sdk.ChangeResourceRecordSetsCommand({ HostedZoneId, ChangeBatch: { Changes } }));
  const { ResourceRecordSets } = await client.send(new sdk.ListResourceRecordSetsCommand({ HostedZoneId }));
  expect(ResourceRecordSets).toContainEqual(alias);
});
