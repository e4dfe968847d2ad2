import type * as ec2 from "@aws-sdk/client-ec2";
import { realTimeOf } from "@gantry/kernel";
import type { Ec2InstanceRecord } from "@gantry/state";
import { instanceChecks, type StatusCheck } from "@gantry/state/instance-status";
import type { Implementation, RequestContext } from "@gantry/wire";
import type { Ec2Deps } from "./ec2-deps.ts";
import { applyFilters, type FilterFields } from "./filters.ts";
import { presentState } from "./instance-parts.ts";
import { findInstance, instancesNamed } from "./instances.ts";
import { invalidValue } from "./missing.ts";

/** Source: API_InstanceStatusSummary, reportInstanceStatus. */
const REASONS: readonly string[] = [
  ...["instance-stuck-in-state", "unresponsive", "not-accepting-credentials", "password-not-available"],
  ...["performance-network", "performance-instance-store", "performance-ebs-volume", "performance-other"],
  "other",
];

/** Status checks of instances. Source: API_DescribeInstanceStatus, API_ReportInstanceStatus. */
export function instanceStatusOperations(deps: Ec2Deps) {
  return {
    DescribeInstanceStatus: (input, context) => describeStatus(deps, input, context),
    ReportInstanceStatus: (input, context) => reportStatus(deps, input, context),
  } satisfies Implementation<typeof ec2>;
}

type Checked = Ec2InstanceRecord & { readonly checks: ReturnType<typeof instanceChecks> };

function describeStatus(
  { store, clock }: Ec2Deps,
  input: ec2.DescribeInstanceStatusRequest,
  context: RequestContext,
): ec2.DescribeInstanceStatusResult {
  const now = realTimeOf(clock).clock.now();
  const chosen = instancesNamed(store, context, input.InstanceIds);
  const shown = chosen
    .filter(({ state }) => input.IncludeAllInstances === true || state === "running")
    .map((instance): Checked => ({ ...instance, checks: instanceChecks(store, instance, now) }));
  return { InstanceStatuses: applyFilters(shown, input.Filters, STATUS_FIELDS).map(presentStatus) };
}

/** AWS uses reports to improve its checks: they change no status. */
function reportStatus(
  { store }: Ec2Deps,
  input: ec2.ReportInstanceStatusRequest,
  context: RequestContext,
): object {
  const wrong = (input.ReasonCodes ?? []).find((code) => !REASONS.includes(code));
  if (wrong !== undefined) throw invalidValue(wrong, "reasonCode");
  if (input.Status !== "ok" && input.Status !== "impaired") throw invalidValue(input.Status, "status");
  for (const id of input.Instances ?? []) findInstance(store, context, id);
  return {};
}

/** Source: API_InstanceStatusDetails. */
function reachabilityOf({ status }: StatusCheck): ec2.StatusType | undefined {
  switch (status) {
    case "ok":
      return "passed";
    case "impaired":
      return "failed";
    case "initializing":
      return "initializing";
    case "not-applicable":
      return undefined;
  }
}

const STATUS_FIELDS: FilterFields<Checked> = {
  "availability-zone": (instance) => instance.availabilityZone,
  "event.code": () => undefined,
  "instance-state-code": (instance) => String(presentState(instance.state).Code),
  "instance-state-name": (instance) => instance.state,
  "instance-status.reachability": ({ checks }) => reachabilityOf(checks.instance),
  "instance-status.status": ({ checks }) => checks.instance.status,
  "system-status.reachability": ({ checks }) => reachabilityOf(checks.system),
  "system-status.status": ({ checks }) => checks.system.status,
};

function presentStatus(instance: Checked): ec2.InstanceStatus {
  return {
    InstanceId: instance.id,
    AvailabilityZone: instance.availabilityZone,
    InstanceState: presentState(instance.state),
    InstanceStatus: presentCheck(instance.checks.instance),
    SystemStatus: presentCheck(instance.checks.system),
  };
}

function presentCheck(check: StatusCheck): ec2.InstanceStatusSummary {
  const { status, impairedSince } = check;
  const Status = reachabilityOf(check);
  if (Status === undefined) return { Status: status };
  const ImpairedSince = impairedSince === undefined ? undefined : new Date(impairedSince);
  return { Status: status, Details: [{ Name: "reachability", Status, ImpairedSince }] };
}
