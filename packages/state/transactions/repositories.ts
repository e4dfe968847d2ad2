import { formatArn } from "@gantry/kernel";
import type {
  EcrRegistryRecord,
  ImageRecord,
  Placed,
  RepositoryRecord,
  RepositoryTemplateRecord,
} from "../records.ts";
import type { Reader, Transaction } from "../store.ts";

/** Why a repository is created without CreateRepository: a pull-through cache, a replication, or a push. */
export type CreationPurpose = RepositoryTemplateRecord["appliedFor"][number];

/** The prefix of a template or a pull-through cache rule that is for every repository. */
export const ROOT_PREFIX = "ROOT";

/** The key of a registry's settings, and the prefix of the keys of its rules and templates. */
export function ecrRegistryKey({ account, region }: Placed): string {
  return `${account}/${region}`;
}

/** The settings of a registry, which has one of each from the start. */
export function ecrRegistryOf(reader: Reader, { account, region }: Placed): EcrRegistryRecord {
  return reader.get("ecrRegistry", ecrRegistryKey({ account, region })) ?? { account, region };
}

/**
 * Of rules with prefixes, the one for a repository: the longest prefix that is followed by a slash wins,
 * `ROOT` is for all others.
 * Source: ECR User Guide, "Repository creation templates", "Pull through cache rules".
 */
export function longestPrefix<T extends { readonly prefix: string }>(
  rules: readonly T[],
  name: string,
): T | undefined {
  return rules
    .filter(({ prefix }) => prefix === ROOT_PREFIX || name.startsWith(`${prefix}/`))
    .toSorted((a, b) => lengthOf(b.prefix) - lengthOf(a.prefix))[0];
}

function lengthOf(prefix: string): number {
  return prefix === ROOT_PREFIX ? 0 : prefix.length;
}

/** The template for a repository that is created for this purpose; undefined where none applies. */
export function templateFor(
  reader: Reader,
  place: Placed,
  name: string,
  purpose: CreationPurpose,
): RepositoryTemplateRecord | undefined {
  const templates = reader.list("repositoryTemplate", `${ecrRegistryKey(place)}/`);
  return longestPrefix(
    templates.filter(({ appliedFor }) => appliedFor.includes(purpose)),
    name,
  );
}

/**
 * Creates a repository by its template or, where none applies, with the defaults; returns it where it is
 * there already.
 */
export function createFromTemplate(
  tx: Transaction,
  place: Placed,
  name: string,
  { purpose, now }: { readonly purpose: CreationPurpose; readonly now: number },
): RepositoryRecord {
  const { account, region } = place;
  const arn = formatArn("ecr", place, `repository/${name}`);
  const known = tx.get("repository", arn);
  if (known !== undefined) return known;
  const template = templateFor(tx, place, name, purpose);
  const repository: RepositoryRecord = {
    account,
    region,
    arn,
    name,
    tagMutability: template?.tagMutability ?? "MUTABLE",
    scanOnPush: false,
    createdAt: now,
    tags: template?.tags ?? {},
    ...(template?.excludedTags === undefined ? {} : { excludedTags: template.excludedTags }),
    ...(template?.repositoryPolicy === undefined
      ? {}
      : { policy: template.repositoryPolicy, policyPrincipals: template.policyPrincipals ?? {} }),
    ...(template?.lifecyclePolicy === undefined
      ? {}
      : { lifecyclePolicy: { text: template.lifecyclePolicy, evaluatedAt: undefined } }),
    ...(template?.kmsKeyArn === undefined || template.encryptionType === "AES256"
      ? {}
      : { kmsKeyArn: template.kmsKeyArn, encryptionType: template.encryptionType ?? "KMS" }),
  };
  tx.put("repository", arn, repository);
  return repository;
}

/**
 * Asks for the copies of an image that was pushed, as the replication rules of its registry say at this time.
 * Images that a rule finds there are not copied, and neither is a copy.
 * Source: ECR User Guide, "Private image replication".
 */
export function requestReplication(tx: Transaction, repository: RepositoryRecord, image: ImageRecord): void {
  const rules = ecrRegistryOf(tx, repository).replication ?? [];
  const destinations = rules
    .filter(
      ({ prefixes }) =>
        prefixes.length === 0 || prefixes.some((prefix) => repository.name.startsWith(prefix)),
    )
    .flatMap((rule) => rule.destinations);
  for (const destination of destinations)
    tx.put("imageReplication", `${repository.arn}@${image.digest}#${ecrRegistryKey(destination)}`, {
      repositoryArn: repository.arn,
      digest: image.digest,
      destination,
      status: "IN_PROGRESS",
    });
}
