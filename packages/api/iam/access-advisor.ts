import type * as iam from "@aws-sdk/client-iam";
import type {
  AccessReportRecord,
  GroupRecord,
  Reader,
  ReportedService,
  RoleRecord,
  UserRecord,
} from "@gantry/state";
import type { Implementation, RequestContext } from "@gantry/wire";
import type { ApiDeps } from "../common/api-deps.ts";
import { identityPolicies, managedDocument } from "./decide.ts";
import { grantedServices, grantsService, serviceName } from "./granted-services.ts";
import { noSuchEntity, pageOf } from "./lookups.ts";
import { managedPolicy } from "./managed-policies.ts";

type Identity = UserRecord | RoleRecord | GroupRecord;

/** Reports are removed with the account's next report after a day: AWS does not say how long it keeps them. */
const KEPT_MS = 86_400_000;
const REPORTS_MAX = 100;

/**
 * Which services an identity or a policy permits, and when they were used last.
 * Source: API_GenerateServiceLastAccessedDetails and the operations that read the report.
 */
export function accessAdvisorOperations(deps: ApiDeps) {
  const { store } = deps;
  return {
    GenerateServiceLastAccessedDetails: (input, context) => generateReport(deps, input, context),
    GetServiceLastAccessedDetails(input, { account }) {
      const report = findReport(store, account, input.JobId);
      const { items, ...more } = pageOf(report.services, ({ namespace }) => namespace, input);
      return {
        ...presentJob(report),
        JobType: report.granularity,
        ServicesLastAccessed: items.map((service) => presentService(service, report)),
        ...more,
      };
    },
    GetServiceLastAccessedDetailsWithEntities(input, { account }) {
      const report = findReport(store, account, input.JobId);
      const service = report.services.find(({ namespace }) => namespace === input.ServiceNamespace);
      const entities = (service?.entities ?? []).toSorted((a, b) => (a.arn < b.arn ? -1 : 1));
      const { items, ...more } = pageOf(entities, ({ arn }) => arn, input);
      return {
        ...presentJob(report),
        EntityDetailsList: items.map(({ arn, at }) => ({
          EntityInfo: presentEntity(store, arn),
          LastAuthenticated: new Date(at),
        })),
        ...more,
      };
    },
    ListPoliciesGrantingServiceAccess: (input, context) => listGranting(store, input, context),
  } satisfies Implementation<typeof iam>;
}

/** The report is complete when the call is answered, and stays as it is whatever is used afterwards. */
function generateReport(
  { store, ids, clock }: ApiDeps,
  input: iam.GenerateServiceLastAccessedDetailsRequest,
  { account }: RequestContext,
): iam.GenerateServiceLastAccessedDetailsResponse {
  const now = clock.now();
  const { documents, users } = subjectOf(store, account, input.Arn);
  const services = grantedServices(documents).map((namespace) => reportService(store, namespace, users));
  const report: AccessReportRecord = {
    jobId: ids.uuid(),
    account,
    granularity: input.Granularity ?? "SERVICE_LEVEL",
    createdAt: now,
    services: services.toSorted((a, b) => (a.namespace < b.namespace ? -1 : 1)),
  };
  store.transact((tx) => {
    const former = tx
      .listBy("accessReport", "account", account)
      .toSorted((a, b) => b.createdAt - a.createdAt);
    for (const [index, { jobId, createdAt }] of former.entries())
      if (now - createdAt > KEPT_MS || index >= REPORTS_MAX - 1) tx.delete("accessReport", jobId);
    tx.put("accessReport", report.jobId, report);
  });
  return { JobId: report.jobId };
}

/** The documents that the ARN stands for, and the users and roles that they apply to. Errors: NoSuchEntity. */
function subjectOf(
  reader: Reader,
  account: string,
  arn: string | undefined,
): { documents: readonly string[]; users: readonly (UserRecord | RoleRecord)[] } {
  const users = reader.list("user").filter((user) => user.account === account);
  const identity = identityOf(reader, account, arn);
  if (identity !== undefined) {
    const documents = identityPolicies(reader, identity).map(({ text }) => text);
    return {
      documents,
      users:
        identity.type === "group"
          ? users.filter(({ groups }) => groups?.includes(identity.arn) === true)
          : [identity],
    };
  }
  const own = reader.get("policy", arn);
  const document =
    own?.account === account || managedPolicy(arn) !== undefined
      ? managedDocument(reader, arn ?? "")
      : undefined;
  if (document === undefined || arn === undefined) throw noSuchEntity(`ARN ${arn} was not found.`);
  const roles = reader.list("role").filter((role) => role.account === account);
  const groups = reader
    .list("group")
    .filter((group) => group.account === account && group.attachedPolicies.includes(arn))
    .map((group) => group.arn);
  return {
    documents: [document],
    users: [
      ...roles.filter(({ attachedPolicies }) => attachedPolicies.includes(arn)),
      ...users.filter(
        (user) =>
          user.attachedPolicies.includes(arn) ||
          user.groups?.some((group) => groups.includes(group)) === true,
      ),
    ],
  };
}

