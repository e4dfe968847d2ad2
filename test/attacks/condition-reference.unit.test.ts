import { conditionKeysOf, isKnownConditionKey } from "@gantry/iam";
import { SERVICE_KEYS } from "@gantry/iam/condition-keys";
import { describe, expect, it } from "vitest";
import { referenceKeys, referenceKeysOf } from "./authorization-reference.ts";
import { loadedService, SERVICE_NAMES } from "./loaded-services.ts";
import { KEYS_WITHOUT_VALUE } from "./references/keys-without-value.ts";
import { REFERENCE } from "./service-authorization.ts";
import { CALLER, INPUTS } from "./service-inputs.ts";

// The table of condition keys against the Service Authorization Reference as data.
// Before: the table was written by hand. 76 keys that the reference lists for actions here were missing from
// it, and ecs:cluster, ecs:service, ecs:task-cpu and ecs:task-memory had no value for 12, 6, 2 and 2 actions,
// so that a Deny that named them did not hold there.
const without = new Set(
  Object.values(KEYS_WITHOUT_VALUE)
    .flatMap((keys) => Object.keys(keys))
    .map((key) => key.toLowerCase()),
);

/** The resource types that exist here, by action. Actions of S3 have no types in the list: theirs all count. */
const TYPES_HERE = new Map(
  REFERENCE.trim()
    .split("\n")
    .map((line) => {
      const [action = "", ...types] = line.split(" ");
      return [action, types.map((type) => type.replace("*", ""))] as const;
    }),
);

/** Keys that have values, but not for these actions, with the reason. */
const NO_VALUE_FOR: Readonly<Record<string, readonly [actions: RegExp, reason: string]>> = {
  "elasticloadbalancing:listenerprotocol": [
    /^elasticloadbalancing:CreateLoadBalancer$/,
    "Only Classic Load Balancers are created with listeners.",
  ],
  "s3:dataaccesspointaccount": [/^s3:/, "There are no access points."],
  "s3:dataaccesspointarn": [/^s3:/, "There are no access points."],
  "s3:accesspointnetworkorigin": [/^s3:/, "There are no access points."],
  "s3:accessgrantsinstancearn": [/^s3:/, "There are no access grants."],
};

/**
 * Claims of issuers, whose names the reference writes with a placeholder: `claimsOf` has them, and
 * web-identity.unit tests them.
 */
const OF_ISSUER = /^(?:agent|gitlab|github|idcs-[^.]*|oidc|token)\b.*\.(?:dev|site|com)[/:]/;

/** What an operation asks for by itself, for each of the things that it names. */
const ASKED_WITHIN: Readonly<Record<string, string>> = { "s3:DeleteObjects": "s3:DeleteObject" };

/** Keys that a service gives for more actions than the reference lists, with the reason. */
const MORE_THAN_REFERENCE: Readonly<Record<string, string>> = {
  "ecs:cluster": "DescribeCapacityProviders may name a cluster",
  "ecs:task-cpu": "StartTask overrides the size as RunTask does",
  "ecs:task-memory": "StartTask overrides the size as RunTask does",
  "ecs:subnet": "RunTask has a network configuration too",
  "ecs:auto-assign-public-ip": "RunTask has a network configuration too",
};

describe.each(SERVICE_NAMES)("condition keys of %s", async (id) => {
  const { operations, permissions, descriptor } = await loadedService(id);
  const implemented = [...operations.values()].filter(({ handler }) => handler !== undefined);
  const actions = [
    ...new Set(
      implemented.flatMap(({ name }) => {
        const asked = permissions(name, INPUTS[id](name), CALLER).map(({ action }) => action);
        const own = `${descriptor.iamPrefix}:${name}`;
        return asked.length === 0 ? [ASKED_WITHIN[own] ?? own] : asked;
      }),
    ),
  ];

  it.each(actions)("%s exists, and each of its keys has a value or a reason", async (action) => {
    const here = TYPES_HERE.get(action);
    const keys = await referenceKeysOf(action, (type) => here === undefined || here.includes(type));
    expect(keys, `${action} is not in the reference`).toBeDefined();
    const given = new Set(conditionKeysOf(action).map((key) => key.toLowerCase()));
    const missing = [...(keys ?? [])].filter((key) => {
      if (OF_ISSUER.test(key)) return false;
      if (given.has(key) || without.has(key) || without.has(key.replace(/[^:]*$/, ""))) return false;
      if (NO_VALUE_FOR[key]?.[0].test(action) === true) return false;
      // Global keys and those of identity providers are known whatever the action is.
      return isOfService(key) || !isKnownConditionKey(key);
    });
    expect(missing).toEqual([]);
  });
});

const offered = Object.entries(SERVICE_KEYS).flatMap(([service, keys]) =>
  Object.entries(keys).map(([key, actions]) => [key, service, actions] as const),
);

describe("a key that the table offers", () => {
  it.each(offered)("is one of the reference: %s of %s", async (key, service, actions) => {
    const lower = key.toLowerCase();
    expect(await referenceKeys(service)).toContain(lower);
    if (actions === "*" || MORE_THAN_REFERENCE[key] !== undefined) return;
    for (const name of actions.split(" ").filter((each) => each !== ""))
      expect([...((await referenceKeysOf(`${service}:${name}`)) ?? [])], name).toContain(lower);
  });
});

/** Whether a key is one of a service here. */
function isOfService(key: string): boolean {
  return Object.keys(SERVICE_KEYS).some((service) => key.startsWith(`${service}:`));
}
