import type * as elb from "@aws-sdk/client-elastic-load-balancing-v2";
import {
  DEFAULT_SECURITY_POLICY,
  securityPolicyOf,
  type ListenerRecord,
  type Reader,
  type RuleRecord,
  type Transaction,
} from "@gantry/state";
import { ApiError, type Implementation } from "@gantry/wire";
import type { Place } from "../common/api-deps.ts";
import { refuseMembers } from "../common/refuse.ts";
import { toTags } from "../common/tags.ts";
import { presentActions, toActions, type ActionPlace } from "./actions.ts";
import { presentConditions, toConditions } from "./conditions.ts";
import type { Elbv2Deps } from "./index.ts";
import { findCertificate, findListener, findLoadBalancer, findRule } from "./lookups.ts";
import { checkCertificateQuota, checkListenerQuota, checkRuleQuota } from "./quotas.ts";
import { validation } from "./validation.ts";

/** Listeners and their rules. Source: API_CreateListener and following. */
export function listenerOperations(deps: Elbv2Deps) {
  const { store, ids } = deps;
  return {
    CreateListener(input, context) {
      refuseMembers(
        {
          ...input,
          MutualAuthentication:
            input.MutualAuthentication?.Mode === "off" ? undefined : input.MutualAuthentication,
        },
        ["AlpnPolicy", "MutualAuthentication"],
        "ValidationError",
      );
      const record = store.transact((tx) => {
        const balancer = findLoadBalancer(tx, context, input.LoadBalancerArn);
        const port = input.Port ?? 0;
        if (port < 1 || port > 65_535) throw validation(`The port '${port}' must be between 1 and 65535`);
        if (tx.listBy("listener", "loadBalancer", balancer.arn).some((each) => each.port === port))
          throw new ApiError(
            "DuplicateListener",
            "A listener already exists on this port for this load balancer",
          );
        checkListenerQuota(tx, balancer);
        const tls = toTls(tx, balancer, {
          protocol: input.Protocol,
          certificates: input.Certificates,
          sslPolicy: input.SslPolicy,
        });
        const listener: ListenerRecord = {
          account: context.account,
          region: context.region,
          arn: `${balancer.arn.replace(":loadbalancer/", ":listener/")}/${ids.hex(16)}`,
          loadBalancerArn: balancer.arn,
          port,
          ...tls,
          defaultActions: toActions(tx, input.DefaultActions, {
            balancer,
            listener: { protocol: tls.protocol, port },
          }),
          tags: toTags(input.Tags),
        };
        tx.put("listener", listener.arn, listener);
        return listener;
      });
      return { Listeners: [presentListener(record)] };
    },
    ModifyListener(input, context) {
      const record = store.transact((tx) => {
        const listener = findListener(tx, context, input.ListenerArn);
        const port = input.Port ?? listener.port;
        if (
          tx
            .listBy("listener", "loadBalancer", listener.loadBalancerArn)
            .some((each) => each.port === port && each.arn !== listener.arn)
        )
          throw new ApiError(
            "DuplicateListener",
            "A listener already exists on this port for this load balancer",
          );
        const balancer = findLoadBalancer(tx, context, listener.loadBalancerArn);
        const tls =
          input.Protocol === undefined && input.Certificates === undefined && input.SslPolicy === undefined
            ? listener
            : toTls(tx, balancer, {
                protocol: input.Protocol ?? listener.protocol,
                certificates:
                  input.Certificates ??
                  (input.Protocol === "HTTP"
                    ? undefined
                    : listener.certificates.map((CertificateArn) => ({ CertificateArn }))),
                sslPolicy: input.SslPolicy ?? (input.Protocol === "HTTP" ? undefined : listener.sslPolicy),
              });
        const next: ListenerRecord = {
          ...listener,
          port,
          protocol: tls.protocol,
          certificates: tls.certificates,
          sslPolicy: tls.sslPolicy,
          defaultActions:
            input.DefaultActions === undefined
              ? listener.defaultActions
              : toActions(tx, input.DefaultActions, { balancer, listener: { protocol: tls.protocol, port } }),
        };
        tx.put("listener", listener.arn, next);
        return next;
      });
      return { Listeners: [presentListener(record)] };
    },
    DescribeListeners(input, context) {
      const found =
        input.ListenerArns === undefined
          ? store.listBy(
              "listener",
              "loadBalancer",
              findLoadBalancer(store, context, input.LoadBalancerArn).arn,
            )
          : input.ListenerArns.map((arn) => findListener(store, context, arn));
      return { Listeners: found.map(presentListener) };
    },
    DeleteListener(input, context) {
      store.transact((tx) => deleteListener(tx, findListener(tx, context, input.ListenerArn)));
      return {};
    },
    DescribeListenerAttributes(input, context) {
      findListener(store, context, input.ListenerArn);
      return { Attributes: [{ Key: "routing.http.response.server.enabled", Value: "true" }] };
    },
    AddListenerCertificates(input, context) {
      store.transact((tx) => {
        const listener = findListener(tx, context, input.ListenerArn);
        const added = (input.Certificates ?? []).map((certificate) =>
          findCertificate(tx, context, certificate.CertificateArn),
        );
        const certificates = [...new Set([...listener.certificates, ...added])];
        checkCertificateQuota(certificates);
        tx.put("listener", listener.arn, { ...listener, certificates });
      });
      return { Certificates: input.Certificates };
    },
    RemoveListenerCertificates(input, context) {
      store.transact((tx) => {
        const listener = findListener(tx, context, input.ListenerArn);
        const gone = new Set((input.Certificates ?? []).map((certificate) => certificate.CertificateArn));
        tx.put("listener", listener.arn, {
          ...listener,
          certificates: listener.certificates.filter((arn, index) => index === 0 || !gone.has(arn)),
        });
      });
      return {};
    },
    DescribeListenerCertificates: (input, context) => ({
      Certificates: findListener(store, context, input.ListenerArn).certificates.map(
        (CertificateArn, index) => ({
          CertificateArn,
          IsDefault: index === 0,
        }),
      ),
    }),
    CreateRule(input, context) {
      refuseMembers(input, ["Transforms"], "ValidationError");
      const record = store.transact((tx) => {
        const listener = findListener(tx, context, input.ListenerArn);
        const priority = input.Priority ?? 0;
        checkPriority(tx, listener.arn, priority, undefined);
        checkRuleQuota(tx, listener);
        const rule: RuleRecord = {
          account: context.account,
          region: context.region,
          arn: `${listener.arn.replace(":listener/", ":listener-rule/")}/${ids.hex(16)}`,
          listenerArn: listener.arn,
          priority,
          conditions: toConditions(input.Conditions),
          actions: toActions(tx, input.Actions, placeOf(tx, listener)),
          tags: toTags(input.Tags),
        };
        tx.put("rule", rule.arn, rule);
        return rule;
      });
      return { Rules: [presentRule(record)] };
    },
    ModifyRule(input, context) {
      refuseMembers(input, ["Transforms"], "ValidationError");
      const record = store.transact((tx) => {
        const rule = findRule(tx, context, input.RuleArn);
        const next: RuleRecord = {
          ...rule,
          conditions: input.Conditions === undefined ? rule.conditions : toConditions(input.Conditions),
          actions:
            input.Actions === undefined
              ? rule.actions
              : toActions(tx, input.Actions, placeOf(tx, findListener(tx, context, rule.listenerArn))),
        };
        tx.put("rule", rule.arn, next);
        return next;
      });
      return { Rules: [presentRule(record)] };
    },
    SetRulePriorities(input, context) {
      const records = store.transact((tx) =>
        (input.RulePriorities ?? []).map((pair) => {
          const rule = findRule(tx, context, pair.RuleArn);
          checkPriority(tx, rule.listenerArn, pair.Priority ?? 0, rule.arn);
          const next: RuleRecord = { ...rule, priority: pair.Priority ?? 0 };
          tx.put("rule", rule.arn, next);
          return next;
        }),
      );
      return { Rules: records.map(presentRule) };
    },
    DescribeRules(input, context) {
      if (input.RuleArns !== undefined)
        return { Rules: input.RuleArns.map((arn) => presentRule(findRule(store, context, arn))) };
      const listener = findListener(store, context, input.ListenerArn);
      const own = store.listBy("rule", "listener", listener.arn).toSorted((a, b) => a.priority - b.priority);
      const byDefault: elb.Rule = {
        RuleArn: `${listener.arn.replace(":listener/", ":listener-rule/")}/default`,
        Priority: "default",
        Conditions: [],
        Actions: presentActions(listener.defaultActions),
        IsDefault: true,
      };
      return { Rules: [...own.map(presentRule), byDefault] };
    },
    DeleteRule(input, context) {
      store.transact((tx) => tx.delete("rule", findRule(tx, context, input.RuleArn).arn));
      return {};
    },
  } satisfies Implementation<typeof elb>;
}

