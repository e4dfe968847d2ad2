import type {
  BalancerAction,
  BalancerListener,
  BalancersAssignment,
  BalancerTargetGroup,
} from "@gantry/agent-protocol";
import { present, type Vault } from "@gantry/kernel";
import type {
  ActionRecord,
  ListenerRecord,
  LoadBalancerRecord,
  Reader,
  TargetGroupRecord,
} from "@gantry/state";

const IDLE_SECONDS = 60;

/** All load balancers as the proxy needs them. Only target groups that a listener leads to are in it. */
export function balancersAssignment(reader: Reader, vault: Vault): BalancersAssignment {
  const records = reader.list("loadBalancer");
  const balancers = records.map((record) => ({
    arn: record.arn,
    dnsName: record.dnsName,
    vpcId: record.vpcId,
    addresses: record.networkInterfaceIds.flatMap(
      (id) => reader.get("networkInterface", id)?.privateIp ?? [],
    ),
    internetFacing: record.scheme === "internet-facing",
    idleTimeoutSeconds: Number(record.attributes["idle_timeout.timeout_seconds"] ?? IDLE_SECONDS),
    listeners: reader
      .listBy("listener", "loadBalancer", record.arn)
      .map((listener) => renderListener(reader, vault, listener)),
  }));
  return {
    kind: "balancers",
    key: "balancers",
    balancers,
    targetGroups: records
      .flatMap((record) => groupsOf(reader, record))
      .filter((group, index, all) => all.findIndex((other) => other.arn === group.arn) === index),
  };
}

/** ARNs of the target groups that a load balancer's listeners and rules lead to. */
export function targetGroupsOf(reader: Reader, loadBalancerArn: string): ReadonlySet<string> {
  const listeners = reader.listBy("listener", "loadBalancer", loadBalancerArn);
  const actions = listeners.flatMap((listener) => [
    ...listener.defaultActions,
    ...reader.listBy("rule", "listener", listener.arn).flatMap((rule) => rule.actions),
  ]);
  return new Set(
    actions.flatMap((action) =>
      action.type === "forward" ? action.targets.map((target) => target.targetGroupArn) : [],
    ),
  );
}

function groupsOf(reader: Reader, balancer: LoadBalancerRecord): readonly BalancerTargetGroup[] {
  const source = reader.get("networkInterface", balancer.networkInterfaceIds[0] ?? "")?.privateIp ?? "";
  return [...targetGroupsOf(reader, balancer.arn)].flatMap((arn) => {
    const group = reader.get("targetGroup", arn);
    return group === undefined ? [] : [renderGroup(reader, group, source)];
  });
}

function renderGroup(reader: Reader, group: TargetGroupRecord, sourceAddress: string): BalancerTargetGroup {
  const { attributes } = group;
  const sticky =
    attributes["stickiness.enabled"] === "true" && attributes["stickiness.type"] !== "app_cookie";
  const algorithm = attributes["load_balancing.algorithm.type"];
  return {
    arn: group.arn,
    vpcId: group.vpcId,
    protocol: group.protocol,
    healthCheck: group.healthCheck,
    algorithm:
      algorithm === "least_outstanding_requests" || algorithm === "weighted_random"
        ? algorithm
        : "round_robin",
    stickySeconds: sticky ? Number(attributes["stickiness.lb_cookie.duration_seconds"] ?? 86_400) : undefined,
    slowStartSeconds: Number(attributes["slow_start.duration_seconds"] ?? 0),
    sourceAddress,
    targets: reader.listBy("target", "group", group.arn).map((target) => ({
      address: target.address,
      port: target.port,
      isNew: target.state === "initial",
      draining: target.drainingSince !== undefined,
    })),
  };
}

function renderListener(reader: Reader, vault: Vault, listener: ListenerRecord): BalancerListener {
  const rules = reader.listBy("rule", "listener", listener.arn).toSorted((a, b) => a.priority - b.priority);
  return {
    port: listener.port,
    tls: listener.protocol === "HTTPS",
    certificates: listener.certificates.flatMap((arn) => {
      const certificate = reader.get("certificate", arn);
      if (certificate === undefined) return [];
      return [
        {
          names: [certificate.domainName, ...certificate.subjectAlternativeNames].filter(
            (name, index, all) => all.indexOf(name) === index,
          ),
          pem: [certificate.certificatePem, certificate.chainPem, vault.open(certificate.sealedKey)].join(
            "\n",
          ),
        },
      ];
    }),
    rules: rules.map((rule) => ({ conditions: rule.conditions, action: renderAction(rule.actions) })),
    defaultAction: renderAction(listener.defaultActions),
  };
}

function renderAction(actions: readonly ActionRecord[]): BalancerAction {
  const action = present(actions.at(-1), "A rule has an action.");
  switch (action.type) {
    case "forward":
      return { type: "forward", targets: action.targets, stickySeconds: action.stickySeconds };
    case "redirect":
      return { ...action, statusCode: action.statusCode === "HTTP_301" ? 301 : 302 };
    case "fixed-response":
      return { ...action, statusCode: Number(action.statusCode) };
  }
}
