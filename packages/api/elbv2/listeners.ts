import type * as elb from "@aws-sdk/client-elastic-load-balancing-v2";
import { type ListenerRecord, type Reader, type Transaction, writeActions } from "@gantry/state";
import type { Implementation, RequestContext } from "@gantry/wire";
import { ApiError } from "./api-error.ts";
import { authenticationOf, presentActions, toActions } from "./actions.ts";
import { listenerAttributes, presentAttributes, withAttributes } from "./attributes.ts";
import type { Elbv2Deps } from "./elbv2-deps.ts";
import {
  addListenerCertificates,
  describeListenerCertificates,
  removeListenerCertificates,
} from "./listener-certificates.ts";
import { modifiedTls, presentMutual, toAlpn, toMutual, toTls } from "./listener-tls.ts";
import { findListener, findLoadBalancer } from "./lookups.ts";
import { checkGroupQuota, checkListenerQuota, checkOneCertificate } from "./quotas.ts";
import { newTags } from "./tags.ts";
import { validation } from "./validation.ts";

/** Listeners and their certificates. Source: API_CreateListener and following. */
export function listenerOperations(deps: Elbv2Deps) {
  return {
    CreateListener: (input, context) => createListener(deps, input, context),
    ModifyListener: (input, context) => modifyListener(deps, input, context),
    DescribeListeners: (input, context) => describeListeners(deps, input, context),
    DeleteListener: (input, context) => deleteListener(deps, input, context),
    DescribeListenerAttributes: (input, context) => describeListenerAttributes(deps, input, context),
    ModifyListenerAttributes: (input, context) => modifyListenerAttributes(deps, input, context),
    AddListenerCertificates: (input, context) => addListenerCertificates(deps, input, context),
    RemoveListenerCertificates: (input, context) => removeListenerCertificates(deps, input, context),
    DescribeListenerCertificates: (input, context) => describeListenerCertificates(deps, input, context),
  } satisfies Implementation<typeof elb>;
}

function createListener(
  deps: Elbv2Deps,
  input: elb.CreateListenerInput,
  context: RequestContext,
): elb.CreateListenerOutput {
  const { store, ids } = deps;
  const record = store.transact((tx) => {
    const balancer = findLoadBalancer(tx, context, input.LoadBalancerArn);
    const port = input.Port ?? 0;
    if (port < 1 || port > 65_535) throw validation(`The port '${port}' must be between 1 and 65535`);
    checkPortIsFree(tx, balancer.arn, { port, except: undefined });
    checkListenerQuota(tx, balancer);
    checkOneCertificate(input.Certificates);
    const tls = toTls(tx, balancer, {
      isNetwork: balancer.type === "network",
      protocol: input.Protocol,
      certificates: input.Certificates,
      sslPolicy: input.SslPolicy,
    });
    const mutual = toMutual(tx, balancer, { given: input.MutualAuthentication, protocol: tls.protocol });
    const listener: ListenerRecord = {
      account: context.account,
      region: context.region,
      arn: `${balancer.arn.replace(":loadbalancer/", ":listener/")}/${ids.hex(16)}`,
      loadBalancerArn: balancer.arn,
      port,
      ...tls,
      alpnPolicy: toAlpn(input.AlpnPolicy, tls.protocol),
      mutual,
      defaultActions: [],
      tags: newTags(input.Tags),
    };
    const actions = toActions(tx, input.DefaultActions, { balancer, listener, secrets: deps });
    tx.put("listener", listener.arn, listener);
    writeActions(tx, { kind: "listener", arn: listener.arn }, actions);
    checkGroupQuota(tx, balancer);
    return { ...listener, defaultActions: actions };
  });
  return { Listeners: [presentListener(record)] };
}

