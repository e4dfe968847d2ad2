import type * as elb from "@aws-sdk/client-elastic-load-balancing-v2";
import { securityPolicyNames, securityPolicyOf } from "@gantry/state";
import { ApiError } from "./api-error.ts";

/** Suites of TLS 1.3 are not part of a policy's list for older versions. */
const TLS13 = ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"];

/** Describes the policies as they act. Source: API_DescribeSSLPolicies. Errors: SSLPolicyNotFound. */
export function describeSslPolicies(input: elb.DescribeSSLPoliciesInput): elb.DescribeSSLPoliciesOutput {
  const names = input.Names ?? securityPolicyNames();
  return {
    SslPolicies: names.map((Name) => {
      const policy = securityPolicyOf(Name);
      if (policy === undefined) throw new ApiError("SSLPolicyNotFound", `SSL policy '${Name}' not found`);
      const { versionMin, versionMax, ciphers } = policy;
      const has13 = versionMax === "TLSv1.3";
      return {
        Name,
        SslProtocols: [...(versionMin === "TLSv1.2" ? ["TLSv1.2"] : []), ...(has13 ? ["TLSv1.3"] : [])],
        Ciphers: [...(has13 ? TLS13 : []), ...ciphers].map((cipher, index) => ({
          Name: cipher,
          Priority: index + 1,
        })),
        SupportedLoadBalancerTypes: ["application", "network"],
      };
    }),
  };
}
