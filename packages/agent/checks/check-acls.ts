import type { NetworkAclRule, VpcAssignment } from "@gantry/agent-protocol";
import { block, boolean, id, integer, matching, object, oneOf, optional } from "./check.ts";

type Acls = VpcAssignment["acls"];

const frame = object<NetworkAclRule>({
  number: integer(1, 32_766),
  egress: boolean,
  protocol: matching(/^(?:-1|\d|[1-9]\d|1\d\d|2[0-4]\d|25[0-5])$/, "a protocol"),
  action: oneOf("allow", "deny"),
  cidr: block,
  fromPort: optional(integer(-1, 65_535)),
  toPort: optional(integer(-1, 65_535)),
});

/**
 * The network ACLs that can be rendered. An ACL of which one rule cannot is left out as a whole, because the
 * order of rules decides: without a deny rule, a later one would allow. Subnets of an ACL that is left out
 * are closed.
 */
export function checkAcls(given: Acls): { readonly acls: Acls; readonly problems: readonly string[] } {
  if (given === undefined) return { acls: undefined, problems: [] };
  if (!Array.isArray(given)) return { acls: [], problems: ["acls is not a list. All subnets are closed."] };
  const problems: string[] = [];
  const seen = new Set<string>();
  const acls = (given as NonNullable<Acls>).filter((acl, index) => {
    const wrong = aclProblem(acl, seen);
    if (wrong !== undefined) problems.push(`acls[${index}]: ${wrong}. Its subnets are closed.`);
    return wrong === undefined;
  });
  return { acls, problems };
}

function aclProblem(acl: NonNullable<Acls>[number], seen: Set<string>): string | undefined {
  const shape = object<{ id: string }>({ id })(acl, "");
  if (shape !== undefined) return shape;
  const name = acl.id.replace(/[^A-Za-z0-9]/g, "_");
  if (seen.has(name)) return `the ACL ${acl.id} is there twice`;
  seen.add(name);
  if (!Array.isArray(acl.rules)) return "rules is not a list";
  return (acl.rules as readonly NetworkAclRule[]).map(ruleProblem).find((each) => each !== undefined);
}

function ruleProblem(rule: NetworkAclRule): string | undefined {
  const shape = frame(rule, "");
  if (shape !== undefined) return shape;
  const { fromPort: from = -1, toPort: to = -1 } = rule;
  if (rule.protocol === "6" || rule.protocol === "17")
    return from >= 0 && to >= from ? undefined : `the ports ${from} to ${to} are not a range`;
  if (rule.protocol === "1")
    return from <= 255 && to <= 255 && (from >= 0 || to === -1)
      ? undefined
      : `${from} and ${to} are not an ICMP type and code`;
  return undefined;
}
