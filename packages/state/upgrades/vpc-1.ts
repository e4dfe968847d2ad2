import type { Row } from "../record-row.ts";

interface Vpc0 {
  readonly account: string;
  readonly region: string;
  readonly id: string;
}

/** VPC, version 0 to 1: every VPC has a default network ACL, which allows everything. */
export function upgradeVpcTo1(row: Row): readonly Row[] {
  const { account, region, id } = row.record as Vpc0; // The members of version 0 that are used.
  const aclId = id.replace(/^vpc-/, "acl-");
  const rule = { number: 100, protocol: "-1", action: "allow", cidr: "0.0.0.0/0" };
  const entries = [false, true].map((egress) => ({ ...rule, egress }));
  const record = { account, region, id: aclId, vpcId: id, isDefault: true, entries, tags: {} };
  return [row, { kind: "networkAcl", key: aclId, record }];
}
