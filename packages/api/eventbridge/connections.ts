import type * as sdk from "@aws-sdk/client-eventbridge";
import { removeSecret, type EventConnectionRecord, type Reader, type Transaction } from "@gantry/state";
import {
  connectionArnOf,
  connectionNamed,
  openConnection,
  renderSecret,
} from "@gantry/state/transactions/event-connections";
import type { Implementation, RequestContext } from "@gantry/wire";
import type { ApiDeps, Place } from "../common/api-deps.ts";
import { ensureLinkedRole } from "../common/service-linked-roles.ts";
import { putOwnedSecret } from "../secretsmanager/owned-secrets.ts";
import { ApiError } from "./api-error.ts";
import { presentAuthorization, readAuthorization, type ReadAuthorization } from "./connection-auth.ts";
import { notFound, pageOf } from "./lookups.ts";

/** Source: Amazon EventBridge User Guide, "Quotas". */
const CONNECTIONS_MAX = 3_000;

/** How API destinations are authorized. Source: EventBridge User Guide, "Connections for endpoint targets". */
export function connectionOperations(deps: ApiDeps) {
  const { store } = deps;
  return {
    CreateConnection: (input, context) => createConnection(deps, input, context),
    DescribeConnection: (input, context) => describeConnection(deps, input, context),
    ListConnections: (input, context) => listConnections(deps, input, context),
    UpdateConnection: (input, context) => updateConnection(deps, input, context),
    DeauthorizeConnection: (input, context) =>
      store.transact((tx) => {
        const connection = findConnection(tx, context, input.Name);
        removeSecret(tx, connection.secretArn);
        const { token: _token, ...rest } = connection;
        const modifiedAt = deps.clock.now();
        const changed = { ...rest, secretArn: undefined, state: "DEAUTHORIZED" as const, modifiedAt };
        tx.put("eventConnection", connection.arn, changed);
        return presentState(changed);
      }),
    DeleteConnection: (input, context) =>
      store.transact((tx) => {
        const connection = findConnection(tx, context, input.Name);
        removeSecret(tx, connection.secretArn);
        tx.delete("eventConnection", connection.arn);
        return { ...presentState(connection), ConnectionState: "DELETING" as const };
      }),
  } satisfies Implementation<typeof sdk>;
}

/** Errors: ResourceNotFoundException. */
function findConnection(reader: Reader, place: Place, name: string | undefined): EventConnectionRecord {
  const found = connectionNamed(reader, place, name ?? "");
  if (found === undefined) throw notFound(`Connection '${name ?? ""}' does not exist.`);
  return found;
}

/** Errors: ResourceAlreadyExistsException, LimitExceededException, ValidationException, AccessDenied. */
function createConnection(
  deps: ApiDeps,
  input: sdk.CreateConnectionRequest,
  context: RequestContext,
): sdk.CreateConnectionResponse {
  const { Name: name = "", AuthorizationType: type, AuthParameters: given = {} } = input;
  const read = readAuthorization(type, given, undefined);
  ensureLinkedRole(deps, context, "apidestinations.events.amazonaws.com");
  const now = deps.clock.now();
  const id = deps.ids.uuid();
  return deps.store.transact((tx) => {
    if (connectionNamed(tx, context, name) !== undefined)
      throw new ApiError("ResourceAlreadyExistsException", `Connection ${name} already exists.`);
    if (tx.list("eventConnection", connectionArnOf(context, "")).length >= CONNECTIONS_MAX)
      throw new ApiError(
        "LimitExceededException",
        "The requested resource exceeds the maximum number allowed.",
      );
    const connection = {
      account: context.account,
      region: context.region,
      arn: connectionArnOf(context, `${name}/${id}`),
      name,
      description: input.Description,
      kmsKeyId: input.KmsKeyIdentifier,
      createdAt: now,
      secretArn: undefined,
    };
    return presentState(putConnection(tx, deps, context, { connection, read }));
  });
}

