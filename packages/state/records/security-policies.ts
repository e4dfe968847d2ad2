/** What a security policy of an HTTPS listener permits. */
export interface SecurityPolicy {
  readonly versionMin: "TLSv1.2" | "TLSv1.3";
  readonly versionMax: "TLSv1.2" | "TLSv1.3";
  /** OpenSSL's names, for versions before TLS 1.3. */
  readonly ciphers: readonly string[];
}

export const DEFAULT_SECURITY_POLICY = "ELBSecurityPolicy-2016-08";

const names =
  (...keyExchanges: readonly string[]) =>
  (...ciphers: readonly string[]): readonly string[] =>
    ciphers.flatMap((cipher) => keyExchanges.map((exchange) => `${exchange}${cipher}`));
const forwardSecret = names("ECDHE-ECDSA-", "ECDHE-RSA-");
const plain = names("");

const GCM = forwardSecret("AES128-GCM-SHA256", "AES256-GCM-SHA384");
const CBC_SHA2 = forwardSecret("AES128-SHA256", "AES256-SHA384");
const CBC_SHA1 = forwardSecret("AES128-SHA", "AES256-SHA");
const PLAIN = plain("AES128-GCM-SHA256", "AES128-SHA256", "AES256-GCM-SHA384", "AES256-SHA256");
const PLAIN_SHA1 = plain("AES128-SHA", "AES256-SHA");

const RESTRICTED = GCM;
const FORWARD_SECRET = [...GCM, ...CBC_SHA2];
const FORWARD_SECRET_SHA1 = [...FORWARD_SECRET, ...CBC_SHA1];
const WITHOUT_SHA1 = [...FORWARD_SECRET, ...PLAIN];
const ALL = [...FORWARD_SECRET_SHA1, ...PLAIN, ...PLAIN_SHA1];

const until12 = (ciphers: readonly string[]): SecurityPolicy => ({
  versionMin: "TLSv1.2",
  versionMax: "TLSv1.2",
  ciphers,
});
const until13 = (ciphers: readonly string[]): SecurityPolicy => ({
  versionMin: "TLSv1.2",
  versionMax: "TLSv1.3",
  ciphers,
});

/**
 * Policies by name. Those that permit TLS 1.0 or 1.1 start at TLS 1.2 here: OpenSSL 3 does not support the
 * older versions. Source:
 * https://docs.aws.amazon.com/elasticloadbalancing/latest/application/describe-ssl-policies.html
 */
const POLICIES: Readonly<Record<string, SecurityPolicy>> = {
  "ELBSecurityPolicy-TLS13-1-3-2021-06": { versionMin: "TLSv1.3", versionMax: "TLSv1.3", ciphers: [] },
  "ELBSecurityPolicy-TLS13-1-2-2021-06": until13(FORWARD_SECRET),
  "ELBSecurityPolicy-TLS13-1-2-Res-2021-06": until13(RESTRICTED),
  "ELBSecurityPolicy-TLS13-1-2-Ext1-2021-06": until13(WITHOUT_SHA1),
  "ELBSecurityPolicy-TLS13-1-2-Ext2-2021-06": until13(ALL),
  "ELBSecurityPolicy-TLS13-1-1-2021-06": until13(ALL),
  "ELBSecurityPolicy-TLS13-1-0-2021-06": until13(ALL),
  "ELBSecurityPolicy-TLS-1-2-Ext-2018-06": until12(ALL),
  "ELBSecurityPolicy-TLS-1-2-2017-01": until12(WITHOUT_SHA1),
  "ELBSecurityPolicy-TLS-1-1-2017-01": until12(ALL),
  "ELBSecurityPolicy-2016-08": until12(ALL),
  "ELBSecurityPolicy-2015-05": until12(ALL),
  "ELBSecurityPolicy-TLS-1-0-2015-04": until12(ALL),
  "ELBSecurityPolicy-FS-2018-06": until12(FORWARD_SECRET_SHA1),
  "ELBSecurityPolicy-FS-1-1-2019-08": until12(FORWARD_SECRET_SHA1),
  "ELBSecurityPolicy-FS-1-2-2019-08": until12(FORWARD_SECRET_SHA1),
  "ELBSecurityPolicy-FS-1-2-Res-2019-08": until12(FORWARD_SECRET),
  "ELBSecurityPolicy-FS-1-2-Res-2020-10": until12(RESTRICTED),
};

/** The policy with this name; undefined if ELB has no such policy or Gantry does not support it. */
export function securityPolicyOf(name: string): SecurityPolicy | undefined {
  return Object.hasOwn(POLICIES, name) ? POLICIES[name] : undefined;
}

/** The names of the policies that listeners may have. */
export function securityPolicyNames(): readonly string[] {
  return Object.keys(POLICIES);
}
