import type * as ec2 from "@aws-sdk/client-ec2";
import { parseArn } from "@gantry/kernel";
import {
  endpointState,
  type EndpointEvent,
  type EndpointNotificationRecord,
  type Reader,
  type Transaction,
  type VpcEndpointRecord,
} from "@gantry/state";
import type { Implementation, RequestContext } from "@gantry/wire";
import type { Place } from "../common/api-deps.ts";
import { isIn, within } from "../common/place.ts";
import { publishWith } from "../sns/from-service.ts";
import { ApiError } from "./api-error.ts";
import type { Ec2Deps } from "./ec2-deps.ts";
import { findEndpointService } from "./endpoint-services.ts";
import { notificationFields } from "./filter-fields-network.ts";
import { applyFilters, selectById } from "./filters.ts";
import { invalidValue, missingEndpoint, missingNotification } from "./missing.ts";
import { ec2Arn } from "./needs.ts";

const EVENTS: readonly string[] = ["Accept", "Connect", "Delete", "Reject"] satisfies EndpointEvent[];
const NOTIFICATIONS_MAX = 100;
const SERVICE = { principal: "vpce.amazonaws.com", name: "PrivateLink" };

/** Topics that are told of connections. Source: API_CreateVpcEndpointConnectionNotification and following. */
export function endpointNotificationOperations(deps: Ec2Deps) {
  return {
    CreateVpcEndpointConnectionNotification: (input, context) => createNotification(deps, input, context),
    ModifyVpcEndpointConnectionNotification: (input, context) => modifyNotification(deps, input, context),
    DeleteVpcEndpointConnectionNotifications: (input, context) => deleteNotifications(deps, input, context),
    DescribeVpcEndpointConnectionNotifications: (input, context) =>
      describeNotifications(deps, input, context),
  } satisfies Implementation<typeof ec2>;
}

function createNotification(
  { store, ids }: Ec2Deps,
  input: ec2.CreateVpcEndpointConnectionNotificationRequest,
  context: RequestContext,
): ec2.CreateVpcEndpointConnectionNotificationResult {
  const { ServiceId: serviceId, VpcEndpointId: endpointId } = input;
  if ((serviceId === undefined) === (endpointId === undefined))
    throw new ApiError("InvalidParameter", "Either the service or the endpoint must be given.");
  const made = store.transact((tx) => {
    if (serviceId !== undefined) findEndpointService(tx, context, serviceId);
    else if (within(tx.get("vpcEndpoint", endpointId), context) === undefined)
      throw missingEndpoint(endpointId);
    const { account, region } = context;
    const all = tx.list("endpointNotification").filter((each) => isIn(each, context));
    if (all.length >= NOTIFICATIONS_MAX)
      throw new ApiError(
        "VpcEndpointServiceLimitExceeded",
        "The maximum number of connection notifications has been reached.",
      );
    const record: EndpointNotificationRecord = {
      ...{ account, region, serviceId, endpointId },
      id: `vpce-nfn-${ids.hex(17)}`,
      topicArn: topicNamed(tx, context, input.ConnectionNotificationArn),
      events: eventsIn(input.ConnectionEvents),
    };
    tx.put("endpointNotification", record.id, record);
    return record;
  });
  return { ConnectionNotification: presentNotification(store, made), ClientToken: input.ClientToken };
}

function modifyNotification(
  { store }: Ec2Deps,
  input: ec2.ModifyVpcEndpointConnectionNotificationRequest,
  context: RequestContext,
): ec2.ModifyVpcEndpointConnectionNotificationResult {
  store.transact((tx) => {
    const found = within(tx.get("endpointNotification", input.ConnectionNotificationId), context);
    if (found === undefined) throw missingNotification(input.ConnectionNotificationId);
    const arn = input.ConnectionNotificationArn;
    tx.put("endpointNotification", found.id, {
      ...found,
      topicArn: arn === undefined ? found.topicArn : topicNamed(tx, context, arn),
      events: input.ConnectionEvents === undefined ? found.events : eventsIn(input.ConnectionEvents),
    });
  });
  return { ReturnValue: true };
}