function modifyListener(
  deps: Elbv2Deps,
  input: elb.ModifyListenerInput,
  context: RequestContext,
): elb.ModifyListenerOutput {
  const record = deps.store.transact((tx) => {
    const listener = findListener(tx, context, input.ListenerArn);
    const port = input.Port ?? listener.port;
    checkPortIsFree(tx, listener.loadBalancerArn, { port, except: listener.arn });
    const balancer = findLoadBalancer(tx, context, listener.loadBalancerArn);
    checkOneCertificate(input.Certificates);
    const tls = modifiedTls(tx, listener, { input, isNetwork: balancer.type === "network" });
    const next: ListenerRecord = {
      ...listener,
      port,
      ...tls,
      alpnPolicy: toAlpn(
        input.AlpnPolicy ?? (tls.protocol === "TLS" ? listener.alpnPolicy : undefined),
        tls.protocol,
      ),
      mutual:
        input.MutualAuthentication === undefined
          ? listener.mutual
          : toMutual(tx, balancer, { given: input.MutualAuthentication, protocol: tls.protocol }),
    };
    tx.put("listener", listener.arn, next);
    if (input.DefaultActions !== undefined) {
      const actions = toActions(tx, input.DefaultActions, {
        balancer,
        listener: next,
        secrets: deps,
        former: authenticationOf(listener.defaultActions),
      });
      writeActions(tx, { kind: "listener", arn: listener.arn }, actions);
      checkGroupQuota(tx, balancer);
    }
    return findListener(tx, context, listener.arn);
  });
  return { Listeners: [presentListener(record)] };
}

function describeListeners(
  { store }: Elbv2Deps,
  input: elb.DescribeListenersInput,
  context: RequestContext,
): elb.DescribeListenersOutput {
  const found =
    input.ListenerArns === undefined
      ? store.listBy("listener", "loadBalancer", findLoadBalancer(store, context, input.LoadBalancerArn).arn)
      : input.ListenerArns.map((arn) => findListener(store, context, arn));
  return { Listeners: found.map(presentListener) };
}

function deleteListener(
  { store }: Elbv2Deps,
  input: elb.DeleteListenerInput,
  context: RequestContext,
): object {
  store.transact((tx) => removeListener(tx, findListener(tx, context, input.ListenerArn)));
  return {};
}

function describeListenerAttributes(
  { store }: Elbv2Deps,
  input: elb.DescribeListenerAttributesInput,
  context: RequestContext,
): elb.DescribeListenerAttributesOutput {
  return { Attributes: attributesOf(findListener(store, context, input.ListenerArn)) };
}

function modifyListenerAttributes(
  { store }: Elbv2Deps,
  input: elb.ModifyListenerAttributesInput,
  context: RequestContext,
): elb.ModifyListenerAttributesOutput {
  const record = store.transact((tx) => {
    const listener = findListener(tx, context, input.ListenerArn);
    const table = listenerAttributes(listener.protocol);
    const next = {
      ...listener,
      attributes: withAttributes(listener.attributes ?? {}, input.Attributes, table),
    };
    tx.put("listener", listener.arn, next);
    return next;
  });
  return { Attributes: attributesOf(record) };
}

/** Attributes that another protocol had are not shown. */
function attributesOf({ protocol, attributes = {} }: ListenerRecord): elb.ListenerAttribute[] {
  const table = listenerAttributes(protocol);
  const own = Object.fromEntries(Object.entries(attributes).filter(([key]) => Object.hasOwn(table, key)));
  return presentAttributes(table, own);
}

/** A port has one listener of a load balancer. Errors: DuplicateListener. */
function checkPortIsFree(
  reader: Reader,
  loadBalancerArn: string,
  { port, except }: { readonly port: number; readonly except: string | undefined },
): void {
  const listeners = reader.listBy("listener", "loadBalancer", loadBalancerArn);
  if (listeners.some((each) => each.port === port && each.arn !== except))
    throw new ApiError("DuplicateListener", "A listener already exists on this port for this load balancer");
}

export function removeListener(tx: Transaction, listener: ListenerRecord): void {
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
    ...(listener.alpnPolicy === undefined ? {} : { AlpnPolicy: [listener.alpnPolicy] }),
    ...presentMutual(listener),
  };
}