function identityOf(reader: Reader, account: string, arn: string | undefined): Identity | undefined {
  const identity = reader.get("user", arn) ?? reader.get("role", arn) ?? reader.get("group", arn);
  return identity?.account === account ? identity : undefined;
}

function reportService(
  reader: Reader,
  namespace: string,
  users: readonly (UserRecord | RoleRecord)[],
): ReportedService {
  const uses = users.flatMap(({ id, arn }) => {
    const use = reader.get("identityUse", id);
    const last = use?.services[namespace];
    return use === undefined || last === undefined ? [] : [{ arn, use, last }];
  });
  const actions = uses.flatMap(({ arn, use }) =>
    Object.entries(use.actions)
      .filter(([action]) => action.startsWith(`${namespace}:`))
      .map(([action, { at, region }]) => ({ name: action.slice(namespace.length + 1), at, region, arn })),
  );
  const latest = new Map<string, ReportedService["actions"][number]>();
  for (const action of actions.toSorted((a, b) => a.at - b.at)) latest.set(action.name, action);
  return {
    namespace,
    entities: uses
      .map(({ arn, last: { at, region } }) => ({ arn, at, region }))
      .toSorted((a, b) => b.at - a.at),
    actions: [...latest.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1)),
  };
}

function findReport(reader: Reader, account: string, jobId: string | undefined): AccessReportRecord {
  const report = reader.get("accessReport", jobId);
  if (report?.account !== account) throw noSuchEntity(`The job with id ${jobId} was not found.`);
  return report;
}

function presentJob({ createdAt }: AccessReportRecord) {
  return {
    JobStatus: "COMPLETED" as const,
    JobCreationDate: new Date(createdAt),
    JobCompletionDate: new Date(createdAt),
  };
}

function presentService(
  service: ReportedService,
  { granularity }: AccessReportRecord,
): iam.ServiceLastAccessed {
  const [last] = service.entities;
  return {
    ServiceName: serviceName(service.namespace),
    ServiceNamespace: service.namespace,
    ...(last === undefined
      ? {}
      : {
          LastAuthenticated: new Date(last.at),
          LastAuthenticatedEntity: last.arn,
          LastAuthenticatedRegion: last.region,
        }),
    TotalAuthenticatedEntities: service.entities.length,
    ...(granularity === "SERVICE_LEVEL"
      ? {}
      : {
          TrackedActionsLastAccessed: service.actions.map(({ name, arn, at, region }) => ({
            ActionName: name,
            LastAccessedEntity: arn,
            LastAccessedTime: new Date(at),
            LastAccessedRegion: region,
          })),
        }),
  };
}

function presentEntity(reader: Reader, arn: string): iam.EntityInfo {
  const identity = reader.get("user", arn) ?? reader.get("role", arn);
  return {
    Arn: arn,
    Name: identity?.name ?? arn.split("/").at(-1),
    Type: arn.includes(":role/") ? "ROLE" : "USER",
    Id: identity?.id,
    Path: identity?.path,
  };
}

/** Source: API_ListPoliciesGrantingServiceAccess. */
function listGranting(
  reader: Reader,
  input: iam.ListPoliciesGrantingServiceAccessRequest,
  { account }: RequestContext,
): iam.ListPoliciesGrantingServiceAccessResponse {
  const identity = identityOf(reader, account, input.Arn);
  if (identity === undefined) throw noSuchEntity(`ARN ${input.Arn} was not found.`);
  const groups =
    identity.type === "user" ? (identity.groups ?? []).flatMap((arn) => reader.get("group", arn) ?? []) : [];
  const policies = [identity, ...groups].flatMap((holder) => policiesOf(reader, holder));
  const names = (input.ServiceNamespaces ?? []).toSorted();
  const { items, ...more } = pageOf(names, (name) => name, { Marker: input.Marker });
  return {
    PoliciesGrantingServiceAccess: items.map((ServiceNamespace) => ({
      ServiceNamespace,
      Policies: policies
        .filter(({ text }) => grantsService([text], ServiceNamespace))
        .map(({ shown }) => shown),
    })),
    ...more,
  };
}

function policiesOf(
  reader: Reader,
  holder: Identity,
): readonly { readonly text: string; readonly shown: iam.PolicyGrantingServiceAccess }[] {
  const entity = {
    EntityType: holder.type.toUpperCase() as iam.PolicyOwnerEntityType, // "user", "role" or "group".
    EntityName: holder.name,
  };
  return [
    ...Object.entries(holder.inlinePolicies).map(([PolicyName, text]) => ({
      text,
      shown: { PolicyName, PolicyType: "INLINE" as const, ...entity },
    })),
    ...holder.attachedPolicies.map((PolicyArn) => ({
      text: managedDocument(reader, PolicyArn) ?? "",
      shown: { PolicyName: PolicyArn.split("/").at(-1), PolicyType: "MANAGED" as const, PolicyArn },
    })),
  ];
}
