import * as ec2 from "@aws-sdk/client-ec2";
import * as elb from "@aws-sdk/client-elastic-load-balancing-v2";
import { startApi } from "@gantry/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const api = await startApi();
afterAll(() => api.close());
const client = new elb.ElasticLoadBalancingV2Client(api.client());
const network = new ec2.EC2Client(api.client());
let vpcId = "";
let subnets: readonly ec2.Subnet[] = [];
let LoadBalancerArn = "";

beforeAll(async () => {
  ({ Subnets: subnets = [] } = await network.send(new ec2.DescribeSubnetsCommand({})));
  vpcId = subnets[0]?.VpcId ?? "";
  const balancer = await newBalancer({ Name: "flows", Subnets: [subnets[0]?.SubnetId ?? ""] });
  LoadBalancerArn = balancer.LoadBalancerArn ?? "";
});

const newBalancer = async (input: Partial<elb.CreateLoadBalancerCommandInput>) => {
  const command = new elb.CreateLoadBalancerCommand({ Name: "x", Type: "network", ...input });
  const { LoadBalancers = [] } = await client.send(command);
  return LoadBalancers[0] ?? {};
};
const newGroup = async (Name: string, more: Partial<elb.CreateTargetGroupCommandInput> = {}) => {
  const input = {
    Name,
    Protocol: "TCP" as const,
    Port: 80,
    TargetType: "ip" as const,
    VpcId: vpcId,
    ...more,
  };
  const { TargetGroups = [] } = await client.send(new elb.CreateTargetGroupCommand(input));
  return TargetGroups[0] ?? {};
};
const listen = (Port: number, TargetGroupArn: string | undefined, more: object = {}) =>
  client.send(
    new elb.CreateListenerCommand({
      LoadBalancerArn,
      Protocol: "TCP",
      Port,
      DefaultActions: [{ Type: "forward", TargetGroupArn }],
      ...more,
    }),
  );

describe("a network load balancer", () => {
  it("has the chosen addresses, one or more subnets, and no security groups by default", async () => {
    const { AllocationId = "" } = await network.send(new ec2.AllocateAddressCommand({ Domain: "vpc" }));
    const [first, second] = subnets;
    const chosen = await newBalancer({
      Name: "chosen",
      SubnetMappings: [{ SubnetId: first?.SubnetId, AllocationId }, { SubnetId: second?.SubnetId }],
    });
    expect(chosen).toMatchObject({
      Type: "network",
      LoadBalancerArn: expect.stringContaining("/net/chosen/"),
    });
    expect(chosen.SecurityGroups).toBeUndefined();
    expect(chosen.AvailabilityZones?.[0]?.LoadBalancerAddresses?.[0]).toMatchObject({ AllocationId });
    await expect(
      newBalancer({ Name: "again", SubnetMappings: [{ SubnetId: first?.SubnetId, AllocationId }] }),
    ).rejects.toMatchObject({ name: "ResourceInUseException" });
    await client.send(new elb.DeleteLoadBalancerCommand({ LoadBalancerArn: chosen.LoadBalancerArn }));
    expect(api.store.get("elasticAddress", AllocationId)?.associationId).toBeUndefined();
    await expect(
      client.send(new elb.SetSecurityGroupsCommand({ LoadBalancerArn, SecurityGroups: [] })),
    ).rejects.toMatchObject({ name: "InvalidConfigurationRequestException" });
  });

  it("forwards only to target groups of its protocols, and refuses UDP by name", async () => {
    const [tcp, tls, http] = [
      await newGroup("tcp"),
      await newGroup("tls", { Protocol: "TLS" }),
      await newGroup("http", { Protocol: "HTTP" }),
    ];
    await listen(5_432, tcp.TargetGroupArn);
    for (const { TargetGroupArn } of [tls, http])
      await expect(listen(5_433, TargetGroupArn)).rejects.toMatchObject({
        name: "IncompatibleProtocolsException",
      });
    await expect(listen(5_433, tcp.TargetGroupArn, { Protocol: "UDP" })).rejects.toThrow(
      "listener protocol UDP",
    );
    await expect(newGroup("udp", { Protocol: "UDP" })).rejects.toThrow("target group protocol UDP");
    await expect(
      listen(5_433, undefined, {
        DefaultActions: [{ Type: "fixed-response", FixedResponseConfig: { StatusCode: "200" } }],
      }),
    ).rejects.toMatchObject({ name: "InvalidLoadBalancerActionException" });
    await expect(newBalancer({ Name: "gw", Type: "gateway" })).rejects.toThrow("not gateway");
    await expect(newBalancer({ Name: "six", IpAddressType: "dualstack" })).rejects.toThrow(
      "no IPv6 addresses",
    );
  });

  it("changes its subnets, keeps the interfaces that stay, and records a capacity", async () => {
    const before = api.store.get("loadBalancer", LoadBalancerArn)?.networkInterfaceIds ?? [];
    const Subnets = subnets.slice(0, 2).map((subnet) => subnet.SubnetId ?? "");
    await client.send(new elb.SetSubnetsCommand({ LoadBalancerArn, Subnets }));
    expect(api.store.get("loadBalancer", LoadBalancerArn)?.networkInterfaceIds).toEqual([
      before[0],
      expect.stringMatching(/^eni-/),
    ]);
    await client.send(new elb.SetIpAddressTypeCommand({ LoadBalancerArn, IpAddressType: "ipv4" }));
    const reserved = { LoadBalancerArn, MinimumLoadBalancerCapacity: { CapacityUnits: 200 } };
    await client.send(new elb.ModifyCapacityReservationCommand(reserved));
    const { MinimumLoadBalancerCapacity } = await client.send(
      new elb.DescribeCapacityReservationCommand({ LoadBalancerArn }),
    );
    expect(MinimumLoadBalancerCapacity?.CapacityUnits).toBe(200);
  });
});