function placeOf(reader: Reader, listener: ListenerRecord): ActionPlace {
  return { listener, balancer: findLoadBalancer(reader, listener, listener.loadBalancerArn) };
}

function toTls(
  reader: Reader,
  place: Place,
  given: {
    readonly protocol: string | undefined;
    readonly certificates: readonly elb.Certificate[] | undefined;
    readonly sslPolicy: string | undefined;
  },
): Pick<ListenerRecord, "protocol" | "certificates" | "sslPolicy"> {
  const { protocol, sslPolicy } = given;
  if (protocol !== "HTTP" && protocol !== "HTTPS")
    throw validation(`Listener protocol '${protocol}' must be one of 'HTTPS, HTTP'`);
  const arns = (given.certificates ?? []).map((certificate) =>
    findCertificate(reader, place, certificate.CertificateArn),
  );
  if (protocol === "HTTP") {
    if (arns.length > 0)
      throw new ApiError("InvalidConfigurationRequest", "You cannot specify certificates for HTTP listeners");
    if (sslPolicy !== undefined)
      throw new ApiError(
        "InvalidConfigurationRequest",
        "You cannot specify an SSL policy for HTTP listeners",
      );
    return { protocol, certificates: [], sslPolicy: undefined };
  }
  if (arns.length === 0)
    throw new ApiError("CertificateNotFound", "A certificate must be specified for HTTPS listeners");
  if (sslPolicy !== undefined && securityPolicyOf(sslPolicy) === undefined)
    throw new ApiError("SSLPolicyNotFound", `SSL policy '${sslPolicy}' not found`);
  return { protocol, certificates: arns, sslPolicy: sslPolicy ?? DEFAULT_SECURITY_POLICY };
}

