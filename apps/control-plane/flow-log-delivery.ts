import { isIPv4 } from "node:net";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import type { FlowRecord } from "@gantry/agent-protocol";
import { flowFileKey, permitsFlowFile, placeOfArn } from "@gantry/api/ec2/flow-log-delivery";
import { fieldsOf, renderFlowLine, type FlowLine } from "@gantry/api/ec2/flow-log-lines";
import { putLogObject } from "@gantry/api/elbv2/log-delivery";
import type { LogStore, ObjectStore } from "@gantry/content";
import type { NodeGatewayDeps, Permissions } from "@gantry/controllers";
import { servicePrincipal } from "@gantry/controllers/service-principal";
import {
  cidrContains,
  messageOf,
  parseCidr,
  parseIp,
  type Clock,
  type Ids,
  type Logger,
} from "@gantry/kernel";
import { vpcBlocks, type FlowLogRecord, type Reader, type Store } from "@gantry/state";
import type { InnerCall } from "@gantry/wire";

const BATCH_ID = /^[0-9a-f]{1,32}$/;
const INTERFACE_ID = /^eni-[0-9a-f]{1,17}$/;
/** Flows of a batch: more than an agent sends at once. */
const FLOWS_MAX = 10_000;
const SERVICE = "vpc-flow-logs.amazonaws.com";
/**
 * Source: Amazon VPC User Guide, "Troubleshoot VPC Flow Logs": the role lacks permissions, or does not trust
 * the service.
 */
const ACCESS_ERROR = "Access error";
/** Digits that make cursors sort as text. */
const CURSOR_DIGITS = 6;

const compress = promisify(gzip);

export interface FlowLogDeliveryDeps {
  readonly store: Store;
  readonly objects: ObjectStore;
  readonly logs: Pick<LogStore, "take">;
  readonly permissions: Permissions;
  /** Runs an operation of the API for a role, with the permissions that it needs. */
  readonly callApi: (call: InnerCall) => Promise<object>;
  readonly ids: Ids;
  readonly clock: Clock;
  readonly log: Logger;
}

type Batch = Parameters<NodeGatewayDeps["takeFlows"]>[1];

/**
 * Delivers the flows that nodes count: to a stream of each interface in CloudWatch Logs by the flow log's
 * role, or as a file in S3 where the bucket's policy permits it. What may not be delivered is lost, as on
 * AWS, and DescribeFlowLogs says why. A node counts for interfaces of its own alone. A batch that is sent
 * twice is delivered once.
 */
export function flowLogDelivery(deps: FlowLogDeliveryDeps): NodeGatewayDeps["takeFlows"] {
  const { store, log } = deps;
  return async (nodeId, batch) => {
    const flowLog = store.get("flowLog", batch.flowLogId);
    if (flowLog === undefined || !isWellFormed(batch)) return;
    const lines = linesOf(store, nodeId, flowLog, batch);
    if (lines.length === 0) return;
    const problem =
      flowLog.destination.type === "s3"
        ? await putFile(deps, flowLog, batch, lines)
        : await putEvents(deps, flowLog, { nodeId, batch, lines });
    if (problem !== undefined)
      log.warn("Flow logs are not delivered", { flowLog: flowLog.id, reason: problem });
    recordOutcome(store, flowLog.id, problem === undefined ? undefined : ACCESS_ERROR);
  };
}

/** Nodes are not trusted with the format of a log: what is not a flow would be a line of the node's own making. */
function isWellFormed({ id, flows, idle, skipped }: Batch): boolean {
  const ids = [...flows.map((flow) => flow.interfaceId), ...idle, ...skipped];
  return (
    BATCH_ID.test(id) &&
    flows.length <= FLOWS_MAX &&
    ids.every((each) => INTERFACE_ID.test(each)) &&
    flows.every(
      (flow) =>
        [flow.source, flow.destination].every((address) => isIPv4(address)) &&
        ["ACCEPT", "REJECT"].includes(flow.action) &&
        ["ingress", "egress"].includes(flow.direction) &&
        [
          flow.sourcePort,
          flow.destinationPort,
          flow.protocol,
          flow.packets,
          flow.bytes,
          flow.start,
          flow.end,
          flow.tcpFlags ?? 0,
        ].every(Number.isSafeInteger),
    )
  );
}

interface Line {
  readonly interfaceId: string;
  readonly text: string;
}

/** The lines of a batch, for interfaces that the flow log is for and that are on the node. */
function linesOf(reader: Reader, nodeId: string, flowLog: FlowLogRecord, batch: Batch): readonly Line[] {
  const quiet = { start: batch.from, end: batch.until, flow: undefined };
  const lines: readonly FlowLine[] = [
    ...batch.flows.map((flow) => ({ ...flow, status: "OK" as const, flow })),
    ...batch.idle.map((interfaceId) => ({ ...quiet, interfaceId, status: "NODATA" as const })),
    ...batch.skipped.map((interfaceId) => ({ ...quiet, interfaceId, status: "SKIPDATA" as const })),
  ];
  return lines.flatMap((line) => {
    const eni = reader.get("networkInterface", line.interfaceId);
    // The interface of a task that has ended is gone; the record of its last minute is still wanted.
    if (eni !== undefined) {
      const covers = [eni.id, eni.subnetId, eni.vpcId].includes(flowLog.resourceId);
      if (!covers || (eni.nodeId !== undefined && eni.nodeId !== nodeId)) return [];
    }
    const place = {
      vpcId: eni?.vpcId ?? (flowLog.resourceId.startsWith("vpc-") ? flowLog.resourceId : undefined),
      subnet: reader.get("subnet", eni?.subnetId),
      trafficPath: line.flow && trafficPath(reader, eni?.vpcId, line.flow),
    };
    return [{ interfaceId: line.interfaceId, text: renderFlowLine(flowLog, line, place) }];
  });
}

