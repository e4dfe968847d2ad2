import { CreateRoleCommand, IAMClient } from "@aws-sdk/client-iam";
import * as sdk from "@aws-sdk/client-scheduler";
import { startApi } from "@gantry/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const api = await startApi();
afterAll(() => api.close());
const client = new sdk.SchedulerClient(api.client());
const iam = new IAMClient(api.client());
const Tags = [{ Key: "a", Value: "b" }];
const BUS = "arn:aws:events:eu-south-1:000000000000:event-bus/default";

const role = async (RoleName: string, Service: string): Promise<string> => {
  const Statement = { Effect: "Allow", Principal: { Service }, Action: "sts:AssumeRole" };
  const AssumeRolePolicyDocument = JSON.stringify({ Version: "2012-10-17", Statement });
  const { Role } = await iam.send(new CreateRoleCommand({ RoleName, AssumeRolePolicyDocument }));
  return Role?.Arn ?? "";
};
let target: sdk.Target;
beforeAll(async () => {
  const RoleArn = await role("scheduler", "scheduler.amazonaws.com");
  target = { Arn: BUS, RoleArn, Input: "{}", EventBridgeParameters: { DetailType: "d", Source: "s" } };
});
const create = (given: Partial<sdk.CreateScheduleInput>) =>
  client.send(
    new sdk.CreateScheduleCommand({
      Name: "s",
      ScheduleExpression: "rate(1 hour)",
      FlexibleTimeWindow: { Mode: "OFF" },
      Target: target,
      ...given,
    }),
  );

describe("schedule groups", () => {
  it("are created, described, listed, tagged and deleted with their schedules", async () => {
    const { ScheduleGroupArn } = await client.send(new sdk.CreateScheduleGroupCommand({ Name: "g", Tags }));
    expect(ScheduleGroupArn).toBe("arn:aws:scheduler:eu-south-1:000000000000:schedule-group/g");
    const get = () => client.send(new sdk.GetScheduleGroupCommand({ Name: "g" }));
    expect(await get()).toMatchObject({ Name: "g", State: "ACTIVE" });
    const { ScheduleGroups } = await client.send(new sdk.ListScheduleGroupsCommand({}));
    expect(ScheduleGroups?.map(({ Name }) => Name)).toEqual(["default", "g"]);
    const ResourceArn = ScheduleGroupArn;
    await client.send(new sdk.TagResourceCommand({ ResourceArn, Tags: [{ Key: "c", Value: "d" }] }));
    await client.send(new sdk.UntagResourceCommand({ ResourceArn, TagKeys: ["a"] }));
    const listed = await client.send(new sdk.ListTagsForResourceCommand({ ResourceArn }));
    expect(listed.Tags).toEqual([{ Key: "c", Value: "d" }]);
    await create({ GroupName: "g", Name: "inside" });
    await client.send(new sdk.DeleteScheduleGroupCommand({ Name: "g" }));
    await expect(get()).rejects.toThrow(sdk.ResourceNotFoundException);
    expect(api.store.keys("schedule")).toEqual([]);
  });
});

describe("schedules", () => {
  it("are created, described, changed, listed and deleted", async () => {
    const StartDate = new Date(Date.UTC(2030, 0, 1));
    await create({ ScheduleExpressionTimezone: "Europe/Berlin", StartDate, Description: "d" });
    await expect(create({})).rejects.toThrow(sdk.ConflictException);
    const get = () => client.send(new sdk.GetScheduleCommand({ Name: "s" }));
    expect(await get()).toMatchObject({
      GroupName: "default",
      ScheduleExpression: "rate(1 hour)",
      ScheduleExpressionTimezone: "Europe/Berlin",
      StartDate,
      State: "ENABLED",
      FlexibleTimeWindow: { Mode: "OFF" },
      ActionAfterCompletion: "NONE",
      Target: { ...target, RetryPolicy: { MaximumEventAgeInSeconds: 86_400, MaximumRetryAttempts: 185 } },
    });
    await client.send(
      new sdk.UpdateScheduleCommand({
        Name: "s",
        ScheduleExpression: "at(2030-01-01T00:00:00)",
        FlexibleTimeWindow: { Mode: "FLEXIBLE", MaximumWindowInMinutes: 5 },
        Target: target,
        State: "DISABLED",
      }),
    );
    const changed = await get();
    expect(changed).toMatchObject({ State: "DISABLED", FlexibleTimeWindow: { MaximumWindowInMinutes: 5 } });
    expect(changed.Description).toBeUndefined();
    expect(api.store.list("schedule")[0]?.nextAt).toBeUndefined();
    const { Schedules } = await client.send(new sdk.ListSchedulesCommand({ State: "DISABLED" }));
    expect(Schedules).toMatchObject([{ Name: "s", Target: { Arn: BUS } }]);
    await client.send(new sdk.DeleteScheduleCommand({ Name: "s" }));
    await expect(get()).rejects.toThrow("Schedule s does not exist.");
  });

  it.each<[Partial<sdk.CreateScheduleInput>, RegExp]>([
    [{ ScheduleExpression: "rate(1 second)" }, /Invalid Schedule Expression/],
    [{ ScheduleExpressionTimezone: "Mars" }, /Timezone/],
    [{ FlexibleTimeWindow: { Mode: "FLEXIBLE" } }, /MaximumWindowInMinutes/],
    [{ FlexibleTimeWindow: { Mode: "OFF", MaximumWindowInMinutes: 1 } }, /must not be set/],
    [{ GroupName: "none" }, /does not exist/],
    [{ StartDate: new Date(2_000), EndDate: new Date(1_000) }, /EndDate/],
  ])("are refused: %j", async (given, reason) => {
    await expect(create({ Name: "bad", ...given })).rejects.toThrow(reason);
  });

  it("are refused targets that cannot be invoked, and roles that Scheduler cannot assume", async () => {
    const Arn = "arn:aws:lambda:eu-south-1:000000000000:function:f";
    await expect(create({ Target: { ...target, Arn } })).rejects.toThrow(/lambda is not there yet/);
    const RoleArn = await role("other", "ecs.amazonaws.com");
    await expect(create({ Target: { ...target, RoleArn } })).rejects.toThrow(/to assume the role/);
  });
});
