/**
 * The loopback address at which an instance's node answers the host's own programs: one for each pool of public
 * addresses, so that instances on one machine do not meet. `publicPool` is the instance's /24, such as 198.18.1.0/24.
 */
export function hostResolverAddress(publicPool: string): string {
  return `127.0.153.${publicPool.split(".")[2] ?? "1"}`;
}

/** Whether an address is one that an instance answers the host at. */
export function isHostResolver(address: string): boolean {
  return /^127\.0\.153\.\d{1,3}$/.test(address);
}

/** The resolvers that the text of a resolv.conf names; those with a zone, such as fe80::1%eth0, are left out. */
export function nameServersIn(text: string): readonly string[] {
  return [...text.matchAll(/^nameserver[ \t]+([0-9a-fA-F.:]+)[ \t]*(?:[#;].*)?$/gm)].map(
    ([, address = ""]) => address,
  );
}
