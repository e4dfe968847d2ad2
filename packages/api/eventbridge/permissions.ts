import type * as sdk from "@aws-sdk/client-eventbridge";
import { isObject } from "@gantry/kernel";
import { eventArchiveArnOf, eventReplayArnOf, type Reader } from "@gantry/state";
import {
  apiDestinationArnOf,
  apiDestinationNamed,
  connectionArnOf,
  connectionNamed,
} from "@gantry/state/transactions/event-connections";
import { on, tagOnCreate, type Caller, type Need, type PermissionTable } from "../common/permissions.ts";
import { busArnOf, busOf, ruleArnOf } from "./lookups.ts";

type Given = string | undefined;

/** Source: Service Authorization Reference, "Actions, resources, and condition keys for Amazon EventBridge". */
export function eventsPermissions(store: Reader) {
  return { ...ofBuses(store), ...OF_RULES, ...OF_ARCHIVES, ...ofConnections(store), ...OF_TAGS };
}

function ofBuses(store: Reader) {
  const arnOf = (place: Caller, name: Given): string =>
    busOf(store, place, name)?.arn ?? busArnOf(place, name);
  const bus = (input: { readonly Name?: Given }, place: Caller): readonly Need[] =>
    on(arnOf(place, input.Name));
  return {
    CreateEventBus: (input, place) => {
      const resource = busArnOf(place, input.Name);
      return [{ resource }, ...tagOnCreate(input.Tags, { action: "events:TagResource", resource })];
    },
    DescribeEventBus: bus,
    UpdateEventBus: bus,
    DeleteEventBus: bus,
    ListEventBuses: "*",
    PutPermission: (input, place) => on(arnOf(place, input.EventBusName)),
    RemovePermission: (input, place) => on(arnOf(place, input.EventBusName)),
    PutEvents: (input, place) =>
      (input.Entries ?? []).map((entry) => ({
        resource: arnOf(place, entry.EventBusName),
        conditions: {
          "events:source": entry.Source ?? "",
          "events:detail-type": entry.DetailType ?? "",
          "events:eventBusInvocation": "false",
        },
      })),
  } satisfies PermissionTable<typeof sdk>;
}

const rule = (
  input: { readonly Name?: Given; readonly Rule?: Given; readonly EventBusName?: Given },
  place: Caller,
): readonly Need[] => [
  {
    resource: ruleArnOf(place, input.EventBusName, input.Rule ?? input.Name),
    conditions: { "events:creatorAccount": place.account },
  },
];

const OF_RULES = {
  PutRule: (input, place) => {
    const resource = ruleArnOf(place, input.EventBusName, input.Name);
    const conditions = { "events:creatorAccount": place.account, ...patternKeys(input.EventPattern) };
    return [
      { resource, conditions },
      ...passRole(input.RoleArn, resource),
      ...tagOnCreate(input.Tags, { action: "events:TagResource", resource }),
    ];
  },
  DescribeRule: rule,
  EnableRule: rule,
  DisableRule: rule,
  DeleteRule: rule,
  ListRules: "*",
  ListRuleNamesByTarget: "*",
  PutTargets: (input, place) => {
    const { Targets: targets = [] } = input;
    const arns = targets.flatMap(({ Arn }) => Arn ?? []);
    const roles = [...new Set(targets.map(({ RoleArn }) => RoleArn))];
    return rule(input, place).flatMap(({ resource, conditions }) => [
      { resource, conditions: { ...conditions, "events:TargetArn": arns } },
      ...roles.flatMap((role) => passRole(role, resource)),
    ]);
  },
  RemoveTargets: rule,
  ListTargetsByRule: rule,
  TestEventPattern: "*",
} satisfies PermissionTable<typeof sdk>;

const archive = (input: { readonly ArchiveName?: Given }, place: Caller): readonly Need[] =>
  on(eventArchiveArnOf(place, input.ArchiveName ?? ""));
const replay = (input: { readonly ReplayName?: Given }, place: Caller): readonly Need[] =>
  on(eventReplayArnOf(place, input.ReplayName ?? ""));

const OF_ARCHIVES = {
  CreateArchive: (input, place) => [...archive(input, place), ...on(busArnOf(place, input.EventSourceArn))],
  DescribeArchive: archive,
  UpdateArchive: archive,
  DeleteArchive: archive,
  ListArchives: "*",
  StartReplay: (input, place) => [
    ...replay(input, place),
    ...on(input.EventSourceArn ?? "*", busArnOf(place, input.Destination?.Arn)),
  ],
  DescribeReplay: replay,
  CancelReplay: replay,
  ListReplays: "*",
} satisfies PermissionTable<typeof sdk>;

function ofConnections(store: Reader) {
  const connection = ({ Name: name = "" }: { readonly Name?: Given }, place: Caller): readonly Need[] =>
    on(connectionNamed(store, place, name)?.arn ?? connectionArnOf(place, `${name}/*`));
  const destination = ({ Name: name = "" }: { readonly Name?: Given }, place: Caller): readonly Need[] =>
    on(apiDestinationNamed(store, place, name)?.arn ?? apiDestinationArnOf(place, `${name}/*`));
  return {
    CreateConnection: connection,
    DescribeConnection: connection,
    UpdateConnection: connection,
    DeauthorizeConnection: connection,
    DeleteConnection: connection,
    ListConnections: "*",
    CreateApiDestination: (input, place) => [...destination(input, place), ...on(input.ConnectionArn ?? "*")],
    UpdateApiDestination: (input, place) => [
      ...destination(input, place),
      ...(input.ConnectionArn === undefined ? [] : on(input.ConnectionArn)),
    ],
    DescribeApiDestination: destination,
    DeleteApiDestination: destination,
    ListApiDestinations: "*",
  } satisfies PermissionTable<typeof sdk>;
}

const tagged = (input: { readonly ResourceARN?: Given }, place: Caller): readonly Need[] => [
  { resource: input.ResourceARN ?? "*", conditions: { "events:creatorAccount": place.account } },
];

const OF_TAGS = {
  TagResource: tagged,
  UntagResource: tagged,
  ListTagsForResource: tagged,
} satisfies PermissionTable<typeof sdk>;

/** The role by which EventBridge invokes a target. */
function passRole(resource: Given, ruleArn: string): readonly Need[] {
  if (resource === undefined) return [];
  return [
    {
      action: "iam:PassRole",
      resource,
      conditions: {
        "iam:PassedToService": "events.amazonaws.com",
        "iam:AssociatedResourceArn": ruleArn,
      },
    },
  ];
}

/**
 * Condition keys that a pattern gives: lists of texts at fixed paths.
 * Source: EventBridge User Guide, "Using IAM policy conditions".
 */
function patternKeys(pattern: Given): Readonly<Record<string, readonly string[]>> {
  let json: unknown;
  try {
    json = JSON.parse(pattern ?? "");
  } catch {
    return {};
  }
  const paths = {
    "events:source": ["source"],
    "events:detail-type": ["detail-type"],
    "events:detail.service": ["detail", "service"],
    "events:detail.eventTypeCode": ["detail", "eventTypeCode"],
    "events:detail.userIdentity.principalId": ["detail", "userIdentity", "principalId"],
  };
  return Object.fromEntries(
    Object.entries(paths).flatMap(([key, path]) => {
      let value = json;
      for (const name of path)
        value = isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined;
      const texts = Array.isArray(value) ? value.filter((each) => typeof each === "string") : [];
      return texts.length === 0 ? [] : [[key, texts]];
    }),
  );
}
