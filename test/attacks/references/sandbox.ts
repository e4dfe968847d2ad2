import type { Api } from "@gantry/testkit";
import type { Change, Kind, RecordOf } from "@gantry/state";
import type { Send } from "./targets.ts";
import { createWorld, senderOf, type World } from "./world.ts";

/** What a call came to. `missing`: the named resource is said not to exist. */
export type Outcome = "denied" | "missing" | "refused" | "nothing" | "answered" | "failed";

/** A caller whose policy is replaced as often as needed, and a world that each call finds unchanged. */
export interface Sandbox {
  readonly world: World;
  /** The caller's. */
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
  /** Gives the caller these statements and no others. */
  readonly allow: (statements: readonly object[]) => Promise<void>;
  /** Calls an operation as the caller and undoes what it changed. */
  readonly call: (...call: Parameters<Send>) => Promise<Result>;
  /** As `call`, with the credentials and the region of this sender. */
  readonly callWith: (sender: Send, ...call: Parameters<Send>) => Promise<Result>;
}

export interface Result {
  readonly outcome: Outcome;
  readonly detail: string;
  readonly changes: readonly Change[];
  /** The records that the changes left. */
  readonly records: readonly unknown[];
}

const USER = "caller";

export async function newSandbox(api: Api): Promise<Sandbox> {
  const records = new Map<string, { kind: Kind; key: string; record: RecordOf<Kind> | undefined }>();
  let changes: Change[] = [];
  api.store.watch((change) => {
    // That a key or role was used is recorded of every signed request, also of a denied one, with a delay.
    if (change.kind !== "identityUse") changes.push(change);
  });
  const send = withoutNode(api, senderOf(api.client()));
  const world = await createWorld(send);
  await send("iam", "CreateUser", { UserName: USER });
  const { AccessKey } = await send("iam", "CreateAccessKey", { UserName: USER });
  // As answered.
  const { AccessKeyId, SecretAccessKey } = AccessKey as { AccessKeyId: string; SecretAccessKey: string };
  const credentials = { accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey };
  const caller = senderOf(api.client(credentials));
  for (const { kind, key } of changes) {
    const record = api.store.get(kind, key);
    if (record !== undefined) records.set(`${kind} ${key}`, { kind, key, record });
  }
  const undo = (): void => {
    api.store.transact((tx) => {
      for (const { kind, key } of changes) {
        const before = records.get(`${kind} ${key}`)?.record;
        if (before === undefined) tx.delete(kind, key);
        else tx.put(kind, key, before);
      }
    });
  };
  const callWith: Sandbox["callWith"] = async (sender, service, operation, input) => {
    changes = [];
    const { outcome, detail } = await outcomeOf(sender(service, operation, input));
    const changed = changes;
    const left = changed.map(({ kind, key }) => api.store.get(kind, key));
    undo();
    if (service === "s3" && !/^(?:Get|Head|List)/.test(operation))
      await send("s3", "PutObject", { Bucket: "prod", Key: "a/b c", Body: "x" });
    if (service === "logs" && operation.startsWith("DeleteLog") && outcome === "nothing")
      await send("logs", "CreateLogStream", { logGroupName: "prod", logStreamName: "s" });
    // A bus that does not exist takes events, and no rule sees them.
    if (operation === "PutEvents" && outcome === "answered" && changed.length === 0)
      return { outcome: "nothing", detail, changes: changed, records: left };
    return { outcome, detail, changes: changed, records: left };
  };
  return {
    world,
    credentials,
    allow: async (Statement) => {
      const PolicyDocument = JSON.stringify({ Version: "2012-10-17", Statement });
      await send("iam", "PutUserPolicy", { UserName: USER, PolicyName: "own", PolicyDocument });
      const record = api.store.list("user").find(({ name }) => name === USER);
      if (record !== undefined) records.set(`user ${record.arn}`, { kind: "user", key: record.arn, record });
    },
    call: (...call) => callWith(caller, ...call),
    callWith,
  };
}