function checkPriority(
  reader: Reader,
  listenerArn: string,
  priority: number,
  except: string | undefined,
): void {
  if (priority < 1 || priority > 50_000)
    throw validation(`Rule priority '${priority}' must be between 1 and 50000`);
  if (
    reader
      .listBy("rule", "listener", listenerArn)
      .some((rule) => rule.priority === priority && rule.arn !== except)
  )
    throw new ApiError("PriorityInUse", `Priority '${priority}' is currently in use`);
}

export function deleteListener(tx: Transaction, listener: ListenerRecord): void {
  for (const rule of tx.listBy("rule", "listener", listener.arn)) tx.delete("rule", rule.arn);
  tx.delete("listener", listener.arn);
}

function presentListener(listener: ListenerRecord): elb.Listener {
  return {
    ListenerArn: listener.arn,
    LoadBalancerArn: listener.loadBalancerArn,
    Port: listener.port,
    Protocol: listener.protocol,
    Certificates: listener.certificates.slice(0, 1).map((CertificateArn) => ({ CertificateArn })),
    SslPolicy: listener.sslPolicy,
    DefaultActions: presentActions(listener.defaultActions),
    ...(listener.protocol === "HTTPS" ? { MutualAuthentication: { Mode: "off" } } : {}),
  };
}

function presentRule(rule: RuleRecord): elb.Rule {
  return {
    RuleArn: rule.arn,
    Priority: String(rule.priority),
    Conditions: presentConditions(rule.conditions),
    Actions: presentActions(rule.actions),
    IsDefault: false,
  };
}
