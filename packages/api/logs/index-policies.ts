import type * as sdk from "@aws-sdk/client-cloudwatch-logs";
import { isObject } from "@gantry/kernel";
import type { LogGroupRecord } from "@gantry/state";
import type { Implementation } from "@gantry/wire";
import { changeGroup } from "./groups.ts";
import { findGroup, invalidParameter, refuseInfrequent } from "./lookups.ts";
import type { LogsDeps } from "./logs-deps.ts";

/** Source: API_PutIndexPolicy. */
const FIELDS_MAX = 20;
const FIELD_CHARACTERS_MAX = 100;

/**
 * The fields of a log group that queries are to find without reading every event. Queries read all events here: the
 * policy is kept and shown. Source: API_PutIndexPolicy, API_DescribeIndexPolicies, API_DeleteIndexPolicy.
 */
export function indexPolicyOperations({ store, clock }: LogsDeps) {
  return {
    PutIndexPolicy(input, context) {
      const indexPolicy = { document: checkedDocument(input.policyDocument), updatedAt: clock.now() };
      changeGroup(store, context, input.logGroupIdentifier, (group) => {
        refuseInfrequent(group, "Index policies");
        return { ...group, indexPolicy };
      });
      return {
        indexPolicy: present({ ...findGroup(store, context, input.logGroupIdentifier), indexPolicy }),
      };
    },
    DescribeIndexPolicies(input, context) {
      const groups = (input.logGroupIdentifiers ?? []).map((given) => findGroup(store, context, given));
      return { indexPolicies: groups.flatMap((group) => present(group) ?? []) };
    },
    DeleteIndexPolicy: (input, context) =>
      changeGroup(store, context, input.logGroupIdentifier, ({ indexPolicy: _gone, ...group }) => group),
  } satisfies Implementation<typeof sdk>;
}

function present({ name, indexPolicy }: LogGroupRecord): sdk.IndexPolicy | undefined {
  if (indexPolicy === undefined) return undefined;
  return {
    logGroupIdentifier: name,
    policyDocument: indexPolicy.document,
    lastUpdateTime: indexPolicy.updatedAt,
    source: "LOG_GROUP",
  };
}

/** Errors: InvalidParameterException. */
function checkedDocument(text = ""): string {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw invalidParameter("The policy document is not JSON.");
  }
  const fields = isObject(value) ? value["Fields"] : undefined;
  const isList =
    Array.isArray(fields) &&
    fields.length <= FIELDS_MAX &&
    fields.every(
      (field) => typeof field === "string" && field !== "" && field.length <= FIELD_CHARACTERS_MAX,
    );
  if (!isList)
    throw invalidParameter(
      `The policy document must have Fields, at most ${FIELDS_MAX} of at most ${FIELD_CHARACTERS_MAX} characters.`,
    );
  return text;
}
