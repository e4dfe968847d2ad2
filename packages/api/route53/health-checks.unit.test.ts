import { CloudWatchClient, PutMetricAlarmCommand, SetAlarmStateCommand } from "@aws-sdk/client-cloudwatch";
import * as sdk from "@aws-sdk/client-route-53";
import { healthCheckController, type ProbeResult } from "@gantry/controllers";
import { Controller, randomIds, silentLogger, VirtualClock } from "@gantry/kernel";
import type { EndpointCheck } from "@gantry/state";
import { allZones } from "@gantry/state/transactions/zones";
import { startApi } from "@gantry/testkit";
import { refusalFor } from "@gantry/testkit/sent-members";
import { afterAll, afterEach, describe, expect, it } from "vitest";

const api = await startApi();
afterAll(() => api.close());
const client = new sdk.Route53Client(api.client());
const cloudWatch = new CloudWatchClient(api.client(undefined, "us-east-1"));

let references = 0;
const create = async (HealthCheckConfig: sdk.HealthCheckConfig) => {
  const CallerReference = `check-${(references += 1)}`;
  const { HealthCheck, Location } = await client.send(
    new sdk.CreateHealthCheckCommand({ CallerReference, HealthCheckConfig }),
  );
  return { ...HealthCheck, id: HealthCheck?.Id ?? "", Location };
};
const endpoint = (more: Partial<sdk.HealthCheckConfig> = {}): sdk.HealthCheckConfig => ({
  ...{ Type: "HTTP", IPAddress: "198.18.0.1", RequestInterval: 10, FailureThreshold: 2 },
  ...more,
});
const update = (HealthCheckId: string, more: Partial<sdk.UpdateHealthCheckRequest>) =>
  client.send(new sdk.UpdateHealthCheckCommand({ HealthCheckId, ...more }));
const remove = (HealthCheckId: string) => client.send(new sdk.DeleteHealthCheckCommand({ HealthCheckId }));
const reportOf = async (HealthCheckId: string) => {
  const answer = await client.send(new sdk.GetHealthCheckStatusCommand({ HealthCheckId }));
  return answer.HealthCheckObservations?.[0]?.StatusReport?.Status;
};

/** Endpoints that fail, by address; and the checks that were made. */
const failing = new Set<string>();
const probed: EndpointCheck[] = [];
const clock = new VirtualClock(Date.UTC(2026, 0, 1));
const deps = { store: api.store, clock, ids: randomIds(), log: silentLogger };
const probe = (check: EndpointCheck): Promise<ProbeResult> => {
  probed.push(check);
  const passed = !failing.has(check.ipAddress ?? check.hostName ?? "");
  return Promise.resolve({
    passed,
    report: passed ? "Success: up" : "Failure: down",
    address: check.ipAddress,
  });
};
let loop: Controller | undefined;
const start = () => {
  loop = new Controller(healthCheckController({ ...deps, probe }), deps);
  loop.start();
};
afterEach(async () => {
  await loop?.stop();
  loop = undefined;
  failing.clear();
});
const pass = (seconds: number) => clock.advance(seconds * 1_000);

