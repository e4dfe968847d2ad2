import type { ConditionContext, Principal } from "@gantry/iam";
import type { Implementation, Permission, PermissionsOf } from "@gantry/wire";
import type { Place } from "./api-deps.ts";

/** One permission of a call: the operation's own action, unless another action is named. */
export interface Need {
  readonly action?: string;
  readonly resource: string;
  readonly conditions?: ConditionContext;
}

/** The caller and its place. */
export interface Caller extends Place {
  readonly principal: Principal;
}

type InputOf<Operation> = Operation extends (input: infer Input, ...rest: never[]) => unknown ? Input : never;

/**
 * The permissions of each operation: `"*"` where AWS knows no resource for the action, else a function from
 * the input. The function resolves every reference with the look-up that the operation itself uses and names
 * the ARN of the record that it finds, never the caller's spelling. For a reference that finds nothing it
 * names the ARN the reference stands for, so that a caller without permission gets AccessDenied whether or
 * not the resource exists.
 * Source: Service Authorization Reference, one page for each service.
 */
export type PermissionTable<Sdk> = {
  readonly [Name in keyof Implementation<Sdk>]?:
    | "*"
    | ((input: InputOf<NonNullable<Implementation<Sdk>[Name]>>, caller: Caller) => readonly Need[]);
};

/**
 * What `ServiceModule.permissions` is, made of a table. An operation without an entry does not compile, and
 * neither does an entry without an operation.
 */
export function permissionsBy<Operations extends object, Table extends Record<keyof Operations, unknown>>(
  prefix: string,
  _operations: Operations,
  table: Table & Record<Exclude<keyof Table, keyof Operations>, never>,
): PermissionsOf {
  const entries = table as Readonly<Record<string, "*" | Entry | undefined>>; // Checked by the two types above.
  return (operation, input, caller) => {
    const own = `${prefix}:${operation}`;
    const entry = entries[operation];
    if (entry === undefined || entry === "*") return [{ action: own, resource: "*" }];
    return entry(input, caller).map((need) => withAction(need, own));
  };
}

function withAction({ action, resource, conditions }: Need, own: string): Permission {
  return conditions === undefined
    ? { action: action ?? own, resource }
    : { action: action ?? own, resource, conditions };
}

type Entry = (input: Readonly<Record<string, unknown>>, caller: Caller) => readonly Need[];

/** A permission of the operation's own action on each resource. */
export function on(...resources: readonly string[]): readonly Need[] {
  return resources.map((resource) => ({ resource }));
}

/**
 * The permission to tag what an operation creates, where tags are given along with it.
 * Source: "Grant permission to tag resources on creation" of each service's developer guide.
 */
export function tagOnCreate(
  tags: readonly unknown[] | Readonly<Record<string, unknown>> | undefined,
  need: Need,
): readonly Need[] {
  return tags === undefined || Object.keys(tags).length === 0 ? [] : [need];
}
