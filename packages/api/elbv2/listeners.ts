import type * as elb from "@aws-sdk/client-elastic-load-balancing-v2";
import {
  DEFAULT_SECURITY_POLICY,
  type ListenerRecord,
  type Reader,
  securityPolicyOf,
  type Transaction,
  writeActions,
} from "@gantry/state";
import { ApiError, type Implementation, type RequestContext } from "@gantry/wire";
import type { Place } from "../common/api-deps.ts";
import { refuseMembers } from "../common/refuse.ts";
import { toTags } from "../common/tags.ts";
import { presentActions, toActions } from "./actions.ts";
import type { Elbv2Deps } from "./elbv2-deps.ts";
import {
  addListenerCertificates,
  describeListenerCertificates,
  removeListenerCertificates,
} from "./listener-certificates.ts";
import { findCertificate, findListener, findLoadBalancer } from "./lookups.ts";
import { checkListenerQuota } from "./quotas.ts";
import { validation } from "./validation.ts";

/** Listeners and their certificates. Source: API_CreateListener and following. */
export function listenerOperations(deps: Elbv2Deps) {
  return {
    CreateListener: (input, context) => createListener(deps, input, context),
    ModifyListener: (input, context) => modifyListener(deps, input, context),
    DescribeListeners: (input, context) => describeListeners(deps, input, context),
    DeleteListener: (input, context) => deleteListener(deps, input, context),
    DescribeListenerAttributes: (input, context) => describeListenerAttributes(deps, input, context),
    AddListenerCertificates: (input, context) => addListenerCertificates(deps, input, context),
    RemoveListenerCertificates: (input, context) => removeListenerCertificates(deps, input, context),
    DescribeListenerCertificates: (input, context) => describeListenerCertificates(deps, input, context),
  } satisfies Implementation<typeof elb>;
}

function createListener(
  { store, ids }: Elbv2Deps,
  input: elb.CreateListenerInput,
  context: RequestContext,
): elb.CreateListenerOutput {
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
    checkPortIsFree(tx, balancer.arn, { port, except: undefined });
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
      defaultActions: [],
      tags: toTags(input.Tags),
    };
    const actions = toActions(tx, input.DefaultActions, { balancer, listener });
    tx.put("listener", listener.arn, listener);
    writeActions(tx, { kind: "listener", arn: listener.arn }, actions);
    return { ...listener, defaultActions: actions };
  });
  return { Listeners: [presentListener(record)] };
}

function modifyListener(
  { store }: Elbv2Deps,
  input: elb.ModifyListenerInput,
  context: RequestContext,
): elb.ModifyListenerOutput {
  const record = store.transact((tx) => {
    const listener = findListener(tx, context, input.ListenerArn);
    const port = input.Port ?? listener.port;
    checkPortIsFree(tx, listener.loadBalancerArn, { port, except: listener.arn });
    const balancer = findLoadBalancer(tx, context, listener.loadBalancerArn);
    const next: ListenerRecord = { ...listener, port, ...modifiedTls(tx, listener, input) };
    tx.put("listener", listener.arn, next);
    if (input.DefaultActions !== undefined) {
      const actions = toActions(tx, input.DefaultActions, { balancer, listener: next });
      writeActions(tx, { kind: "listener", arn: listener.arn }, actions);
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
  findListener(store, context, input.ListenerArn);
  return { Attributes: [{ Key: "routing.http.response.server.enabled", Value: "true" }] };
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

type Tls = Pick<ListenerRecord, "protocol" | "certificates" | "sslPolicy">;

/** The protocol of a listener after a change. A change to HTTP drops the certificates and the policy. Errors: as toTls. */
function modifiedTls(reader: Reader, listener: ListenerRecord, input: elb.ModifyListenerInput): Tls {
  const { protocol, certificates, sslPolicy } = listener;
  if (input.Protocol === undefined && input.Certificates === undefined && input.SslPolicy === undefined)
    return { protocol, certificates, sslPolicy };
  const isKept = input.Protocol !== "HTTP";
  const own = isKept ? certificates.map((CertificateArn) => ({ CertificateArn })) : undefined;
  return toTls(reader, listener, {
    protocol: input.Protocol ?? protocol,
    // The default certificate alone is changed; the list stays. Source: API_ModifyListener, Certificates.
    certificates: input.Certificates === undefined ? own : [...input.Certificates, ...(own ?? []).slice(1)],
    sslPolicy: input.SslPolicy ?? (isKept ? sslPolicy : undefined),
  });
}

/** Errors: ValidationError, InvalidConfigurationRequest, CertificateNotFound, SSLPolicyNotFound. */
function toTls(
  reader: Reader,
  place: Place,
  given: {
    readonly protocol: string | undefined;
    readonly certificates: readonly elb.Certificate[] | undefined;
    readonly sslPolicy: string | undefined;
  },
): Tls {
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
    ...(listener.protocol === "HTTPS" ? { MutualAuthentication: { Mode: "off" } } : {}),
  };
}
