import { ACMClient, RequestCertificateCommand } from "@aws-sdk/client-acm";
import { DescribeSubnetsCommand, EC2Client } from "@aws-sdk/client-ec2";
import {
  AddListenerCertificatesCommand,
  CreateListenerCommand,
  CreateLoadBalancerCommand,
  DescribeListenerCertificatesCommand,
  ElasticLoadBalancingV2Client,
  ModifyListenerCommand,
  RemoveListenerCertificatesCommand,
} from "@aws-sdk/client-elastic-load-balancing-v2";
import { startApi } from "@gantry/testkit";
import { afterAll, expect, it } from "vitest";

const api = await startApi();
afterAll(() => api.close());
const client = new ElasticLoadBalancingV2Client(api.client());

async function newCertificate(name: string): Promise<string> {
  const request = new RequestCertificateCommand({ DomainName: `${name}.example.com` });
  return (await new ACMClient(api.client()).send(request)).CertificateArn ?? "";
}

async function newListener(CertificateArn: string): Promise<string> {
  const { Subnets = [] } = await new EC2Client(api.client()).send(new DescribeSubnetsCommand({}));
  const { LoadBalancers = [] } = await client.send(
    new CreateLoadBalancerCommand({
      Name: "balancer",
      Subnets: Subnets.slice(0, 2).map((subnet) => subnet.SubnetId ?? ""),
    }),
  );
  const { Listeners = [] } = await client.send(
    new CreateListenerCommand({
      LoadBalancerArn: LoadBalancers[0]?.LoadBalancerArn,
      Protocol: "HTTPS",
      Port: 443,
      Certificates: [{ CertificateArn }],
      DefaultActions: [{ Type: "fixed-response", FixedResponseConfig: { StatusCode: "200" } }],
    }),
  );
  return Listeners[0]?.ListenerArn ?? "";
}

// Before: a default certificate that was added to the list was listed as the default alone, and Terraform, which looks
// for the entry of the list, could not import it. Changing the default emptied the list.
it("lists the default certificate twice where it is in the certificate list too", async () => {
  const [one, two, three] = [
    await newCertificate("one"),
    await newCertificate("two"),
    await newCertificate("three"),
  ];
  const ListenerArn = await newListener(one);
  const change = (CertificateArn: string) => ({ ListenerArn, Certificates: [{ CertificateArn }] });
  const listed = async () =>
    (await client.send(new DescribeListenerCertificatesCommand({ ListenerArn }))).Certificates?.map(
      (each) => [each.CertificateArn, each.IsDefault],
    );
  await client.send(new AddListenerCertificatesCommand(change(two)));
  await client.send(new AddListenerCertificatesCommand(change(one)));
  await client.send(new AddListenerCertificatesCommand(change(one)));
  expect(await listed()).toEqual([
    [one, true],
    [two, false],
    [one, false],
  ]);
  await client.send(new ModifyListenerCommand(change(three)));
  await client.send(new RemoveListenerCertificatesCommand(change(one)));
  expect(await listed()).toEqual([
    [three, true],
    [two, false],
  ]);
});
