import { createServer, type AddressInfo } from "node:net";
import { networkInterfaces } from "node:os";
import * as sdk from "@aws-sdk/client-route-53";
import { probeEndpoint, publicNames } from "@gantry/controllers";
import { SystemClock } from "@gantry/kernel";
import { isPublicAddress } from "@gantry/kernel/public-address";
import type { EndpointCheck } from "@gantry/state";
import { startApi } from "@gantry/testkit";
import { afterAll, describe, expect, it } from "vitest";
import { admitOther, OTHER } from "./other-account.ts";

// The control plane connects to the endpoints of health checks: whoever may create one must not learn with it what
// listens on the host, on its network or in the VPCs of others.
const api = await startApi();
let connections = 0;
const listener = createServer((socket) => {
  connections += 1;
  socket.destroy();
});
await new Promise<void>((done) => listener.listen(0, () => done()));
const { port } = listener.address() as AddressInfo; // It listens on a port.
afterAll(() => {
  listener.close();
  api.close();
});
const client = new sdk.Route53Client(api.client());
const create = (HealthCheckConfig: sdk.HealthCheckConfig, by = client) =>
  by.send(
    new sdk.CreateHealthCheckCommand({
      CallerReference: JSON.stringify(HealthCheckConfig),
      HealthCheckConfig,
    }),
  );

const INSIDE = [
  ...["127.0.0.1", "127.1.2.3", "0.0.0.0", "10.0.0.1", "172.16.15.10", "192.168.1.1", "169.254.169.254"],
  ...["169.254.170.2", "100.64.0.1", "224.0.0.1", "255.255.255.255", "::1", "::", "::ffff:127.0.0.1"],
  ...["::ffff:7f00:1", "fe80::1", "fd00:ec2::254", "fc00::1", "64:ff9b::7f00:1", "2002:7f00:1::", "ff02::1"],
];

describe("an address inside", () => {
  it.each(INSIDE)("%s is not taken", async (IPAddress) => {
    expect(isPublicAddress(IPAddress)).toBe(false);
    await expect(create({ Type: "TCP", IPAddress, Port: 22 })).rejects.toMatchObject({
      name: "InvalidInput",
    });
  });

  it.each(["0x7f.1", "2130706433", "127.1", "0177.0.0.1", "[::1]"])(
    "that is written as %s is no address, and a name is checked where it leads",
    async (IPAddress) => {
      await expect(create({ Type: "TCP", IPAddress, Port: 22 })).rejects.toMatchObject({
        name: "InvalidInput",
      });
      const { report } = await probe({ hostName: IPAddress });
      expect(report).toMatch(/^Failure/);
      expect(connections).toBe(0);
    },
  );

  it("is not connected to where a name leads to it", async () => {
    const own = Object.values(networkInterfaces()).flatMap((all) => all?.map(({ address }) => address) ?? []);
    for (const address of ["127.0.0.1", "10.0.0.1", ...own]) {
      const { passed, report } = await probe({ hostName: "rebound.example" }, () => [address]);
      expect({ passed, report }).toEqual({
        passed: false,
        report: "Failure: The endpoint's address is not one that a health checker can reach.",
      });
    }
    expect(await probe({ hostName: "localhost" })).toMatchObject({ passed: false });
    expect(connections).toBe(0);
  });
});

function probe(
  more: Partial<EndpointCheck>,
  addressesOf: () => readonly string[] | undefined = () => undefined,
) {
  const check: EndpointCheck = {
    ...{ type: "TCP", ipAddress: undefined, hostName: undefined, port, path: undefined, regions: [] },
    ...{ searchString: undefined, intervalSeconds: 10, failureThreshold: 1, measuresLatency: false },
    ...{ usesSni: false, inverted: false, disabled: false },
    ...more,
  };
  return probeEndpoint({ clock: new SystemClock(), addressesOf }, check, "id");
}

it.each(["a b", "a\r\nHost: x", "a/b", "a:80", "a@b", "-a", "*.shop.example", "ä.example"])(
  "a name or a path cannot add to the request: %j",
  async (text) => {
    await expect(create({ Type: "HTTP", FullyQualifiedDomainName: text })).rejects.toMatchObject({
      name: "InvalidInput",
    });
    if (/[^\x21-\x7e]/.test(text))
      await expect(
        create({ Type: "HTTP", IPAddress: "198.18.0.1", ResourcePath: `/${text}` }),
      ).rejects.toMatchObject({ name: "InvalidInput" });
  },
);

describe("another account", () => {
  admitOther(api);
  const other = new sdk.Route53Client(api.client(OTHER));

  it("neither sees, changes, counts nor follows a health check", async () => {
    const { HealthCheck } = await create({ Type: "TCP", IPAddress: "198.18.0.1", Port: 80 });
    const HealthCheckId = HealthCheck?.Id ?? "";
    for (const call of [
      () => other.send(new sdk.GetHealthCheckCommand({ HealthCheckId })),
      () => other.send(new sdk.GetHealthCheckStatusCommand({ HealthCheckId })),
      () => other.send(new sdk.UpdateHealthCheckCommand({ HealthCheckId, Disabled: true })),
      () => other.send(new sdk.DeleteHealthCheckCommand({ HealthCheckId })),
    ])
      await expect(call()).rejects.toMatchObject({ name: "NoSuchHealthCheck" });
    await expect(
      create({ Type: "CALCULATED", ChildHealthChecks: [HealthCheckId], HealthThreshold: 1 }, other),
    ).rejects.toMatchObject({ name: "InvalidInput" });
    const zone = await other.send(
      new sdk.CreateHostedZoneCommand({ Name: "other.example", CallerReference: "other" }),
    );
    const ResourceRecordSet = {
      ...{
        Name: "a.other.example",
        Type: "A" as const,
        TTL: 5,
        SetIdentifier: "a",
        Weight: 1,
        HealthCheckId,
      },
      ResourceRecords: [{ Value: "192.0.2.1" }],
    };
    const Changes = [{ Action: "CREATE" as const, ResourceRecordSet }];
    await expect(
      other.send(
        new sdk.ChangeResourceRecordSetsCommand({
          HostedZoneId: zone.HostedZone?.Id,
          ChangeBatch: { Changes },
        }),
      ),
    ).rejects.toMatchObject({ name: "NoSuchHealthCheck" });
  });

  it("does not make its private names known to the checks", async () => {
    const names = publicNames(api.store, () => 0);
    expect(names("a.corp.internal")).toBeUndefined();
    expect(names("other.example")).toEqual([]);
  });
});

it("an account has 200 health checks", async () => {
  const { HealthCheckCount = 0 } = await client.send(new sdk.GetHealthCheckCountCommand({}));
  for (let count = HealthCheckCount; count < 200; count += 1)
    await create({ Type: "TCP", IPAddress: "198.18.0.2", Port: count + 1 });
  await expect(create({ Type: "TCP", IPAddress: "198.18.0.3", Port: 1 })).rejects.toMatchObject({
    name: "TooManyHealthChecks",
  });
});
