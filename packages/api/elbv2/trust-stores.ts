import type * as elb from "@aws-sdk/client-elastic-load-balancing-v2";
import { formatArn } from "@gantry/kernel";
import type { Reader, TrustStoreRecord } from "@gantry/state";
import type { Implementation, RequestContext } from "@gantry/wire";
import { ApiError } from "./api-error.ts";
import type { Elbv2Deps } from "./elbv2-deps.ts";
import { findTrustStore } from "./lookups.ts";
import { parseBundle, parseRevocations, readFromS3 } from "./trust-store-files.ts";
import { newTags } from "./tags.ts";
import { validation } from "./validation.ts";

/** Source: "Quotas for your Application Load Balancers". */
const TRUST_STORES_MAX = 20;

/** Trust stores for mutual TLS. Source: API_CreateTrustStore and following. */
export function trustStoreOperations(deps: Elbv2Deps) {
  return {
    CreateTrustStore: (input, context) => createTrustStore(deps, input, context),
    ModifyTrustStore: (input, context) => modifyTrustStore(deps, input, context),
    DeleteTrustStore: (input, context) => deleteTrustStore(deps, input, context),
    DescribeTrustStores: (input, context) => describeTrustStores(deps, input, context),
    DescribeTrustStoreAssociations: (input, context) => describeAssociations(deps, input, context),
    AddTrustStoreRevocations: (input, context) => addRevocations(deps, input, context),
    RemoveTrustStoreRevocations: (input, context) => removeRevocations(deps, input, context),
    DescribeTrustStoreRevocations: (input, context) => describeRevocations(deps, input, context),
  } satisfies Implementation<typeof elb>;
}

async function createTrustStore(
  deps: Elbv2Deps,
  input: elb.CreateTrustStoreInput,
  context: RequestContext,
): Promise<elb.CreateTrustStoreOutput> {
  const name = input.Name ?? "";
  if (!/^[A-Za-z0-9](?:[A-Za-z0-9-]{0,30}[A-Za-z0-9])?$/.test(name))
    throw validation(
      `Trust store name '${name}' can have 32 characters at most, must contain only alphanumeric ` +
        "characters or hyphens, and must not begin or end with a hyphen",
    );
  const bundle = await readBundle(deps, input, context);
  const record = deps.store.transact((tx) => {
    const existing = tx.list("trustStore", formatArn("elasticloadbalancing", context, "truststore/"));
    if (existing.some((each) => each.name === name))
      throw new ApiError("DuplicateTrustStoreName", `A trust store with the name '${name}' already exists`);
    if (existing.length >= TRUST_STORES_MAX)
      throw new ApiError("TooManyTrustStores", "The maximum number of trust stores has been reached");
    const store: TrustStoreRecord = {
      account: context.account,
      region: context.region,
      arn: formatArn("elasticloadbalancing", context, `truststore/${name}/${deps.ids.hex(16)}`),
      name,
      bundle: bundle.pem,
      certificateCount: bundle.count,
      revocations: {},
      createdAt: deps.clock.now(),
      tags: newTags(input.Tags),
    };
    tx.put("trustStore", store.arn, store);
    return store;
  });
  return { TrustStores: [present(record)] };
}

async function modifyTrustStore(
  deps: Elbv2Deps,
  input: elb.ModifyTrustStoreInput,
  context: RequestContext,
): Promise<elb.ModifyTrustStoreOutput> {
  findTrustStore(deps.store, context, input.TrustStoreArn);
  const bundle = await readBundle(deps, input, context);
  const record = deps.store.transact((tx) => {
    const store = findTrustStore(tx, context, input.TrustStoreArn);
    const next = { ...store, bundle: bundle.pem, certificateCount: bundle.count };
    tx.put("trustStore", store.arn, next);
    return next;
  });
  return { TrustStores: [present(record)] };
}

function readBundle(
  deps: Elbv2Deps,
  input: elb.ModifyTrustStoreInput | elb.CreateTrustStoreInput,
  context: RequestContext,
): Promise<ReturnType<typeof parseBundle>> {
  const named = {
    bucket: input.CaCertificatesBundleS3Bucket,
    key: input.CaCertificatesBundleS3Key,
    version: input.CaCertificatesBundleS3ObjectVersion,
  };
  return readFromS3(deps, context, named, "CaCertificatesBundleNotFound").then(parseBundle);
}

function deleteTrustStore(
  { store }: Elbv2Deps,
  input: elb.DeleteTrustStoreInput,
  context: RequestContext,
): object {
  store.transact((tx) => {
    const record = findTrustStore(tx, context, input.TrustStoreArn);
    if (listenersOf(tx, record.arn).length > 0)
      throw new ApiError("TrustStoreInUse", `Trust store '${record.arn}' is currently in use by a listener`);
    tx.delete("trustStore", record.arn);
  });
  return {};
}

