import type * as sdk from "@aws-sdk/client-ssm";
import { formatArn } from "@gantry/kernel";
import type { Reader, SsmDocumentRecord, SsmDocumentVersionRecord, Transaction } from "@gantry/state";
import type { Implementation, RequestContext } from "@gantry/wire";
import type { ApiDeps, Place } from "../common/api-deps.ts";
import { toTags } from "../common/tags.ts";
import { ApiError } from "./api-error.ts";
import { checkedContent } from "./document-content.ts";
import { invalid } from "./lookups.ts";
import { describe, listDocuments, listDocumentVersions } from "./present-documents.ts";

/** Source: Systems Manager endpoints and quotas, "SSM document versions" and "Documents". */
const VERSIONS_MAX = 1_000;
const DOCUMENTS_MAX = 500;

/**
 * Documents with their versions: stored, shown, and not run. SendCommand and StartAutomationExecution are refused.
 * Source: API_CreateDocument and following.
 */
export function documentOperations(deps: ApiDeps) {
  return {
    CreateDocument: (input, context) => createDocument(deps, input, context),
    UpdateDocument: (input, context) => updateDocument(deps, input, context),
    UpdateDocumentDefaultVersion: (input, context) => updateDefaultVersion(deps, input, context),
    DeleteDocument: (input, context) => deleteDocument(deps, input, context),
    DescribeDocument(input, context) {
      const document = findDocument(deps.store, context, input.Name);
      return { Document: describe(deps.store, document, findVersion(deps.store, document, input)) };
    },
    GetDocument: (input, context) => getDocument(deps, input, context),
    ListDocuments: (input, context) => listDocuments(deps.store, input, context),
    ListDocumentVersions: (input, context) =>
      listDocumentVersions(deps.store, findDocument(deps.store, context, input.Name), input),
    /** A document is shared with nobody. */
    DescribeDocumentPermission(input, context) {
      findDocument(deps.store, context, input.Name);
      return { AccountIds: [], AccountSharingInfoList: [] };
    },
  } satisfies Implementation<typeof sdk>;
}

/** The ARN of a document that a request names by its name or its ARN. */
export function documentArn(place: Place, given = ""): string {
  return given.startsWith("arn:") ? given : formatArn("ssm", place, `document/${given}`);
}

/** Errors: InvalidDocument. */
function findDocument(reader: Reader, place: Place, name: string | undefined): SsmDocumentRecord {
  const document = reader.get("ssmDocument", documentArn(place, name));
  if (document === undefined || document.account !== place.account || document.region !== place.region)
    throw new ApiError("InvalidDocument", `Document with name ${name} does not exist.`);
  return document;
}

interface Chosen {
  readonly DocumentVersion?: string | undefined;
  readonly VersionName?: string | undefined;
}

/** The version of a number, of `$DEFAULT` or `$LATEST`, or of a name. Errors: InvalidDocumentVersion. */
function findVersion(reader: Reader, document: SsmDocumentRecord, chosen: Chosen): SsmDocumentVersionRecord {
  const versions = reader.listBy("ssmDocumentVersion", "document", document.arn);
  const number = numberOf(document, chosen);
  const found = versions.find(
    ({ version, versionName }) =>
      (number === undefined || version === number) &&
      (chosen.VersionName === undefined || versionName === chosen.VersionName),
  );
  if (found === undefined)
    throw new ApiError("InvalidDocumentVersion", "The document version is not valid or does not exist.");
  return found;
}

function numberOf(
  document: SsmDocumentRecord,
  { DocumentVersion: given, VersionName }: Chosen,
): number | undefined {
  if (given === "$LATEST") return document.latestVersion;
  if (given === "$DEFAULT" || (given === undefined && VersionName === undefined))
    return document.defaultVersion;
  return given === undefined ? undefined : Number(given);
}

function createDocument(
  { store, clock }: ApiDeps,
  input: sdk.CreateDocumentRequest,
  context: RequestContext,
): sdk.CreateDocumentResult {
  const name = input.Name ?? "";
  if (/^(?:aws|amazon|amzn)/i.test(name))
    throw invalid(`The document name ${name} has a prefix that is reserved: aws, amazon or amzn.`);
  const { account, region } = context;
  const document: SsmDocumentRecord = {
    account,
    region,
    arn: documentArn(context, name),
    name,
    type: typeOf(input.DocumentType),
    targetType: input.TargetType,
    defaultVersion: 1,
    latestVersion: 1,
    createdAt: clock.now(),
    tags: toTags(input.Tags),
  };
  const version = newVersion(document, 1, input, clock.now());
  store.transact((tx) => {
    if (tx.get("ssmDocument", document.arn) !== undefined)
      throw new ApiError("DocumentAlreadyExists", `Document with same name ${name} already exists`);
    if (tx.list("ssmDocument", formatArn("ssm", context, "document/")).length >= DOCUMENTS_MAX)
      throw new ApiError("DocumentLimitExceeded", `You can have at most ${DOCUMENTS_MAX} documents.`);
    tx.put("ssmDocument", document.arn, document);
    putVersion(tx, version);
  });
  return { DocumentDescription: describe(store, document, version) };
}

/** Other types are refused by the table of members. */
function typeOf(type: sdk.DocumentType | undefined): SsmDocumentRecord["type"] {
  return type === "Automation" || type === "Session" || type === "Policy" ? type : "Command";
}

