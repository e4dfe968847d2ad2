import type * as elb from "@aws-sdk/client-elastic-load-balancing-v2";
import type { RequestContext } from "@gantry/wire";
import type { Elbv2Deps } from "./elbv2-deps.ts";
import { findCertificate, findListener } from "./lookups.ts";
import { checkCertificateQuota } from "./quotas.ts";

export function addListenerCertificates(
  { store }: Elbv2Deps,
  input: elb.AddListenerCertificatesInput,
  context: RequestContext,
): elb.AddListenerCertificatesOutput {
  store.transact((tx) => {
    const listener = findListener(tx, context, input.ListenerArn);
    const added = (input.Certificates ?? []).map((certificate) =>
      findCertificate(tx, context, certificate.CertificateArn),
    );
    const [byDefault, ...list] = listener.certificates;
    // The list may have the default certificate too. Source: API_DescribeListenerCertificates.
    const certificates = [...(byDefault === undefined ? [] : [byDefault]), ...new Set([...list, ...added])];
    tx.put("listener", listener.arn, { ...listener, certificates });
    checkCertificateQuota(tx, listener.loadBalancerArn);
  });
  return { Certificates: input.Certificates };
}

export function removeListenerCertificates(
  { store }: Elbv2Deps,
  input: elb.RemoveListenerCertificatesInput,
  context: RequestContext,
): object {
  store.transact((tx) => {
    const listener = findListener(tx, context, input.ListenerArn);
    const gone = new Set((input.Certificates ?? []).map((certificate) => certificate.CertificateArn));
    tx.put("listener", listener.arn, {
      ...listener,
      certificates: listener.certificates.filter((arn, index) => index === 0 || !gone.has(arn)),
    });
  });
  return {};
}

export function describeListenerCertificates(
  { store }: Elbv2Deps,
  input: elb.DescribeListenerCertificatesInput,
  context: RequestContext,
): elb.DescribeListenerCertificatesOutput {
  return {
    Certificates: findListener(store, context, input.ListenerArn).certificates.map(
      (CertificateArn, index) => ({
        CertificateArn,
        IsDefault: index === 0,
      }),
    ),
  };
}
