import type { Handler } from "@gantry/wire";
import { openPolicies, type ManagedPolicy, type ManagedPolicyArchive } from "./managed/archive.ts";
import { packArchive, packArchiveAtOnce, readArchive } from "./managed/source.ts";

/**
 * AWS's managed policies with the documents that AWS publishes, from an archive of about 1 MB that is read with the
 * first look-up. docs/decisions/0042-managed-policies-from-npm.md says where it comes from.
 */
const PREFIX = "arn:aws:iam::aws:policy/";
/** Documents that are kept decompressed: as many as the identities of an account attach at a time. */
const DOCUMENTS_MAX = 100;

let opened: ManagedPolicyArchive | undefined;
const documents = new Map<string, string>();

/** Operations that read a managed policy which is not yet attached to anybody. */
const READING =
  /Polic|^Create(?:User|Role)$|Boundary|^AssumeRole|Federation|AccountAuthorization|ServiceLastAccessed/;

/**
 * The operations, with those that read managed policies waiting until the archive is there: a checkout that
 * has none yet packs it in another process, once.
 */
export function withManagedPolicies(
  operations: Readonly<Record<string, Handler>>,
): Readonly<Record<string, Handler>> {
  return Object.fromEntries(
    Object.entries(operations).map(([name, handler]) => {
      if (!READING.test(name)) return [name, handler];
      const waiting: Handler = (input, context) =>
        opened === undefined ? prepare().then(() => handler(input, context)) : handler(input, context);
      return [name, waiting];
    }),
  );
}

async function prepare(): Promise<void> {
  const archive = readArchive() ?? (await packArchive());
  opened ??= openPolicies(archive);
}

/** One of AWS's managed policies in its current version; undefined where AWS has none of this ARN. */
export function managedPolicy(arn: string | undefined): ManagedPolicy | undefined {
  return arn?.startsWith(PREFIX) === true ? archive().policies.get(arn) : undefined;
}

/** The document of one of AWS's managed policies; undefined where AWS has none of this ARN. */
export function managedPolicyDocument(arn: string): string | undefined {
  if (!arn.startsWith(PREFIX)) return undefined;
  const known = documents.get(arn);
  if (known !== undefined) return known;
  const document = archive().document(arn);
  if (document === undefined) return undefined;
  if (documents.size >= DOCUMENTS_MAX) documents.clear();
  documents.set(arn, document);
  return document;
}

/** Every managed policy of AWS, in the order in which the archive lists them. */
export function managedPolicies(): readonly ManagedPolicy[] {
  return [...archive().policies.values()];
}

function archive(): ManagedPolicyArchive {
  return (opened ??= openPolicies(readArchive() ?? packArchiveAtOnce()));
}