/** Says of each new volume and snapshot what its node would say: no node runs in these tests. */
export function withoutNode({ store }: Api, send: Send): Send {
  return async (service, operation, input) => {
    const output = await send(service, operation, input);
    if (service === "ec2" && /^Create(?:Volume|Snapshot)$/.test(operation))
      store.transact((tx) => {
        for (const each of tx.list("volume"))
          if (each.isRoot === false) tx.put("volume", each.id, { ...each, storedBytes: 0 });
        for (const each of tx.list("snapshot"))
          tx.put("snapshot", each.id, { ...each, completedAt: each.startedAt });
      });
    return output;
  };
}

/** Errors that speak of something else than the resource itself. */
const OF_ITS_PARTS =
  /Configuration|Policy|TagSet|InvalidPermission|Website|Encryption|CORS|Upload|Layers|PublicAcc|Ownership|InvalidRoute|ReplicationNot|VolumeMod/;

const MISSING = /MISSING|NOT_FOUND|RepositoryNotFound|ResourceNotFound/;

async function outcomeOf(
  call: Promise<Record<string, unknown>>,
): Promise<{ outcome: Outcome; detail: string }> {
  try {
    const { $metadata: _, ...output } = await call;
    const { failures, Errors, InvalidParameters, errorMessage } = output as {
      errorMessage?: string;
      failures?: { arn?: string; reason?: string; failureCode?: string }[];
      Errors?: { Code?: string; ErrorCode?: string }[];
      InvalidParameters?: string[];
    }; // As ECS, S3, Secrets Manager, Parameter Store and CodeDeploy answer.
    // No cluster has a container instance: a call that names one is authorized, and does nothing.
    if (failures?.some(({ arn = "" }) => arn.includes(":container-instance/")) === true)
      return { outcome: "refused", detail: JSON.stringify(failures) };
    if (failures?.some(({ reason = "", failureCode = "" }) => MISSING.test(reason + failureCode)) === true)
      return { outcome: "missing", detail: JSON.stringify(failures) };
    if (errorMessage?.startsWith("No ") === true) return { outcome: "missing", detail: errorMessage };
    if ((InvalidParameters ?? []).length > 0 || Errors?.some(({ ErrorCode = "" }) => MISSING.test(ErrorCode)))
      return { outcome: "missing", detail: JSON.stringify(InvalidParameters ?? Errors) };
    if (Errors?.some(({ Code, ErrorCode = Code }) => ErrorCode?.startsWith("AccessDenied") === true) === true)
      return { outcome: "denied", detail: "AccessDenied of a key" };
    if (Array.isArray(output["Unsuccessful"]) && output["Unsuccessful"].length > 0)
      return { outcome: "missing", detail: "Unsuccessful" };
    const values = Object.values(output).filter((value) => value !== undefined);
    const isEmpty = values.every((value) => Array.isArray(value) && value.length === 0);
    return { outcome: isEmpty ? "nothing" : "answered", detail: Object.keys(output).join(" ") };
  } catch (thrown) {
    const { name, message, $metadata } = thrown as {
      name: string;
      message: string;
      $metadata?: { httpStatusCode?: number };
    }; // An SDK error.
    const status = $metadata?.httpStatusCode ?? 0;
    const detail = `${status} ${name}: ${message}`;
    const isDenied =
      /^(?:AccessDenied|AccessDeniedException|UnauthorizedOperation)$/.test(name) ||
      (status === 403 && name !== "InvalidAuthenticationCodeException"); // Said once the caller may ask.
    if (isDenied) return { outcome: "denied", detail };
    if (status === 0 || status >= 500) return { outcome: "failed", detail };
    const isMissing = /NotFound|NoSuch|NotActive/.test(name) && !OF_ITS_PARTS.test(name);
    return { outcome: isMissing ? "missing" : "refused", detail };
  }
}
