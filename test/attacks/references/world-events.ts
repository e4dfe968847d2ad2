import type { ServiceName } from "../loaded-services.ts";
import { regional, type Defaults, type Send, type Target } from "./targets.ts";

/** A bus, a rule of it and of the default bus, a schedule and its group, all named `prod`. */
export async function createEvents(send: Send): Promise<{
  readonly targets: readonly Target[];
  readonly defaults: Pick<Record<ServiceName, Defaults>, "eventbridge" | "scheduler">;
}> {
  const AssumeRolePolicyDocument = JSON.stringify({
    Version: "2012-10-17",
    Statement: {
      Effect: "Allow",
      Principal: { Service: ["events.amazonaws.com", "scheduler.amazonaws.com"] },
      Action: "sts:AssumeRole",
    },
  });
  const { Role } = await send("iam", "CreateRole", { RoleName: "invoker", AssumeRolePolicyDocument });
  const { Arn: RoleArn } = Role as { Arn: string }; // Of CreateRole.
  const bus = await send("eventbridge", "CreateEventBus", { Name: "prod" });
  const EventPattern = '{"source":["prod"]}';
  const rule = await send("eventbridge", "PutRule", { Name: "prod", EventPattern });
  const group = await send("scheduler", "CreateScheduleGroup", { Name: "prod" });
  const busArn = String(bus["EventBusArn"]);
  const ruleArn = String(rule["RuleArn"]);
  const groupArn = String(group["ScheduleGroupArn"]);
  const target = {
    Arn: busArn,
    RoleArn,
    Input: "{}",
    EventBridgeParameters: { DetailType: "d", Source: "prod" },
  };
  const schedule = {
    ScheduleExpression: "rate(1 day)",
    FlexibleTimeWindow: { Mode: "OFF" },
    Target: target,
  };
  const created = await send("scheduler", "CreateSchedule", { Name: "prod", ...schedule });
  const log = { Id: "t", Arn: regional("logs", "log-group:prod") };
  return {
    targets: [
      {
        kind: "eventBus",
        arns: [busArn],
        family: regional("events", "event-bus/*"),
        spellings: ["prod", busArn],
      },
      { kind: "eventRule", arns: [ruleArn], family: regional("events", "rule/*"), spellings: ["prod"] },
      { kind: "eventTagged", arns: [ruleArn], family: regional("events", "rule/*"), spellings: [ruleArn] },
      {
        kind: "schedule",
        arns: [String(created["ScheduleArn"])],
        family: regional("scheduler", "schedule/*"),
        spellings: ["prod"],
      },
      {
        kind: "scheduleGroup",
        arns: [groupArn],
        family: regional("scheduler", "schedule-group/*"),
        spellings: ["prod"],
      },
      {
        kind: "scheduleGroupArn",
        arns: [groupArn],
        family: regional("scheduler", "schedule-group/*"),
        spellings: [groupArn],
      },
    ],
    defaults: {
      eventbridge: {
        EventPattern,
        "TestEventPattern.Event": "{}",
        Action: "events:PutEvents",
        Principal: "111111111111",
        StatementId: "s",
        "RemovePermission.RemoveAllPermissions": true,
        Targets: [log],
        Ids: ["t"],
        Entries: [{ Source: "prod", DetailType: "d", Detail: "{}", EventBusName: "prod" }],
        Tags: [{ Key: "a", Value: "b" }],
        TagKeys: ["a"],
        TargetArn: log.Arn,
        ResourceARN: ruleArn,
        Rule: "prod",
        Name: "prod",
      },
      scheduler: {
        ...schedule,
        Name: "prod",
        "CreateScheduleGroup.Name": "other",
        Tags: [{ Key: "a", Value: "b" }],
        TagKeys: ["a"],
        ResourceArn: groupArn,
      },
    },
  };
}
