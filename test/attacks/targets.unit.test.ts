import { CreateSubnetCommand, CreateVpcCommand, EC2Client } from "@aws-sdk/client-ec2";
import * as elbv2 from "@aws-sdk/client-elastic-load-balancing-v2";
import { isTargetAddress } from "@gantry/kernel";
import fc from "fast-check";
import { afterAll, expect, it } from "vitest";
import { openLoadBalancer } from "./load-balancers.ts";

const { api, elb, newBalancer, newGroup, newListener, subnetCidr } = await openLoadBalancer();
const group = await newGroup("targets");
afterAll(() => api.close());

const register = (Id: string, more: Partial<elbv2.TargetDescription> = {}) =>
  elb.send(new elbv2.RegisterTargetsCommand({ TargetGroupArn: group, Targets: [{ Id, ...more }] }));
const inside = subnetCidr.replace(/0\/\d+$/, "9");

// Before: every one of these was registered, and the load balancer sent requests to the host, to its neighbours on the
// link and to the metadata service of a cloud's machine.
it.each([
  ["loopback", "127.0.0.1"],
  ["the metadata service", "169.254.169.254"],
  ["link-local", "169.254.170.2"],
  ["public", "8.8.8.8"],
  ["a task endpoint of another VPC", "100.64.0.17"],
  ["any address", "0.0.0.0"],
  ["multicast", "224.0.0.1"],
  ["everybody on the link", "255.255.255.255"],
  ["private to one program and public to another", "012.0.0.1"],
  ["a command", "10.0.0.9$(id)"],
  ["two addresses", "10.0.0.9 10.0.0.8"],
])("refuses a target that is %s: %s", async (_, address) => {
  for (const AvailabilityZone of [undefined, "all"])
    await expect(register(address, { AvailabilityZone })).rejects.toMatchObject({
      name: "InvalidTargetException",
    });
});

it.each([0, -1, 65_536, 70_000])("refuses the port %s", async (Port) => {
  await expect(register(inside, { Port })).rejects.toMatchObject({ name: "ValidationError" });
});

it("accepts an address of the VPC, and a private one outside it for all Availability Zones", async () => {
  await register(inside);
  await register("10.99.0.4", { AvailabilityZone: "all" });
  await register("100.65.0.4", { AvailabilityZone: "all" });
  await expect(register("10.99.0.5")).rejects.toThrow(
    "The Availability Zone is required for IP address '10.99.0.5' because it is not in the VPC",
  );
  await expect(register(inside, { AvailabilityZone: "all" })).rejects.toThrow("is within the VPC");
});

it("never accepts an address of this host, of a link or of the platform's links", () =>
  fc.assert(
    fc.property(
      fc.oneof(
        fc.tuple(fc.constantFrom(0, 127), fc.nat(255), fc.nat(255), fc.nat(255)),
        fc.tuple(fc.constant(169), fc.constant(254), fc.nat(255), fc.nat(255)),
        fc.tuple(fc.constant(100), fc.constant(64), fc.nat(255), fc.nat(255)),
        fc.tuple(fc.integer({ min: 224, max: 255 }), fc.nat(255), fc.nat(255), fc.nat(255)),
      ),
      (octets) => !isTargetAddress(octets.join("."), ["0.0.0.0/0"]),
    ),
  ));

it("does not forward to a target group of another VPC, nor to one of another load balancer", async () => {
  const ec2 = new EC2Client(api.client());
  const { Vpc } = await ec2.send(new CreateVpcCommand({ CidrBlock: "10.123.0.0/16" }));
  await ec2.send(new CreateSubnetCommand({ VpcId: Vpc?.VpcId, CidrBlock: "10.123.1.0/24" }));
  const { TargetGroups = [] } = await elb.send(
    new elbv2.CreateTargetGroupCommand({
      Name: "foreign",
      Protocol: "HTTP",
      Port: 80,
      TargetType: "ip",
      VpcId: Vpc?.VpcId,
    }),
  );
  const forward = (TargetGroupArn: string | undefined): elbv2.Action[] => [
    { Type: "forward", TargetGroupArn },
  ];
  const [one, two] = [await newBalancer("one"), await newBalancer("two")];
  await expect(
    newListener(one, { DefaultActions: forward(TargetGroups[0]?.TargetGroupArn) }),
  ).rejects.toMatchObject({ name: "InvalidConfigurationRequestException" });
  await newListener(one, { DefaultActions: forward(group) });
  await expect(newListener(two, { DefaultActions: forward(group) })).rejects.toMatchObject({
    name: "TargetGroupAssociationLimitException",
  });
});