describe("a health check", () => {
  it("has defaults, a location, and the members that were given", async () => {
    const plain = await create({ Type: "HTTPS", FullyQualifiedDomainName: "www.shop.example" });
    expect(plain).toMatchObject({
      HealthCheckVersion: 1,
      HealthCheckConfig: {
        ...{ Type: "HTTPS", Port: 443, RequestInterval: 30, FailureThreshold: 3, EnableSNI: true },
        ...{ Inverted: false, Disabled: false, MeasureLatency: false },
      },
      Location: `https://route53.amazonaws.com/2013-04-01/healthcheck/${plain.id}`,
    });
    const Regions: sdk.HealthCheckRegion[] = ["eu-west-1", "us-east-1", "us-west-2"];
    const given = {
      ...{ ResourcePath: "/health", SearchString: "ok", Port: 8080, EnableSNI: false, MeasureLatency: true },
      ...{ Inverted: true, Disabled: true, Regions },
    };
    for (const Type of ["HTTP_STR_MATCH", "HTTPS_STR_MATCH"] as const)
      expect((await create(endpoint({ Type, ...given }))).HealthCheckConfig).toMatchObject({
        Type,
        ...given,
      });
  });

  it("is created once for a caller reference", async () => {
    const CallerReference = "once";
    const send = (HealthCheckConfig: sdk.HealthCheckConfig) =>
      client.send(new sdk.CreateHealthCheckCommand({ CallerReference, HealthCheckConfig }));
    const first = await send(endpoint());
    expect((await send(endpoint())).HealthCheck?.Id).toBe(first.HealthCheck?.Id);
    await expect(send(endpoint({ Port: 81 }))).rejects.toMatchObject({ name: "HealthCheckAlreadyExists" });
  });

  it.each([
    [{ Type: "HTTP" }, "IPAddress"],
    [{ Type: "TCP", IPAddress: "198.18.0.1" }, "Port"],
    [endpoint({ SearchString: "x" }), "SearchString"],
    [endpoint({ Type: "HTTPS_STR_MATCH" }), "SearchString"],
    [endpoint({ RequestInterval: 20 }), "RequestInterval"],
    [endpoint({ FailureThreshold: 11 }), "FailureThreshold"],
    [endpoint({ Regions: ["eu-west-1"] }), "Regions"],
    [endpoint({ HealthThreshold: 1 }), "HealthThreshold"],
    [{ Type: "CALCULATED", ChildHealthChecks: ["nobody"], HealthThreshold: 1 }, "nobody"],
    [{ Type: "CLOUDWATCH_METRIC", AlarmIdentifier: { Name: "none", Region: "us-east-1" } }, "none"],
    [{ Type: "RECOVERY_CONTROL", RoutingControlArn: "arn:aws:x" }, "RoutingControlArn"],
  ] satisfies [sdk.HealthCheckConfig, string][])("that is %o is refused", async (config, named) => {
    await expect(create(config)).rejects.toMatchObject({
      name: "InvalidInput",
      message: expect.stringContaining(named) as string,
    });
  });

  it("of the type RECOVERY_CONTROL is refused", async () => {
    const answer = await refusalFor("RECOVERY_CONTROL", () => create({ Type: "RECOVERY_CONTROL" }));
    expect(answer).toMatchObject({ name: "InvalidInput" });
  });

  it("is changed, with its version, and goes back to defaults", async () => {
    const { id } = await create(
      endpoint({ FullyQualifiedDomainName: "a.example", ResourcePath: "/a", Regions: undefined }),
    );
    const Regions: sdk.HealthCheckRegion[] = [
      "ap-northeast-1",
      "ap-southeast-1",
      "ap-southeast-2",
      "sa-east-1",
    ];
    const changes = {
      ...{ IPAddress: "198.18.0.9", Port: 8081, ResourcePath: "/b", FullyQualifiedDomainName: "b.example" },
      ...{ FailureThreshold: 5, Inverted: true, Disabled: true, EnableSNI: true, Regions },
    };
    const { HealthCheck } = await update(id, { HealthCheckVersion: 1, ...changes });
    expect(HealthCheck).toMatchObject({ HealthCheckVersion: 2, HealthCheckConfig: changes });
    await expect(update(id, { HealthCheckVersion: 1 })).rejects.toMatchObject({
      name: "HealthCheckVersionMismatch",
    });
    const ResetElements: sdk.ResettableElementName[] = [
      "FullyQualifiedDomainName",
      "Regions",
      "ResourcePath",
    ];
    const reset = await update(id, { ResetElements: [...ResetElements, "ChildHealthChecks"] });
    expect(reset.HealthCheck?.HealthCheckConfig).not.toHaveProperty("ResourcePath");
    expect(reset.HealthCheck?.HealthCheckConfig).not.toHaveProperty("Regions");
    const matching = await create(endpoint({ Type: "HTTP_STR_MATCH", SearchString: "old" }));
    const searched = await update(matching.id, { SearchString: "new" });
    expect(searched.HealthCheck?.HealthCheckConfig?.SearchString).toBe("new");
    const more = await create(endpoint({ Regions: ["eu-west-1", "us-west-1", "sa-east-1"] }));
    expect(more.HealthCheckConfig?.Regions).toHaveLength(3);
  });

  it("is listed page by page, counted, tagged and deleted", async () => {
    const { id } = await create(endpoint());
    const tagged = { ResourceType: "healthcheck" as const, ResourceId: id };
    await client.send(
      new sdk.ChangeTagsForResourceCommand({ ...tagged, AddTags: [{ Key: "team", Value: "shop" }] }),
    );
    const { ResourceTagSet } = await client.send(new sdk.ListTagsForResourceCommand(tagged));
    expect(ResourceTagSet).toMatchObject({ ...tagged, Tags: [{ Key: "team", Value: "shop" }] });
    const first = await client.send(new sdk.ListHealthChecksCommand({ MaxItems: 1 }));
    expect(first).toMatchObject({ IsTruncated: true, MaxItems: 1 });
    const rest = await client.send(new sdk.ListHealthChecksCommand({ Marker: first.NextMarker }));
    const { HealthCheckCount } = await client.send(new sdk.GetHealthCheckCountCommand({}));
    expect(rest.HealthChecks?.length).toBe((HealthCheckCount ?? 0) - 1);
    const Type = "MAX_HEALTH_CHECKS_BY_OWNER";
    const limit = await client.send(new sdk.GetAccountLimitCommand({ Type }));
    expect(limit).toMatchObject({ Limit: { Type, Value: 200 }, Count: HealthCheckCount });
    await expect(client.send(new sdk.ListHealthChecksCommand({ Marker: "x" }))).rejects.toMatchObject({
      name: "InvalidInput",
    });
    await remove(id);
    await expect(client.send(new sdk.GetHealthCheckCommand({ HealthCheckId: id }))).rejects.toMatchObject({
      name: "NoSuchHealthCheck",
    });
  });
});