describe("target groups of network load balancers", () => {
  it("have the health checks and attributes that ELB gives them", async () => {
    const group = await newGroup("checked");
    expect(group).toMatchObject({ HealthCheckProtocol: "TCP", HealthCheckTimeoutSeconds: 10 });
    expect(group.Matcher).toBeUndefined();
    expect(group.ProtocolVersion).toBeUndefined();
    const http = await newGroup("by-http", { HealthCheckProtocol: "HTTP", HealthCheckPath: "/up" });
    expect(http).toMatchObject({ HealthCheckTimeoutSeconds: 6, Matcher: { HttpCode: "200-399" } });
    const { TargetGroupArn } = group;
    const set = (Key: string, Value: string) =>
      client.send(
        new elb.ModifyTargetGroupAttributesCommand({ TargetGroupArn, Attributes: [{ Key, Value }] }),
      );
    await set("target_health_state.unhealthy.connection_termination.enabled", "false");
    await set("proxy_protocol_v2.enabled", "true");
    await set("stickiness.type", "source_ip");
    await expect(set("stickiness.type", "lb_cookie")).rejects.toMatchObject({ name: "ValidationError" });
    await expect(set("slow_start.duration_seconds", "30")).rejects.toThrow("is not recognized");
  });

  // Source: API_TargetGroupAttribute, preserve_client_ip.enabled.
  it.each([
    ["ip", "false"],
    ["instance", "true"],
    ["alb", "true"],
  ] as const)("of type %s have preserve_client_ip.enabled=%s by default", async (TargetType, initial) => {
    const { TargetGroupArn } = await newGroup(`client-of-${TargetType}`, { TargetType });
    const shown = async () => {
      const { Attributes = [] } = await client.send(
        new elb.DescribeTargetGroupAttributesCommand({ TargetGroupArn }),
      );
      return Attributes.find(({ Key }) => Key === "preserve_client_ip.enabled")?.Value;
    };
    expect(await shown()).toBe(initial);
    const Attributes = [{ Key: "preserve_client_ip.enabled", Value: initial === "true" ? "false" : "true" }];
    await client.send(new elb.ModifyTargetGroupAttributesCommand({ TargetGroupArn, Attributes }));
    expect(await shown()).toBe(Attributes[0]?.Value);
  });

  it("are of type instance by default; an id that no instance has is not valid", async () => {
    const { TargetGroupArn, TargetType } = await newGroup("instances", {
      Protocol: "HTTP",
      TargetType: undefined,
    });
    expect(TargetType).toBe("instance");
    const register = new elb.RegisterTargetsCommand({
      TargetGroupArn,
      Targets: [{ Id: "i-0123456789abcdef0" }],
    });
    await expect(client.send(register)).rejects.toMatchObject({
      name: "InvalidTargetException",
      message: "Instance ID 'i-0123456789abcdef0' is not valid",
    });
    await expect(newGroup("functions", { TargetType: "lambda" })).rejects.toThrow("type lambda");
  });

  it("accept an application load balancer that listens on their port", async () => {
    const { TargetGroupArn } = await newGroup("to-alb", { TargetType: "alb" });
    const Subnets = subnets.slice(0, 2).map((subnet) => subnet.SubnetId ?? "");
    const { LoadBalancerArn: Id = "" } = await newBalancer({ Name: "web", Type: "application", Subnets });
    const register = () =>
      client.send(new elb.RegisterTargetsCommand({ TargetGroupArn, Targets: [{ Id, Port: 80 }] }));
    await expect(register()).rejects.toMatchObject({ name: "InvalidTargetException" });
    const fixed = [{ Type: "fixed-response" as const, FixedResponseConfig: { StatusCode: "200" } }];
    await client.send(
      new elb.CreateListenerCommand({
        LoadBalancerArn: Id,
        Protocol: "HTTP",
        Port: 80,
        DefaultActions: fixed,
      }),
    );
    await register();
    await expect(
      client.send(new elb.DeleteLoadBalancerCommand({ LoadBalancerArn: Id })),
    ).rejects.toMatchObject({
      name: "ResourceInUseException",
    });
  });
});

describe("listeners and security policies", () => {
  it("describes the security policies, and changes the attributes that a protocol has", async () => {
    const { SslPolicies = [] } = await client.send(
      new elb.DescribeSSLPoliciesCommand({ Names: ["ELBSecurityPolicy-TLS13-1-2-2021-06"] }),
    );
    expect(SslPolicies[0]?.SslProtocols).toEqual(["TLSv1.2", "TLSv1.3"]);
    const { Listeners = [] } = await client.send(new elb.DescribeListenersCommand({ LoadBalancerArn }));
    const ListenerArn = Listeners[0]?.ListenerArn;
    const set = (Key: string, Value: string) =>
      client.send(new elb.ModifyListenerAttributesCommand({ ListenerArn, Attributes: [{ Key, Value }] }));
    await set("tcp.idle_timeout.seconds", "600");
    await expect(set("routing.http.response.server.enabled", "false")).rejects.toThrow("is not recognized");
    const { Attributes } = await client.send(new elb.DescribeListenerAttributesCommand({ ListenerArn }));
    expect(Attributes).toEqual([{ Key: "tcp.idle_timeout.seconds", Value: "600" }]);
  });
});