function newVersion(
  document: SsmDocumentRecord,
  number: number,
  input: Pick<sdk.CreateDocumentRequest, "Content" | "DocumentFormat" | "VersionName" | "DisplayName">,
  now: number,
): SsmDocumentVersionRecord {
  return {
    ...checkedContent(input.Content ?? "", input.DocumentFormat),
    documentArn: document.arn,
    version: number,
    versionName: input.VersionName,
    displayName: input.DisplayName,
    createdAt: now,
  };
}

function putVersion(tx: Transaction, version: SsmDocumentVersionRecord): void {
  tx.put("ssmDocumentVersion", `${version.documentArn}:${version.version}`, version);
}

/** Adds a version. Errors: DuplicateDocumentContent, DuplicateDocumentVersionName, DocumentVersionLimitExceeded. */
function updateDocument(
  { store, clock }: ApiDeps,
  input: sdk.UpdateDocumentRequest,
  context: RequestContext,
): sdk.UpdateDocumentResult {
  const { document, version } = store.transact((tx) => {
    const before = findDocument(tx, context, input.Name);
    // The version that the update starts from: it must be there.
    if (input.DocumentVersion !== undefined)
      findVersion(tx, before, { DocumentVersion: input.DocumentVersion });
    const versions = tx.listBy("ssmDocumentVersion", "document", before.arn);
    const latest = findVersion(tx, before, { DocumentVersion: "$LATEST" });
    const asked = { ...input, DocumentFormat: input.DocumentFormat ?? latest.format };
    const made = newVersion(before, before.latestVersion + 1, asked, clock.now());
    if (made.hash === latest.hash && made.format === latest.format)
      throw new ApiError(
        "DuplicateDocumentContent",
        "The content of the association document matches another document. Change the content of the document " +
          "and try again.",
      );
    if (input.VersionName !== undefined && versions.some((each) => each.versionName === input.VersionName))
      throw new ApiError(
        "DuplicateDocumentVersionName",
        `The version name has already been used in this document: ${input.VersionName}.`,
      );
    if (versions.length >= VERSIONS_MAX)
      throw new ApiError(
        "DocumentVersionLimitExceeded",
        `The document has too many versions. Delete one or more document versions and try again.`,
      );
    const after: SsmDocumentRecord = {
      ...before,
      targetType: input.TargetType ?? before.targetType,
      latestVersion: made.version,
    };
    tx.put("ssmDocument", after.arn, after);
    putVersion(tx, made);
    return { document: after, version: made };
  });
  return { DocumentDescription: describe(store, document, version) };
}

function updateDefaultVersion(
  { store }: ApiDeps,
  input: sdk.UpdateDocumentDefaultVersionRequest,
  context: RequestContext,
): sdk.UpdateDocumentDefaultVersionResult {
  const version = store.transact((tx) => {
    const document = findDocument(tx, context, input.Name);
    const found = findVersion(tx, document, { DocumentVersion: input.DocumentVersion });
    tx.put("ssmDocument", document.arn, { ...document, defaultVersion: found.version });
    return found;
  });
  return {
    Description: {
      Name: input.Name,
      DefaultVersion: String(version.version),
      DefaultVersionName: version.versionName,
    },
  };
}

/** Deletes a document, or one version that is not its default. Errors: InvalidDocumentOperation. */
function deleteDocument(
  { store }: ApiDeps,
  input: sdk.DeleteDocumentRequest,
  context: RequestContext,
): sdk.DeleteDocumentResult {
  store.transact((tx) => {
    const document = findDocument(tx, context, input.Name);
    const isOne = input.DocumentVersion !== undefined || input.VersionName !== undefined;
    const gone = isOne
      ? [findVersion(tx, document, input)]
      : tx.listBy("ssmDocumentVersion", "document", document.arn);
    if (isOne && gone[0]?.version === document.defaultVersion)
      throw new ApiError("InvalidDocumentOperation", "Default version of the document can't be deleted.");
    for (const { version } of gone) tx.delete("ssmDocumentVersion", `${document.arn}:${version}`);
    if (!isOne) {
      tx.delete("ssmDocument", document.arn);
      return;
    }
    const left = tx.listBy("ssmDocumentVersion", "document", document.arn).map(({ version }) => version);
    tx.put("ssmDocument", document.arn, { ...document, latestVersion: Math.max(...left) });
  });
  return {};
}

function getDocument(
  { store }: ApiDeps,
  input: sdk.GetDocumentRequest,
  context: RequestContext,
): sdk.GetDocumentResult {
  const document = findDocument(store, context, input.Name);
  const version = findVersion(store, document, input);
  if (input.DocumentFormat !== undefined && input.DocumentFormat !== version.format)
    throw invalid(
      `DocumentFormat: Gantry does not convert a document from ${version.format} to ${input.DocumentFormat}.`,
    );
  return {
    Name: document.name,
    CreatedDate: new Date(version.createdAt),
    DisplayName: version.displayName,
    VersionName: version.versionName,
    DocumentVersion: String(version.version),
    Status: "Active",
    Content: version.content,
    DocumentType: document.type,
    DocumentFormat: version.format,
    AttachmentsContent: [],
  };
}