/** Source: Amazon VPC User Guide, "Available fields", traffic-path. */
function trafficPath(
  reader: Reader,
  vpcId: string | undefined,
  { destination }: Pick<FlowRecord, "destination">,
): number | undefined {
  const isIn = (id: string | undefined) => {
    const vpc = reader.get("vpc", id);
    const base = parseIp(destination);
    return (
      vpc !== undefined &&
      base !== undefined &&
      vpcBlocks(vpc).some((cidr) => {
        const block = parseCidr(cidr);
        return block !== undefined && cidrContains(block, { base, prefix: 32 });
      })
    );
  };
  if (vpcId === undefined) return undefined;
  if (isIn(vpcId)) return 1;
  const peers = reader
    .list("vpcPeering")
    .filter(({ state }) => state === "active")
    .map(({ requester, accepter }) => [requester.vpcId, accepter.vpcId])
    .filter((ids) => ids.includes(vpcId))
    .flat();
  return peers.some((id) => id !== vpcId && isIn(id)) ? 4 : 8;
}

/** Puts a file into the bucket; returns why it cannot be put. */
async function putFile(
  deps: FlowLogDeliveryDeps,
  flowLog: FlowLogRecord,
  batch: Batch,
  lines: readonly Line[],
): Promise<string | undefined> {
  const { store, objects, clock } = deps;
  const { destination } = flowLog;
  if (destination.type !== "s3") return undefined;
  const bucket = store.get("bucket", placeOfArn(destination.arn).bucket);
  if (bucket === undefined) return `The bucket of ${destination.arn} does not exist.`;
  const key = flowFileKey(flowLog, destination, batch);
  if (!permitsFlowFile(bucket, flowLog, key, clock.now()))
    return `The policy of the bucket ${bucket.name} does not let the log delivery put ${key}.`;
  if (objects.index.get(bucket.name, key) !== undefined) return undefined;
  const text = [fieldsOf(flowLog.format).join(" "), ...lines.map((line) => line.text), ""].join("\n");
  await putLogObject(deps, bucket, key, await compress(text));
  return undefined;
}

/** Puts the lines into the streams of their interfaces; returns why they cannot be put. */
async function putEvents(
  deps: FlowLogDeliveryDeps,
  flowLog: FlowLogRecord,
  { nodeId, batch, lines }: { nodeId: string; batch: Batch; lines: readonly Line[] },
): Promise<string | undefined> {
  const { store, logs, permissions, callApi, clock } = deps;
  const { account, region, id, destination, trafficType } = flowLog;
  if (destination.type !== "cloud-watch-logs") return undefined;
  const principal = servicePrincipal(store, destination.roleArn, {
    service: SERVICE,
    sourceArn: `arn:aws:ec2:${region}:${account}:vpc-flow-log/${id}`,
    account,
    session: id,
    now: clock.now(),
  });
  if (principal === undefined) return `The role ${destination.roleArn} cannot be assumed by ${SERVICE}.`;
  const group = `arn:aws:logs:${region}:${account}:log-group:${destination.logGroup}`;
  if (store.get("logGroup", group) === undefined) {
    const input = { logGroupName: destination.logGroup };
    try {
      await callApi({ service: "logs", operation: "CreateLogGroup", input, principal, region });
    } catch (thrown) {
      return messageOf(thrown);
    }
  }
  for (const interfaceId of new Set(lines.map((line) => line.interfaceId))) {
    const stream = `${interfaceId}-${trafficType.toLowerCase()}`;
    for (const action of ["logs:CreateLogStream", "logs:PutLogEvents"]) {
      const resource = `${group}:log-stream:${stream}`;
      const denied = permissions.deniedBecause(principal, action, resource, () => ({}));
      if (denied !== undefined) return denied;
    }
    const events = lines
      .filter((line) => line.interfaceId === interfaceId)
      .map((line, index) => ({
        timestamp: batch.from * 1_000,
        message: line.text,
        cursor: `${batch.id}.${String(index).padStart(CURSOR_DIGITS, "0")}`,
      }));
    // The cursor of an interface's lines grows with each batch: a batch that comes again adds nothing.
    logs.take(`flows/${nodeId}/${id}/${interfaceId}`, { group, stream }, events, clock.now());
  }
  return undefined;
}

function recordOutcome(store: Store, id: string, deliveryError: string | undefined): void {
  store.transact((tx) => {
    const current = tx.get("flowLog", id);
    if (current !== undefined && current.deliveryError !== deliveryError)
      tx.put("flowLog", id, { ...current, deliveryError });
  });
}
