import type * as elb from "@aws-sdk/client-elastic-load-balancing-v2";
import {
  DEFAULT_SECURITY_POLICY,
  type ListenerRecord,
  type MutualAuthenticationRecord,
  type Reader,
  securityPolicyOf,
} from "@gantry/state";
import type { Place } from "../common/api-deps.ts";
import { ApiError } from "./api-error.ts";
import { findCertificate, findTrustStore } from "./lookups.ts";
import { validation } from "./validation.ts";

type Protocol = ListenerRecord["protocol"];
type Tls = Pick<ListenerRecord, "protocol" | "certificates" | "sslPolicy">;

const OF_APPLICATION: readonly Protocol[] = ["HTTPS", "HTTP"];
const OF_NETWORK: readonly Protocol[] = ["TCP", "TLS"];
const ALPN_POLICIES = ["HTTP1Only", "HTTP2Only", "HTTP2Optional", "HTTP2Preferred", "None"];

/** Errors: ValidationError. */
function toProtocol(given: string | undefined, isNetwork: boolean): Protocol {
  const permitted = isNetwork ? OF_NETWORK : OF_APPLICATION;
  const protocol = permitted.find((each) => each === given);
  if (protocol !== undefined) return protocol;
  if (isNetwork && (given === "UDP" || given === "TCP_UDP"))
    throw validation(
      `Gantry does not support the listener protocol ${given}: network load balancers serve TCP and TLS.`,
    );
  throw validation(`Listener protocol '${given}' must be one of '${permitted.join(", ")}'`);
}

/**
 * The ALPN policy of a TLS listener. Errors: ALPNPolicyNotFound (of the exception
 * ALPNPolicyNotSupportedException), ValidationError.
 */
export function toAlpn(
  given: readonly string[] | string | undefined,
  protocol: Protocol,
): string | undefined {
  const policies = typeof given === "string" ? [given] : (given ?? []);
  const [policy] = policies;
  if (policy === undefined) return undefined;
  if (protocol !== "TLS") throw validation(`You cannot specify an ALPN policy for ${protocol} listeners`);
  if (policies.length > 1 || !ALPN_POLICIES.includes(policy))
    throw new ApiError(
      "ALPNPolicyNotSupportedException",
      `The specified ALPN policy is not supported: '${policies.join(", ")}'`,
    );
  return policy;
}

/**
 * How a listener verifies clients' certificates.
 * Errors: InvalidConfigurationRequest, TrustStoreNotFound, ValidationError.
 */
export function toMutual(
  reader: Reader,
  place: Place,
  {
    given,
    protocol,
  }: { readonly given: elb.MutualAuthenticationAttributes | undefined; readonly protocol: Protocol },
): MutualAuthenticationRecord | undefined {
  const { Mode = "off", TrustStoreArn } = given ?? {};
  if (Mode !== "off" && protocol !== "HTTPS")
    throw new ApiError(
      "InvalidConfigurationRequest",
      `Mutual authentication is not supported for ${protocol} listeners`,
    );
  if (Mode !== "verify" && TrustStoreArn !== undefined && TrustStoreArn !== "")
    throw validation(`A trust store cannot be specified with the mutual authentication mode '${Mode}'`);
  switch (Mode) {
    case "off":
      return undefined;
    case "passthrough":
      return { mode: "passthrough" };
    case "verify":
      if (TrustStoreArn === undefined || TrustStoreArn === "")
        throw validation("A trust store must be specified with the mutual authentication mode 'verify'");
      return {
        mode: "verify",
        trustStoreArn: findTrustStore(reader, place, TrustStoreArn).arn,
        ignoresExpiry: given?.IgnoreClientCertificateExpiry === true,
        advertises: given?.AdvertiseTrustStoreCaNames === "on",
      };
    default:
      throw validation(`Mutual authentication mode '${Mode}' must be one of '[off, passthrough, verify]'`);
  }
}

export function presentMutual({ protocol, mutual }: ListenerRecord): {
  MutualAuthentication?: elb.MutualAuthenticationAttributes;
} {
  if (protocol !== "HTTPS") return {};
  if (mutual?.mode !== "verify") return { MutualAuthentication: { Mode: mutual?.mode ?? "off" } };
  return {
    MutualAuthentication: {
      Mode: "verify",
      TrustStoreArn: mutual.trustStoreArn,
      IgnoreClientCertificateExpiry: mutual.ignoresExpiry,
      AdvertiseTrustStoreCaNames: mutual.advertises ? "on" : "off",
    },
  };
}

/**
 * The protocol of a listener after a change. A change to HTTP drops the certificates and the policy.
 * Errors: as toTls.
 */
export function modifiedTls(
  reader: Reader,
  listener: ListenerRecord,
  { input, isNetwork }: { readonly input: elb.ModifyListenerInput; readonly isNetwork: boolean },
): Tls {
  const { protocol, certificates, sslPolicy } = listener;
  if (input.Protocol === undefined && input.Certificates === undefined && input.SslPolicy === undefined)
    return { protocol, certificates, sslPolicy };
  const isKept = input.Protocol !== "HTTP" && input.Protocol !== "TCP";
  const own = isKept ? certificates.map((CertificateArn) => ({ CertificateArn })) : undefined;
  return toTls(reader, listener, {
    isNetwork,
    protocol: input.Protocol ?? protocol,
    // The default certificate alone is changed; the list stays. Source: API_ModifyListener, Certificates.
    certificates: input.Certificates === undefined ? own : [...input.Certificates, ...(own ?? []).slice(1)],
    sslPolicy: input.SslPolicy ?? (isKept ? sslPolicy : undefined),
  });
}

/** Errors: ValidationError, InvalidConfigurationRequest, CertificateNotFound, SSLPolicyNotFound. */
export function toTls(
  reader: Reader,
  place: Place,
  given: {
    readonly isNetwork: boolean;
    readonly protocol: string | undefined;
    readonly certificates: readonly elb.Certificate[] | undefined;
    readonly sslPolicy: string | undefined;
  },
): Tls {
  const { sslPolicy } = given;
  const protocol = toProtocol(given.protocol, given.isNetwork);
  const arns = (given.certificates ?? []).map((certificate) =>
    findCertificate(reader, place, certificate.CertificateArn),
  );
  if (protocol === "HTTP" || protocol === "TCP") {
    if (arns.length > 0)
      throw new ApiError(
        "InvalidConfigurationRequest",
        `You cannot specify certificates for ${protocol} listeners`,
      );
    if (sslPolicy !== undefined)
      throw new ApiError(
        "InvalidConfigurationRequest",
        `You cannot specify an SSL policy for ${protocol} listeners`,
      );
    return { protocol, certificates: [], sslPolicy: undefined };
  }
  if (arns.length === 0)
    throw new ApiError("CertificateNotFound", `A certificate must be specified for ${protocol} listeners`);
  if (sslPolicy !== undefined && securityPolicyOf(sslPolicy) === undefined)
    throw new ApiError("SSLPolicyNotFound", `SSL policy '${sslPolicy}' not found`);
  return { protocol, certificates: arns, sslPolicy: sslPolicy ?? DEFAULT_SECURITY_POLICY };
}