function deleteNotifications(
  { store }: Ec2Deps,
  input: ec2.DeleteVpcEndpointConnectionNotificationsRequest,
  context: RequestContext,
): ec2.DeleteVpcEndpointConnectionNotificationsResult {
  const Unsuccessful = store.transact((tx) =>
    (input.ConnectionNotificationIds ?? []).flatMap((id): ec2.UnsuccessfulItem[] => {
      if (within(tx.get("endpointNotification", id), context) === undefined) {
        const { code, message } = missingNotification(id);
        return [{ ResourceId: id, Error: { Code: code, Message: message } }];
      }
      tx.delete("endpointNotification", id);
      return [];
    }),
  );
  return { Unsuccessful };
}

function describeNotifications(
  { store }: Ec2Deps,
  input: ec2.DescribeVpcEndpointConnectionNotificationsRequest,
  context: RequestContext,
): ec2.DescribeVpcEndpointConnectionNotificationsResult {
  const all = store.list("endpointNotification").filter((each) => isIn(each, context));
  const id = input.ConnectionNotificationId;
  const chosen = selectById(all, id === undefined ? [] : [id], (each) => each.id, missingNotification);
  const tagged = chosen.map((each) => ({ ...each, tags: {} }));
  return {
    ConnectionNotificationSet: applyFilters(tagged, input.Filters, notificationFields(store)).map((each) =>
      presentNotification(store, each),
    ),
  };
}

/** Errors: InvalidParameter where the topic does not exist or is of another region. */
function topicNamed(reader: Reader, { region }: Place, arn: string | undefined): string {
  const topic = parseArn(arn ?? "")?.region === region ? reader.get("topic", arn) : undefined;
  if (topic === undefined)
    throw new ApiError("InvalidParameter", `The SNS topic '${arn ?? ""}' does not exist.`);
  return topic.arn;
}

function eventsIn(given: readonly string[] | undefined): readonly EndpointEvent[] {
  const wrong = given?.find((event) => !EVENTS.includes(event));
  if (given === undefined || given.length === 0 || wrong !== undefined)
    throw invalidValue(wrong ?? "", "connectionEvents");
  return [...new Set(given)] as readonly EndpointEvent[]; // Checked just above.
}

/** A topic that is gone is told of nothing. */
export function notificationState(reader: Reader, { topicArn }: EndpointNotificationRecord) {
  return reader.get("topic", topicArn) === undefined ? "Disabled" : "Enabled";
}

function presentNotification(reader: Reader, record: EndpointNotificationRecord): ec2.ConnectionNotification {
  return {
    ConnectionNotificationId: record.id,
    ServiceId: record.serviceId,
    VpcEndpointId: record.endpointId,
    ConnectionNotificationType: "Topic",
    ConnectionNotificationArn: record.topicArn,
    ConnectionEvents: [...record.events],
    ConnectionNotificationState: notificationState(reader, record),
    ServiceRegion: record.region,
  };
}

/**
 * Tells the topics of an endpoint and of its service what happened to it. A topic whose policy does not let
 * PrivateLink publish is not told.
 */
export function notifyOf(
  tx: Transaction,
  deps: Pick<Ec2Deps, "ids" | "vault" | "clock">,
  endpoint: VpcEndpointRecord,
  event: EndpointEvent,
): void {
  const { id, serviceId, serviceName } = endpoint;
  const wanted = tx
    .list("endpointNotification")
    .filter(
      (each) =>
        each.events.includes(event) &&
        (each.endpointId === id || (serviceId !== undefined && each.serviceId === serviceId)),
    );
  for (const { topicArn, account, region, ...of } of wanted) {
    const type = of.serviceId === undefined ? "vpc-endpoint" : "vpc-endpoint-service";
    const arn = ec2Arn({ account, region }, type, of.serviceId ?? id);
    const content = {
      event,
      vpcEndpointId: id,
      vpcEndpointOwner: endpoint.account,
      vpcEndpointState: event === "Delete" ? "deleted" : endpointState(tx, endpoint),
      serviceId,
      serviceName,
      time: new Date(deps.clock.now()).toISOString(),
    };
    try {
      publishWith(tx, deps, {
        ...{ topicArn, service: SERVICE, source: { arn, account, region } },
        subject: `VPC endpoint ${id}: ${event}`,
        message: JSON.stringify(content),
      });
    } catch {
      // The topic refuses, or takes nothing now: an endpoint is made, accepted and deleted all the same.
    }
  }
}
