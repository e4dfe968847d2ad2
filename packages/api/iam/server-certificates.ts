import type * as iam from "@aws-sdk/client-iam";
import type { Reader, ServerCertificateRecord, Transaction } from "@gantry/state";
import type { Implementation, RequestContext } from "@gantry/wire";
import type { ApiDeps } from "../common/api-deps.ts";
import { CertificateProblem, checkImport, type ImportedCertificate } from "../common/import-certificate.ts";
import { presentTags, toTags, withoutTags } from "../common/tags.ts";
import { ApiError } from "./api-error.ts";
import { alreadyExists, deleteConflict, noSuchEntity, pageOf, tagPage } from "./lookups.ts";

/** Source: "IAM and AWS STS quotas". */
const CERTIFICATES_MAX = 20;

/**
 * Server certificates, which the listeners of load balancers present as they do those of ACM. The private key is sealed
 * by the vault and is never returned. Source: API_UploadServerCertificate and following.
 */
export function serverCertificateOperations(deps: ApiDeps) {
  const { store } = deps;
  return {
    UploadServerCertificate: (input, context) => uploadCertificate(deps, input, context),
    GetServerCertificate(input, { account }) {
      const record = findServerCertificate(store, account, input.ServerCertificateName);
      return {
        ServerCertificate: {
          ServerCertificateMetadata: present(record),
          // The provider compares them without white space around them.
          CertificateBody: record.certificatePem.trim(),
          CertificateChain: record.chainPem === "" ? undefined : record.chainPem.trim(),
          Tags: presentTags(record.tags),
        },
      };
    },
    ListServerCertificates(input, { account }) {
      const found = certificatesOf(store, account).filter(({ path }) =>
        path.startsWith(input.PathPrefix ?? "/"),
      );
      const { items, ...more } = pageOf(found, ({ name }) => name, input);
      return { ServerCertificateMetadataList: items.map(present), ...more };
    },
    UpdateServerCertificate: (input, context) => updateCertificate(deps, input, context),
    DeleteServerCertificate: (input, context) => deleteCertificate(deps, input, context),
    TagServerCertificate: (input, { account }) =>
      changeTags(deps, account, input.ServerCertificateName, (tags) => ({ ...tags, ...toTags(input.Tags) })),
    UntagServerCertificate: (input, { account }) =>
      changeTags(deps, account, input.ServerCertificateName, (tags) =>
        withoutTags(tags, input.TagKeys ?? []),
      ),
    ListServerCertificateTags: (input, { account }) =>
      tagPage(findServerCertificate(store, account, input.ServerCertificateName).tags, input),
  } satisfies Implementation<typeof iam>;
}

/** The server certificate with this name; undefined where the account has none. */
export function serverCertificateNamed(
  reader: Reader,
  account: string,
  name: string | undefined,
): ServerCertificateRecord | undefined {
  return certificatesOf(reader, account).find((each) => each.name === name);
}

/** The ARN of a server certificate of this name and path. */
export function serverCertificateArn(account: string, path: string, name: string): string {
  return `arn:aws:iam::${account}:server-certificate${path}${name}`;
}