/** Stores a connection with its secret. One with OAuth is authorized by the connection controller. */
function putConnection(
  tx: Transaction,
  deps: ApiDeps,
  context: RequestContext,
  {
    connection,
    read,
  }: {
    readonly connection: Omit<
      EventConnectionRecord,
      "authorization" | "parameters" | "state" | "modifiedAt" | "authorizedAt"
    >;
    readonly read: ReadAuthorization;
  },
): EventConnectionRecord {
  const { authorization, parameters, secret } = read;
  const now = deps.clock.now();
  const secretArn = putOwnedSecret(tx, deps, context, {
    arn: connection.secretArn,
    owner: { service: "events", resourceArn: connection.arn },
    name: `events!${connection.arn.split(":")[5] ?? ""}`,
    description: `The authorization of the EventBridge connection ${connection.name}.`,
    text: renderSecret({ authorization }, secret),
    kmsKeyId: connection.kmsKeyId,
  });
  const base = { ...connection, authorization, parameters, secretArn, modifiedAt: now };
  const record: EventConnectionRecord =
    authorization.type === "OAUTH_CLIENT_CREDENTIALS"
      ? { ...base, state: "AUTHORIZING" }
      : { ...base, state: "AUTHORIZED", authorizedAt: now };
  tx.put("eventConnection", record.arn, record);
  return record;
}

/** What is not given stays. Errors: ResourceNotFoundException, ValidationException. */
function updateConnection(
  deps: ApiDeps,
  input: sdk.UpdateConnectionRequest,
  context: RequestContext,
): sdk.UpdateConnectionResponse {
  return deps.store.transact((tx) => {
    const { stateReason: _reason, token: _token, ...before } = findConnection(tx, context, input.Name);
    const { authorization, parameters } = before;
    const secret = openConnection(tx, deps.vault, before);
    const former = secret === undefined ? undefined : { authorization, parameters, secret };
    const type = input.AuthorizationType ?? authorization.type;
    const read = readAuthorization(type, input.AuthParameters ?? {}, former);
    const connection = {
      ...before,
      description: input.Description ?? before.description,
      kmsKeyId: input.KmsKeyIdentifier === "" ? undefined : (input.KmsKeyIdentifier ?? before.kmsKeyId),
    };
    return presentState(putConnection(tx, deps, context, { connection, read }));
  });
}

function describeConnection(
  { store }: ApiDeps,
  input: sdk.DescribeConnectionRequest,
  place: Place,
): sdk.DescribeConnectionResponse {
  const connection = findConnection(store, place, input.Name);
  return {
    ...presentConnection(connection),
    Description: connection.description,
    SecretArn: connection.secretArn,
    KmsKeyIdentifier: connection.kmsKeyId,
    AuthParameters: presentAuthorization(connection),
  };
}

function listConnections(
  { store }: ApiDeps,
  input: sdk.ListConnectionsRequest,
  place: Place,
): sdk.ListConnectionsResponse {
  const { NamePrefix: prefix = "", ConnectionState: state } = input;
  const all = store
    .list("eventConnection", connectionArnOf(place, prefix))
    .filter((connection) => state === undefined || connection.state === state);
  const { items, nextToken } = pageOf(all, ({ arn }) => arn, input);
  return { Connections: items.map(presentConnection), NextToken: nextToken };
}

function presentConnection(connection: EventConnectionRecord): sdk.Connection {
  return {
    ...presentState(connection),
    Name: connection.name,
    StateReason: connection.stateReason,
    AuthorizationType: connection.authorization.type,
  };
}

function presentState(connection: EventConnectionRecord): sdk.UpdateConnectionResponse {
  const { arn, state, createdAt, modifiedAt, authorizedAt } = connection;
  return {
    ConnectionArn: arn,
    ConnectionState: state,
    CreationTime: new Date(createdAt),
    LastModifiedTime: new Date(modifiedAt),
    ...(authorizedAt === undefined ? {} : { LastAuthorizedTime: new Date(authorizedAt) }),
  };
}