describe("the results of health checks", () => {
  it("change the status after as many in a row as the threshold, and are shown", async () => {
    const { id } = await create(endpoint({ IPAddress: "198.18.1.1", FailureThreshold: 2 }));
    const isHealthy = () =>
      api.store.get("healthCheckStatus", `arn:aws:route53:::healthcheck/${id}`)?.isHealthy;
    start();
    await pass(1);
    expect(await reportOf(id)).toBe("Success: up");
    failing.add("198.18.1.1");
    await pass(10);
    expect(await reportOf(id)).toBe("Failure: down");
    expect(isHealthy()).toBe(true);
    await pass(10);
    expect(isHealthy()).toBe(false);
    failing.clear();
    await pass(20);
    expect(isHealthy()).toBe(true);
    const last = await client.send(new sdk.GetHealthCheckLastFailureReasonCommand({ HealthCheckId: id }));
    expect(last.HealthCheckObservations).toMatchObject([
      { IPAddress: "198.18.1.1", StatusReport: { Status: "Failure: down" } },
    ]);
  });

  it("outlast a restart: a check is neither repeated nor delayed", async () => {
    await create(endpoint({ IPAddress: "198.18.1.2", FailureThreshold: 2 }));
    const made = () => probed.filter(({ ipAddress }) => ipAddress === "198.18.1.2").length;
    start();
    await pass(1);
    expect(made()).toBe(1);
    await loop?.stop();
    start();
    await pass(5);
    expect(made()).toBe(1);
    await pass(6);
    expect(made()).toBe(2);
  });

  it.each([true, false])("of a TLS endpoint are made with EnableSNI as given: %s", async (EnableSNI) => {
    const IPAddress = EnableSNI ? "198.18.1.5" : "198.18.1.6";
    const name = { FullyQualifiedDomainName: "named.shop.example" };
    const made = await create(endpoint({ Type: "HTTPS", IPAddress, EnableSNI, ...name }));
    expect(made.HealthCheckConfig?.EnableSNI).toBe(EnableSNI);
    start();
    await pass(1);
    expect(probed.find(({ ipAddress }) => ipAddress === IPAddress)?.usesSni).toBe(EnableSNI);
  });

  it("are turned around by Inverted, and Disabled checks connect to nothing", async () => {
    const inverted = await create(endpoint({ IPAddress: "198.18.1.3", Inverted: true, FailureThreshold: 1 }));
    const disabled = await create(endpoint({ IPAddress: "198.18.1.4", Disabled: true }));
    start();
    await pass(1);
    const statusOf = (id: string) =>
      api.store.get("healthCheckStatus", `arn:aws:route53:::healthcheck/${id}`)?.isHealthy;
    expect(statusOf(inverted.id)).toBe(false);
    expect(statusOf(disabled.id)).toBe(true);
    expect(probed.some(({ ipAddress }) => ipAddress === "198.18.1.4")).toBe(false);
  });

  it("are counted by calculated checks, which cannot count themselves", async () => {
    const children = [
      await create(endpoint({ IPAddress: "198.18.2.1", FailureThreshold: 1 })),
      await create(endpoint({ IPAddress: "198.18.2.2", FailureThreshold: 1 })),
    ];
    const ChildHealthChecks = children.map(({ id }) => id);
    const { id } = await create({ Type: "CALCULATED", ChildHealthChecks, HealthThreshold: 2 });
    start();
    await pass(1);
    expect(await reportOf(id)).toMatch(/^Success/);
    failing.add("198.18.2.2");
    await pass(11);
    expect(await reportOf(id)).toMatch(/^Failure/);
    await update(id, { HealthThreshold: 1 });
    await pass(1);
    expect(await reportOf(id)).toMatch(/^Success/);
    await expect(update(id, { ChildHealthChecks: [id] })).rejects.toMatchObject({ name: "InvalidInput" });
    const failed = [children[1]?.id ?? ""];
    const changed = await update(id, { ChildHealthChecks: failed });
    expect(changed.HealthCheck?.HealthCheckConfig?.ChildHealthChecks).toEqual(failed);
    await pass(1);
    expect(await reportOf(id)).toMatch(/^Failure/);
  });

  it("follow the state of an alarm", async () => {
    await cloudWatch.send(
      new PutMetricAlarmCommand({
        ...{ AlarmName: "errors", Namespace: "Shop", MetricName: "Errors", Statistic: "Sum", Period: 60 },
        ...{ EvaluationPeriods: 1, Threshold: 1, ComparisonOperator: "GreaterThanThreshold" },
        Dimensions: [{ Name: "Page", Value: "cart" }],
      }),
    );
    const AlarmIdentifier = { Name: "errors", Region: "us-east-1" as const };
    const checks = await Promise.all(
      (["Healthy", "Unhealthy", "LastKnownStatus"] as const).map((InsufficientDataHealthStatus) =>
        create({ Type: "CLOUDWATCH_METRIC", AlarmIdentifier, InsufficientDataHealthStatus }),
      ),
    );
    expect(checks[0]?.CloudWatchAlarmConfiguration).toMatchObject({ MetricName: "Errors", Period: 60 });
    const set = async (StateValue: "OK" | "ALARM" | "INSUFFICIENT_DATA") => {
      // A test's API counts what runs within a call as the call's own work.
      await loop?.stop();
      await cloudWatch.send(
        new SetAlarmStateCommand({ AlarmName: "errors", StateValue, StateReason: "because" }),
      );
      start();
      await pass(1);
      const reports = await Promise.all(checks.map(({ id }) => reportOf(id)));
      return reports.map((report) => report?.startsWith("Success"));
    };
    expect(await set("OK")).toEqual([true, true, true]);
    expect(await set("ALARM")).toEqual([false, false, false]);
    expect(await set("INSUFFICIENT_DATA")).toEqual([true, false, false]);
    const changed = await update(checks[0]?.id ?? "", {
      AlarmIdentifier,
      InsufficientDataHealthStatus: "Unhealthy",
    });
    expect(changed.HealthCheck?.HealthCheckConfig?.InsufficientDataHealthStatus).toBe("Unhealthy");
    await update(checks[1]?.id ?? "", { InsufficientDataHealthStatus: "Healthy" });
    expect(await set("INSUFFICIENT_DATA")).toEqual([false, true, false]);
    await update(checks[0]?.id ?? "", { InsufficientDataHealthStatus: "LastKnownStatus" });
    expect(await set("OK")).toEqual([true, true, true]);
    expect(await set("INSUFFICIENT_DATA")).toEqual([true, true, true]);
  });
});

