import type { ZoneAssignment } from "@gantry/agent-protocol";
import { isRecordName } from "@gantry/kernel/dns/dns-name";
import type { DnsAlias, DnsRecordSet, DnsZone } from "@gantry/kernel/dns/zone-content";
import {
  address,
  boolean,
  count,
  id,
  integer,
  list,
  matching,
  object,
  oneOf,
  optional,
  text,
  type Check,
} from "./check.ts";

const recordName: Check = (value, path) =>
  typeof value === "string" && isRecordName(value) ? undefined : `${path} is not the name of a record`;

const routing: Check = (value, path) =>
  [
    object({ type: oneOf("weighted"), weight: integer(0, 255) }),
    object({ type: oneOf("latency"), region: text }),
    object({ type: oneOf("failover"), role: oneOf("PRIMARY", "SECONDARY") }),
    object({ type: oneOf("multivalue") }),
  ].some((check) => check(value, path) === undefined)
    ? undefined
    : `${path} is not a routing policy`;

/** Checks the assignment of a hosted zone. A value that cannot be encoded makes its own answer fail. */
export const checkZone = object<ZoneAssignment>({
  kind: oneOf("zone"),
  key: matching(/^zone\/Z[A-Z0-9]{1,32}$/, "a zone's key"),
  zone: object<DnsZone>({
    id: matching(/^Z[A-Z0-9]{1,32}$/, "the id of a hosted zone"),
    name: recordName,
    account: optional(matching(/^\d{12}$/, "an account")),
    isPrivate: boolean,
    vpcIds: list(id),
    order: count,
    version: count,
    nameServers: list(recordName),
    recordSets: list(
      object<DnsRecordSet>({
        name: recordName,
        type: matching(/^[A-Z]{1,8}$/, "the type of a record"),
        ttl: integer(0, 2_147_483_647),
        values: list(text),
        alias: optional(
          object<DnsAlias>({ target: recordName, isInZone: boolean, addresses: list(address) }),
        ),
        routing: optional(routing),
        isUnhealthy: optional(boolean),
      }),
    ),
  }),
});
