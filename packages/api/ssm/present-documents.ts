import type * as sdk from "@aws-sdk/client-ssm";
import { formatArn } from "@gantry/kernel";
import type { Reader, SsmDocumentRecord, SsmDocumentVersionRecord } from "@gantry/state";
import type { RequestContext } from "@gantry/wire";
import { page } from "../common/paging.ts";
import { presentTags } from "../common/tags.ts";
import { ApiError } from "./api-error.ts";
import { summaryOf } from "./document-content.ts";
import { invalidToken } from "./lookups.ts";

/** Source: API_ListDocuments, API_ListDocumentVersions, MaxResults. */
const PAGE = 50;
/** A document is kept for whatever platform its steps are for. */
const PLATFORMS: sdk.PlatformType[] = ["Windows", "Linux", "MacOS"];

/** A version of a document as DescribeDocument shows it. */
export function describe(
  reader: Reader,
  document: SsmDocumentRecord,
  version: SsmDocumentVersionRecord,
): sdk.DocumentDescription {
  const { description, parameters, schemaVersion } = summaryOf(version);
  const current = reader.get("ssmDocument", document.arn) ?? document;
  return {
    Hash: version.hash,
    HashType: "Sha256",
    Name: document.name,
    DisplayName: version.displayName,
    VersionName: version.versionName,
    Owner: document.account,
    CreatedDate: new Date(version.createdAt),
    Status: "Active",
    DocumentVersion: String(version.version),
    Description: description,
    Parameters: [...parameters],
    PlatformTypes: PLATFORMS,
    DocumentType: document.type,
    SchemaVersion: schemaVersion,
    LatestVersion: String(current.latestVersion),
    DefaultVersion: String(current.defaultVersion),
    DocumentFormat: version.format,
    TargetType: document.targetType,
    Tags: presentTags(document.tags),
  };
}

/** What a filter of ListDocuments compares its values with. Source: API_DocumentKeyValuesFilter. */
const FILTERS: Readonly<Record<string, (document: SsmDocumentRecord, value: string) => boolean>> = {
  Name: ({ name }, value) => name.startsWith(value),
  // There are no documents of Amazon, of third parties, or that others share.
  Owner: (_document, value) => value === "Self" || value === "Private" || value === "All",
  DocumentType: ({ type }, value) => type === value,
  TargetType: ({ targetType }, value) => targetType === value,
  PlatformTypes: (_document, value) => PLATFORMS.some((platform) => platform === value),
  SearchKeyword: ({ name }, value) => name.toLowerCase().includes(value.toLowerCase()),
};

/** Errors: InvalidFilterKey, InvalidNextToken. */
export function listDocuments(
  reader: Reader,
  input: sdk.ListDocumentsRequest,
  context: RequestContext,
): sdk.ListDocumentsResult {
  const filters = input.Filters ?? [];
  const found = reader
    .list("ssmDocument", formatArn("ssm", context, "document/"))
    .filter((document) => filters.every((filter) => matches(document, filter)))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const { items, nextToken } = page(found, ({ name }) => name, {
    token: input.NextToken,
    size: input.MaxResults ?? PAGE,
    invalidToken,
  });
  return { DocumentIdentifiers: items.map((document) => identify(reader, document)), NextToken: nextToken };
}

function matches(
  document: SsmDocumentRecord,
  { Key: key = "", Values = [] }: sdk.DocumentKeyValuesFilter,
): boolean {
  if (key.startsWith("tag:")) {
    const value = document.tags[key.slice(4)];
    return value !== undefined && Values.includes(value);
  }
  const compare = Object.hasOwn(FILTERS, key) ? FILTERS[key] : undefined;
  if (compare === undefined) throw new ApiError("InvalidFilterKey", `The filter key ${key} is not valid.`);
  return Values.some((value) => compare(document, value));
}

/** A document as a list shows it: with its default version. */
function identify(reader: Reader, document: SsmDocumentRecord): sdk.DocumentIdentifier {
  const version = reader.get("ssmDocumentVersion", `${document.arn}:${document.defaultVersion}`);
  return {
    Name: document.name,
    CreatedDate: new Date(document.createdAt),
    DisplayName: version?.displayName,
    Owner: document.account,
    VersionName: version?.versionName,
    PlatformTypes: PLATFORMS,
    DocumentVersion: String(document.defaultVersion),
    DocumentType: document.type,
    SchemaVersion: version === undefined ? undefined : summaryOf(version).schemaVersion,
    DocumentFormat: version?.format,
    TargetType: document.targetType,
    Tags: presentTags(document.tags),
  };
}

/** The versions of a document, the newest first. Errors: InvalidNextToken. */
export function listDocumentVersions(
  reader: Reader,
  document: SsmDocumentRecord,
  input: sdk.ListDocumentVersionsRequest,
): sdk.ListDocumentVersionsResult {
  const versions = reader
    .listBy("ssmDocumentVersion", "document", document.arn)
    .toSorted((a, b) => b.version - a.version);
  // Keys ascend while the numbers descend.
  const keyOf = ({ version }: SsmDocumentVersionRecord) => String(1_000_000_000 - version).padStart(10, "0");
  const { items, nextToken } = page(versions, keyOf, {
    token: input.NextToken,
    size: input.MaxResults ?? PAGE,
    invalidToken,
  });
  return {
    DocumentVersions: items.map((version) => ({
      Name: document.name,
      DisplayName: version.displayName,
      DocumentVersion: String(version.version),
      VersionName: version.versionName,
      CreatedDate: new Date(version.createdAt),
      IsDefaultVersion: version.version === document.defaultVersion,
      DocumentFormat: version.format,
      Status: "Active",
    })),
    NextToken: nextToken,
  };
}