describe("record sets with health checks", () => {
  it("answer with what is healthy, and an alias that evaluates them is as healthy as they are", async () => {
    const zone = await client.send(
      new sdk.CreateHostedZoneCommand({ Name: "checked.example", CallerReference: "checked" }),
    );
    const HostedZoneId = zone.HostedZone?.Id ?? "";
    const check = await create(endpoint({ IPAddress: "198.18.3.1", FailureThreshold: 1 }));
    const set = (
      Name: string,
      SetIdentifier: string,
      Value: string,
      more: Partial<sdk.ResourceRecordSet>,
    ) => ({
      Action: "UPSERT" as const,
      ResourceRecordSet: {
        ...{ Name, Type: "A" as const, TTL: 5, SetIdentifier, ResourceRecords: [{ Value }] },
        ...more,
      },
    });
    const HealthCheckId = check.id;
    const alias = { HostedZoneId: HostedZoneId.split("/").at(-1), DNSName: "one.checked.example" };
    const Changes: sdk.Change[] = [
      set("one.checked.example", "a", "192.0.2.9", { Weight: 1, HealthCheckId }),
      set("fail.checked.example", "a", "192.0.2.1", { Failover: "PRIMARY", HealthCheckId }),
      set("fail.checked.example", "b", "192.0.2.2", { Failover: "SECONDARY" }),
      set("multi.checked.example", "a", "192.0.2.1", { MultiValueAnswer: true, HealthCheckId }),
      set("multi.checked.example", "b", "192.0.2.2", { MultiValueAnswer: true }),
      set("weight.checked.example", "a", "192.0.2.1", { Weight: 255, HealthCheckId }),
      set("weight.checked.example", "b", "192.0.2.2", { Weight: 1 }),
      set("near.checked.example", "a", "192.0.2.1", { Region: "eu-south-1", HealthCheckId }),
      set("near.checked.example", "b", "192.0.2.2", { Region: "us-east-1" }),
      {
        Action: "UPSERT",
        ResourceRecordSet: {
          ...{ Name: "alias.checked.example", Type: "A", SetIdentifier: "a", Failover: "PRIMARY" },
          AliasTarget: { ...alias, HostedZoneId: alias.HostedZoneId ?? "", EvaluateTargetHealth: true },
        },
      },
      set("alias.checked.example", "b", "192.0.2.2", { Failover: "SECONDARY" }),
    ];
    await client.send(new sdk.ChangeResourceRecordSetsCommand({ HostedZoneId, ChangeBatch: { Changes } }));
    const { ResourceRecordSets } = await client.send(
      new sdk.ListResourceRecordSetsCommand({ HostedZoneId, StartRecordName: "fail.checked.example" }),
    );
    expect(ResourceRecordSets?.[0]?.HealthCheckId).toBe(check.id);
    const answers = () =>
      ["fail", "multi", "weight", "near", "alias"].map((label) =>
        allZones(api.store)
          .answer(`${label}.checked.example`, "A", {
            ...{ vpcId: undefined, region: "eu-south-1", random: () => 0 },
          })
          ?.records.map(({ value }) => value.split(".").at(-1)),
      );
    expect(answers()).toEqual([["1"], ["1", "2"], ["1"], ["1"], ["9"]]);
    failing.add("198.18.3.1");
    start();
    await pass(1);
    expect(answers()).toEqual([["2"], ["2"], ["2"], ["2"], ["2"]]);
  });
});
