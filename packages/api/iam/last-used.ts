import type * as iam from "@aws-sdk/client-iam";
import type { AccessKeyRecord, Reader, RoleRecord } from "@gantry/state";
import type { Implementation } from "@gantry/wire";
import type { ApiDeps } from "../common/api-deps.ts";
import { noSuchEntity } from "./lookups.ts";

/** When access keys were used last. Source: API_GetAccessKeyLastUsed. */
export function lastUsedOperations({ store }: ApiDeps) {
  return {
    GetAccessKeyLastUsed(input, { account }) {
      const key = store.get("accessKey", input.AccessKeyId);
      if (key?.account !== account)
        throw noSuchEntity(`The Access Key with id ${input.AccessKeyId} cannot be found.`);
      const lastUsed = keyLastUsed(store, key);
      return {
        UserName: store.get("user", key.userArn)?.name,
        AccessKeyLastUsed:
          lastUsed === undefined
            ? { LastUsedDate: undefined, ServiceName: "N/A", Region: "N/A" }
            : {
                LastUsedDate: new Date(lastUsed.at),
                ServiceName: lastUsed.service,
                Region: lastUsed.region,
              },
      };
    },
  } satisfies Implementation<typeof iam>;
}

/** The last use of a key; undefined for a key that has not been used. */
export function keyLastUsed(reader: Reader, key: AccessKeyRecord) {
  return reader.get("identityUse", key.accessKeyId)?.lastUsed;
}

/** Source: API_RoleLastUsed. It is empty for a role that has not been used. */
export function presentRoleLastUsed(reader: Reader, role: RoleRecord): iam.RoleLastUsed {
  const lastUsed = reader.get("identityUse", role.id)?.lastUsed;
  return lastUsed === undefined ? {} : { LastUsedDate: new Date(lastUsed.at), Region: lastUsed.region };
}