function describeTrustStores(
  { store }: Elbv2Deps,
  input: elb.DescribeTrustStoresInput,
  context: RequestContext,
): elb.DescribeTrustStoresOutput {
  const all = store.list("trustStore", formatArn("elasticloadbalancing", context, "truststore/"));
  const byArn = (input.TrustStoreArns ?? []).map((arn) => findTrustStore(store, context, arn));
  const byName = (input.Names ?? []).map((name) => {
    const found = all.find((each) => each.name === name);
    if (found === undefined) throw new ApiError("TrustStoreNotFound", `Trust store '${name}' not found`);
    return found;
  });
  const isGiven = input.TrustStoreArns !== undefined || input.Names !== undefined;
  return { TrustStores: (isGiven ? [...byArn, ...byName] : all).map(present) };
}

function describeAssociations(
  { store }: Elbv2Deps,
  input: elb.DescribeTrustStoreAssociationsInput,
  context: RequestContext,
): elb.DescribeTrustStoreAssociationsOutput {
  const record = findTrustStore(store, context, input.TrustStoreArn);
  return { TrustStoreAssociations: listenersOf(store, record.arn).map((ResourceArn) => ({ ResourceArn })) };
}

async function addRevocations(
  deps: Elbv2Deps,
  input: elb.AddTrustStoreRevocationsInput,
  context: RequestContext,
): Promise<elb.AddTrustStoreRevocationsOutput> {
  findTrustStore(deps.store, context, input.TrustStoreArn);
  const lists: ReturnType<typeof parseRevocations>[] = [];
  for (const { S3Bucket, S3Key, S3ObjectVersion } of input.RevocationContents ?? []) {
    const named = { bucket: S3Bucket, key: S3Key, version: S3ObjectVersion };
    lists.push(parseRevocations(await readFromS3(deps, context, named, "RevocationContentNotFound")));
  }
  return deps.store.transact((tx) => {
    const store = findTrustStore(tx, context, input.TrustStoreArn);
    let last = Math.max(0, ...Object.keys(store.revocations).map(Number));
    const added = lists.map((list) => [String((last += 1)), list] as const);
    tx.put("trustStore", store.arn, {
      ...store,
      revocations: { ...store.revocations, ...Object.fromEntries(added) },
    });
    return {
      TrustStoreRevocations: added.map(([id, { count }]) => presentRevocation(store.arn, id, count)),
    };
  });
}

function removeRevocations(
  { store }: Elbv2Deps,
  input: elb.RemoveTrustStoreRevocationsInput,
  context: RequestContext,
): object {
  store.transact((tx) => {
    const record = findTrustStore(tx, context, input.TrustStoreArn);
    const ids = (input.RevocationIds ?? []).map(String);
    checkRevocations(record, ids);
    const kept = Object.entries(record.revocations).filter(([id]) => !ids.includes(id));
    tx.put("trustStore", record.arn, { ...record, revocations: Object.fromEntries(kept) });
  });
  return {};
}

function describeRevocations(
  { store }: Elbv2Deps,
  input: elb.DescribeTrustStoreRevocationsInput,
  context: RequestContext,
): elb.DescribeTrustStoreRevocationsOutput {
  const { arn, revocations } = findTrustStore(store, context, input.TrustStoreArn);
  const asked = input.RevocationIds?.map(String);
  checkRevocations({ arn, revocations }, asked ?? []);
  return {
    TrustStoreRevocations: Object.entries(revocations)
      .filter(([id]) => asked === undefined || asked.includes(id))
      .map(([id, { count }]) => presentRevocation(arn, id, count)),
  };
}

/** Errors: RevocationIdNotFound. */
function checkRevocations(
  { arn, revocations }: Pick<TrustStoreRecord, "arn" | "revocations">,
  ids: readonly string[],
): void {
  const unknown = ids.find((id) => !Object.hasOwn(revocations, id));
  if (unknown !== undefined)
    throw new ApiError(
      "RevocationIdNotFound",
      `The revocation '${unknown}' of the trust store '${arn}' cannot be found`,
    );
}

/** ARNs of the listeners that verify clients by a trust store. */
function listenersOf(reader: Reader, trustStoreArn: string): readonly string[] {
  return reader
    .list("listener")
    .filter(({ mutual }) => mutual?.mode === "verify" && mutual.trustStoreArn === trustStoreArn)
    .map(({ arn }) => arn);
}

function present(store: TrustStoreRecord): elb.TrustStore {
  const revoked = Object.values(store.revocations).reduce((sum, { count }) => sum + count, 0);
  return {
    Name: store.name,
    TrustStoreArn: store.arn,
    Status: "ACTIVE",
    NumberOfCaCertificates: store.certificateCount,
    TotalRevokedEntries: revoked,
  };
}

function presentRevocation(arn: string, id: string, count: number): elb.DescribeTrustStoreRevocation {
  return {
    TrustStoreArn: arn,
    RevocationId: Number(id),
    RevocationType: "CRL",
    NumberOfRevokedEntries: count,
  };
}
