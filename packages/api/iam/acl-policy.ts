import type { AclGrant } from "@gantry/content";
import type { BucketRecord } from "@gantry/state";
import { ALL_USERS, AUTHENTICATED_USERS, hasAcls } from "../s3/acl.ts";

/** Reads the ACLs of objects. */
export interface ObjectAcls {
  get(bucket: string, key: string): Acl | undefined;
  version(bucket: string, key: string, id: string): Acl | undefined;
}

interface Acl {
  readonly acl?: readonly AclGrant[] | undefined;
}

/**
 * The actions that a permission of an ACL allows.
 * Source: "Access control list (ACL) overview", mapping of ACL permissions.
 */
const BUCKET_ACTIONS = {
  READ: ["ListBucket", "ListBucketVersions", "ListBucketMultipartUploads"],
  WRITE: ["PutObject"],
  READ_ACP: ["GetBucketAcl"],
  WRITE_ACP: ["PutBucketAcl"],
};
const OBJECT_ACTIONS = {
  READ: ["GetObject", "GetObjectVersion"],
  WRITE: [],
  READ_ACP: ["GetObjectAcl", "GetObjectVersionAcl"],
  WRITE_ACP: ["PutObjectAcl", "PutObjectVersionAcl"],
};

/**
 * The ACLs of a bucket, and of the object that a resource names, as a policy; undefined where they allow
 * nobody anything besides the owner. Without `objects` the version is not known yet, and a bucket's ARN
 * stands for every object in it: some version may have an ACL that allows any action. Public grants do not
 * count where `ignoresPublic`.
 * Source: "Blocking public access to your Amazon S3 storage".
 */
export function aclPolicy(
  bucket: BucketRecord,
  {
    resource,
    version: versionOf,
    ignoresPublic: isIgnored,
  }: {
    readonly resource: string;
    readonly version: () => string | readonly string[] | undefined;
    readonly ignoresPublic: boolean;
  },
  objects: ObjectAcls | undefined,
): string | undefined {
  if (!hasAcls(bucket)) return undefined;
  const arn = `arn:aws:s3:::${bucket.name}`;
  const key = resource.slice(arn.length + 1);
  const version = versionOf();
  const meta =
    typeof version === "string"
      ? objects?.version(bucket.name, key, version)
      : objects?.get(bucket.name, key);
  const ofObject =
    objects === undefined || resource === arn
      ? [{ grantee: ALL_USERS, permission: "FULL_CONTROL" as const }]
      : (meta?.acl ?? []);
  const object = resource === arn ? `${arn}/*` : literal(resource);
  const statements = [
    ...statementsOf(bucket.acl ?? [], BUCKET_ACTIONS, { isIgnored, resources: [arn, `${arn}/*`] }),
    ...statementsOf(ofObject, OBJECT_ACTIONS, { isIgnored, resources: [object] }),
  ];
  return statements.length === 0
    ? undefined
    : JSON.stringify({ Version: "2012-10-17", Statement: statements });
}

/** A key is matched exactly: what is a wildcard or a variable in a policy is a character of the key. */
function literal(arn: string): string {
  return arn.replaceAll(/[*?$]/g, (character) => `\${${character}}`);
}

function statementsOf(
  grants: readonly AclGrant[],
  actions: typeof BUCKET_ACTIONS,
  { isIgnored, resources }: { isIgnored: boolean; resources: readonly string[] },
): readonly object[] {
  return grants.flatMap(({ grantee, permission }) => {
    const isGroup = grantee === ALL_USERS || grantee === AUTHENTICATED_USERS;
    if (!isGroup || isIgnored) return [];
    const names = permission === "FULL_CONTROL" ? Object.values(actions).flat() : actions[permission];
    if (names.length === 0) return [];
    return [
      {
        Effect: "Allow",
        Principal: "*",
        Action: names.map((name) => `s3:${name}`),
        Resource: resources,
        ...(grantee === ALL_USERS
          ? {}
          : { Condition: { StringNotEquals: { "aws:PrincipalType": "Anonymous" } } }),
      },
    ];
  });
}
