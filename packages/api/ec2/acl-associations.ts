import type { NetworkAclRecord, Reader, SubnetRecord } from "@gantry/state";

/** The default network ACL of a VPC. */
export function defaultAclOf(reader: Reader, vpcId: string): NetworkAclRecord | undefined {
  return reader.list("networkAcl").find((acl) => acl.vpcId === vpcId && acl.isDefault);
}

/** The association of a subnet with its network ACL: its own, or that with the default ACL of the VPC. */
export function aclAssociationOf(
  reader: Reader,
  subnet: SubnetRecord,
): { readonly associationId: string; readonly id: string } | undefined {
  if (subnet.networkAcl !== undefined) return subnet.networkAcl;
  const acl = defaultAclOf(reader, subnet.vpcId);
  return acl && { associationId: subnet.id.replace(/^subnet-/, "aclassoc-"), id: acl.id };
}

/** The subnets that a network ACL applies to. */
export function subnetsOfAcl(reader: Reader, acl: NetworkAclRecord): readonly SubnetRecord[] {
  return reader
    .list("subnet")
    .filter(
      (subnet) =>
        subnet.vpcId === acl.vpcId &&
        (subnet.networkAcl?.id === acl.id || (subnet.networkAcl === undefined && acl.isDefault)),
    );
}