function certificatesOf(reader: Reader, account: string): readonly ServerCertificateRecord[] {
  return reader
    .list("serverCertificate", `arn:aws:iam::${account}:server-certificate/`)
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

function findServerCertificate(
  reader: Reader,
  account: string,
  name: string | undefined,
): ServerCertificateRecord {
  const record = serverCertificateNamed(reader, account, name);
  if (record === undefined) throw noSuchEntity(`The Server Certificate with name ${name} cannot be found.`);
  return record;
}

function uploadCertificate(
  { store, ids, clock, vault }: ApiDeps,
  input: iam.UploadServerCertificateRequest,
  { account }: RequestContext,
): iam.UploadServerCertificateResponse {
  const imported = checkUpload(input, clock.now());
  const { ServerCertificateName: name = "", Path: path = "/" } = input;
  const record: ServerCertificateRecord = {
    arn: serverCertificateArn(account, path, name),
    account,
    name,
    path,
    id: `ASCA${ids.upper(17)}`,
    names: imported.names,
    certificatePem: imported.certificatePem,
    chainPem: imported.chainPem,
    sealedKey: vault.seal(imported.keyPem),
    notAfter: imported.parsed.validToDate.getTime(),
    createdAt: clock.now(),
    tags: toTags(input.Tags),
  };
  store.transact((tx) => {
    checkNewName(tx, account, name);
    if (certificatesOf(tx, account).length >= CERTIFICATES_MAX)
      throw new ApiError(
        "LimitExceeded",
        `Cannot exceed quota for ServerCertificatesPerAccount: ${CERTIFICATES_MAX}`,
        { status: 409 },
      );
    tx.put("serverCertificate", record.arn, record);
  });
  return { ServerCertificateMetadata: present(record), Tags: presentTags(record.tags) };
}

/** IAM takes a certificate without its chain. Errors: MalformedCertificate, KeyPairMismatch. */
function checkUpload(input: iam.UploadServerCertificateRequest, now: number): ImportedCertificate {
  const given = {
    certificate: input.CertificateBody ?? "",
    key: input.PrivateKey ?? "",
    chain: input.CertificateChain ?? "",
    needsChain: false,
  };
  try {
    return checkImport(given, now);
  } catch (thrown) {
    if (!(thrown instanceof CertificateProblem)) throw thrown;
    if (thrown.isKeyOfAnother) throw new ApiError("KeyPairMismatch", thrown.message, { status: 400 });
    throw new ApiError("MalformedCertificate", thrown.message, { status: 400 });
  }
}

/** Errors: EntityAlreadyExists. */
function checkNewName(reader: Reader, account: string, name: string): void {
  if (serverCertificateNamed(reader, account, name) !== undefined)
    throw alreadyExists(`The Server Certificate with name ${name} already exists.`);
}

/** A new name or path makes a new ARN. Listeners that present the certificate follow it. */
function updateCertificate(
  { store }: ApiDeps,
  input: iam.UpdateServerCertificateRequest,
  { account }: RequestContext,
): object {
  store.transact((tx) => {
    const record = findServerCertificate(tx, account, input.ServerCertificateName);
    const name = input.NewServerCertificateName ?? record.name;
    if (name !== record.name) checkNewName(tx, account, name);
    const path = input.NewPath ?? record.path;
    const arn = serverCertificateArn(account, path, name);
    tx.delete("serverCertificate", record.arn);
    tx.put("serverCertificate", arn, { ...record, arn, name, path });
    for (const listener of listenersWith(tx, record.arn))
      tx.put("listener", listener.arn, {
        ...listener,
        certificates: listener.certificates.map((each) => (each === record.arn ? arn : each)),
      });
  });
  return {};
}

/** Errors: DeleteConflict while a listener has the certificate. */
function deleteCertificate(
  { store }: ApiDeps,
  input: iam.DeleteServerCertificateRequest,
  { account }: RequestContext,
): object {
  store.transact((tx) => {
    const record = findServerCertificate(tx, account, input.ServerCertificateName);
    const [user] = listenersWith(tx, record.arn);
    if (user !== undefined)
      throw deleteConflict(`Certificate: ${record.id} is currently in use by ${user.loadBalancerArn}`);
    tx.delete("serverCertificate", record.arn);
  });
  return {};
}

function listenersWith(tx: Transaction, arn: string) {
  return tx.list("listener").filter(({ certificates }) => certificates.includes(arn));
}

function changeTags(
  { store }: ApiDeps,
  account: string,
  name: string | undefined,
  apply: (tags: ServerCertificateRecord["tags"]) => ServerCertificateRecord["tags"],
): object {
  store.transact((tx) => {
    const record = findServerCertificate(tx, account, name);
    tx.put("serverCertificate", record.arn, { ...record, tags: apply(record.tags) });
  });
  return {};
}

function present(record: ServerCertificateRecord): iam.ServerCertificateMetadata {
  return {
    Path: record.path,
    ServerCertificateName: record.name,
    ServerCertificateId: record.id,
    Arn: record.arn,
    UploadDate: new Date(record.createdAt),
    Expiration: new Date(record.notAfter),
  };
}
