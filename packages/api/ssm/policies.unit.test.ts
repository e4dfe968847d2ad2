import * as ssm from "@aws-sdk/client-ssm";
import * as events from "@aws-sdk/client-eventbridge";
import { CreateLogGroupCommand, CloudWatchLogsClient } from "@aws-sdk/client-cloudwatch-logs";
import { parameterPolicyController } from "@gantry/controllers";
import { Controller, randomIds, silentLogger, SystemClock } from "@gantry/kernel";
import { startApi } from "@gantry/testkit";
import { afterAll, afterEach, describe, expect, it, vi } from "vitest";

const api = await startApi();
afterAll(() => api.close());
const client = new ssm.SSMClient(api.client());
const put = (
  Name: string,
  Policies: object[] | string | undefined,
  more: Partial<ssm.PutParameterRequest> = {},
) =>
  client.send(
    new ssm.PutParameterCommand({
      ...{ Name, Value: "v", Type: "String", Tier: "Advanced" },
      Policies: typeof Policies === "object" ? JSON.stringify(Policies) : Policies,
      ...more,
    }),
  );
const policiesOf = async (name: string) => {
  const { Parameters } = await client.send(
    new ssm.DescribeParametersCommand({ ParameterFilters: [{ Key: "Name", Values: [name] }] }),
  );
  return Parameters?.[0]?.Policies?.map(({ PolicyType, PolicyStatus }) => `${PolicyType} ${PolicyStatus}`);
};

const HOUR_MS = 3_600_000;
let aheadMs = 0;
const system = new SystemClock();
const clock = { now: () => system.now() + aheadMs, after: system.after.bind(system) };
const started: Controller[] = [];
afterEach(async () => {
  for (const controller of started.splice(0)) await controller.stop();
  aheadMs = 0;
});
function start(): void {
  const deps = { store: api.store, clock, ids: randomIds(), log: silentLogger };
  const controller = new Controller(parameterPolicyController(deps), deps);
  started.push(controller);
  controller.start();
}
const inHours = (hours: number) => new Date(Date.now() + hours * HOUR_MS).toISOString();
const expiration = (hours: number) => ({
  Type: "Expiration",
  Version: "1.0",
  Attributes: { Timestamp: inHours(hours) },
});
const notice = (Before: string) => ({
  ...{ Type: "ExpirationNotification", Version: "1.0", Attributes: { Before, Unit: "Hours" } },
});
const unchanged = { Type: "NoChangeNotification", Version: "1.0", Attributes: { After: "1", Unit: "Days" } };

describe("a parameter's policies", () => {
  it("notify through EventBridge, then delete the parameter", async () => {
    const logs = new CloudWatchLogsClient(api.client());
    await logs.send(new CreateLogGroupCommand({ logGroupName: "/events" }));
    const rules = new events.EventBridgeClient(api.client());
    const EventPattern = JSON.stringify({
      source: ["aws.ssm"],
      "detail-type": ["Parameter Store Policy Action"],
    });
    await rules.send(new events.PutRuleCommand({ Name: "policies", EventPattern }));
    const Targets = [{ Id: "log", Arn: "arn:aws:logs:eu-south-1:000000000000:log-group:/events" }];
    await rules.send(new events.PutTargetsCommand({ Rule: "policies", Targets }));
    await put("/short", [expiration(48), notice("40"), unchanged]);
    expect(await policiesOf("/short")).toEqual([
      ...["Expiration Pending", "ExpirationNotification Pending", "NoChangeNotification Pending"],
    ]);
    aheadMs = 9 * HOUR_MS;
    start();
    await vi.waitFor(async () =>
      expect(await policiesOf("/short")).toEqual([
        ...["Expiration Pending", "ExpirationNotification Finished", "NoChangeNotification Pending"],
      ]),
    );
    for (const controller of started.splice(0)) await controller.stop();
    aheadMs = 49 * HOUR_MS;
    start();
    await vi.waitFor(async () => expect(await policiesOf("/short")).toBeUndefined());
    expect(api.store.keys("parameterVersion")).toEqual([]);
    const sent = api.store.list("eventDelivery").map(({ payload }) => {
      const { detail } = JSON.parse(payload) as { detail: Record<string, string> };
      return [detail["parameter-name"], detail["policy-type"]];
    });
    expect(sent.toSorted()).toEqual([
      ["/short", "Expiration"],
      ["/short", "ExpirationNotification"],
      ["/short", "NoChangeNotification"],
    ]);
  });

  it("stay with a new version, begin anew with it, and are removed by an empty list", async () => {
    await put("/kept", [unchanged]);
    const dueAt = () =>
      api.store.list("parameter").find(({ name }) => name === "/kept")?.policies?.[0]?.dueAt ?? 0;
    const first = dueAt();
    await put("/kept", undefined, { Overwrite: true, Value: "w" });
    expect(dueAt()).toBeGreaterThanOrEqual(first);
    expect(await policiesOf("/kept")).toEqual(["NoChangeNotification Pending"]);
    await put("/kept", [{}], { Overwrite: true });
    expect(await policiesOf("/kept")).toEqual([]);
  });

  it("are refused where they are not those of Parameter Store", async () => {
    const refused = async (policies: object[] | string, name: string, more: object = {}) =>
      expect(put("/never", policies, more)).rejects.toMatchObject({ name });
    await refused([{ Type: "Other", Version: "1.0" }], "InvalidPolicyTypeException");
    await refused([expiration(-1)], "InvalidPolicyAttributeException");
    await refused(
      [{ ...unchanged, Attributes: { After: "x", Unit: "Days" } }],
      "InvalidPolicyAttributeException",
    );
    await refused([expiration(1), expiration(2)], "IncompatiblePolicyException");
    await refused([notice("1")], "IncompatiblePolicyException");
    await refused(
      Array.from({ length: 11 }, () => unchanged),
      "PoliciesLimitExceededException",
    );
    await refused("{", "ValidationException");
    await refused([unchanged], "ValidationException", { Tier: "Standard" });
  });
});
