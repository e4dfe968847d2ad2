import type { ServiceName } from "../loaded-services.ts";
import { regional, type Defaults, type Send, type Target } from "./targets.ts";

/** A bus, a rule, an archive, a replay, a connection, an API destination, a schedule and its group, named `prod`. */
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
  const outward = await createOutward(send, busArn);
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
      {
        kind: "eventBusName",
        arns: [busArn],
        family: regional("events", "event-bus/*"),
        spellings: ["prod"],
      },
      { kind: "eventBusArn", arns: [busArn], family: regional("events", "event-bus/*"), spellings: [busArn] },
      ...outward.targets,
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
        ...outward.defaults,
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

/** An archive and a replay of it, a connection and an API destination. */
async function createOutward(
  send: Send,
  busArn: string,
): Promise<{ readonly targets: readonly Target[]; readonly defaults: Defaults }> {
  const archive = await send("eventbridge", "CreateArchive", { ArchiveName: "prod", EventSourceArn: busArn });
  const archiveArn = String(archive["ArchiveArn"]);
  const range = { EventStartTime: new Date(0), EventEndTime: new Date(1) };
  const Destination = { Arn: busArn };
  const replay = await send("eventbridge", "StartReplay", {
    ...{ ReplayName: "prod", EventSourceArn: archiveArn, Destination, ...range },
  });
  const authorization = {
    AuthorizationType: "BASIC",
    AuthParameters: { BasicAuthParameters: { Username: "u", Password: "p" } },
  };
  const connection = await send("eventbridge", "CreateConnection", { Name: "prod", ...authorization });
  const connectionArn = String(connection["ConnectionArn"]);
  const endpoint = { InvocationEndpoint: "https://a.example/", HttpMethod: "POST" };
  const destination = await send("eventbridge", "CreateApiDestination", {
    ...{ Name: "prod", ConnectionArn: connectionArn, ...endpoint },
  });
  const target = (kind: Target["kind"], arn: string, spelling: string): Target => ({
    kind,
    arns: [arn],
    family: regional("events", `${arn.split(":")[5]?.split("/")[0] ?? ""}/*`),
    spellings: [spelling],
  });
  return {
    targets: [
      target("eventArchive", archiveArn, "prod"),
      target("eventArchiveArn", archiveArn, archiveArn),
      target("eventReplay", String(replay["ReplayArn"]), "prod"),
      target("eventConnection", connectionArn, "prod"),
      target("eventConnectionArn", connectionArn, connectionArn),
      target("apiDestination", String(destination["ApiDestinationArn"]), "prod"),
    ],
    defaults: {
      ...{ ArchiveName: "new", EventSourceArn: busArn, "StartReplay.EventSourceArn": archiveArn },
      ...{ "StartReplay.ReplayName": "new", ReplayName: "prod", Destination, ...range },
      ...{ ConnectionArn: connectionArn, ...endpoint, ...authorization },
      ...{ "CreateConnection.Name": "new", "CreateApiDestination.Name": "new" },
    },
  };
}
