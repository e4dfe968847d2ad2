import type * as ecs from "@aws-sdk/client-ecs";
import {
  ACCOUNT_SETTINGS,
  accountSettingKey,
  type AccountSettingName as Name,
  type AccountSettingRecord,
  type Placed,
  type Reader,
} from "@gantry/state";
import type { Implementation, RequestContext } from "@gantry/wire";
import type { ApiDeps } from "../common/api-deps.ts";
import { page } from "../common/paging.ts";
import { invalidParameter } from "./lookups.ts";

/**
 * Settings of the account and of its principals. `containerInsights` is the default of new clusters,
 * `defaultLogDriverMode` that of awslogs; the others are recorded.
 * Source: API_PutAccountSetting and following; "Access Amazon ECS features with account settings".
 */
export function accountSettingOperations(deps: ApiDeps) {
  const { store } = deps;
  return {
    PutAccountSetting: (input, context) =>
      putSetting(deps, input, { context, principalArn: input.principalArn ?? context.principal.arn }),
    PutAccountSettingDefault: (input, context) =>
      putSetting(deps, input, { context, principalArn: rootOf(context) }),
    DeleteAccountSetting(input, context) {
      const name = toName(input.name);
      const principalArn = checkedPrincipal(input.principalArn ?? context.principal.arn, context);
      store.transact((tx) => tx.delete("accountSetting", accountSettingKey(context, principalArn, name)));
      return { setting: presentSetting(store, context, { name, principalArn }) };
    },
    ListAccountSettings(input, context) {
      const principalArn = checkedPrincipal(input.principalArn ?? context.principal.arn, context);
      const names = input.name === undefined ? NAMES : [toName(input.name)];
      const shown = names
        .filter(
          (name) =>
            input.effectiveSettings === true ||
            store.get("accountSetting", accountSettingKey(context, principalArn, name)) !== undefined,
        )
        .map((name) => presentSetting(store, context, { name, principalArn }))
        .filter(({ value }) => input.value === undefined || input.value === value);
      const { items, nextToken } = page(shown, ({ name = "" }) => name, {
        token: input.nextToken,
        size: input.maxResults ?? 10,
        invalidToken: () => invalidParameter("Invalid token."),
      });
      return { settings: [...items], nextToken };
    },
  } satisfies Implementation<typeof ecs>;
}

const NAMES = (Object.keys(ACCOUNT_SETTINGS) as Name[]).toSorted(); // The keys of a literal.

function putSetting(
  { store }: ApiDeps,
  input: { readonly name?: string | undefined; readonly value?: string | undefined },
  { context, principalArn }: { context: RequestContext; principalArn: string },
): { setting: ecs.Setting } {
  const name = toName(input.name);
  const record: AccountSettingRecord = {
    account: context.account,
    region: context.region,
    name,
    principalArn: checkedPrincipal(principalArn, context),
    value: toValue(name, input.value ?? ""),
  };
  store.transact((tx) =>
    tx.put("accountSetting", accountSettingKey(context, record.principalArn, name), record),
  );
  return { setting: presentSetting(store, context, record) };
}

/** A principal's own setting, else the account's, else what AWS begins with. */
function presentSetting(
  reader: Reader,
  place: Placed,
  { name, principalArn }: { readonly name: Name; readonly principalArn: string },
): ecs.Setting {
  const own = reader.get("accountSetting", accountSettingKey(place, principalArn, name));
  const ofAccount = reader.get("accountSetting", accountSettingKey(place, rootOf(place), name));
  const value = own?.value ?? ofAccount?.value ?? ACCOUNT_SETTINGS[name].value;
  return { name, value, principalArn, type: name === "guardDutyActivate" ? "aws_managed" : "user" };
}

/** The account itself, by which its default settings are kept and shown. */
function rootOf({ account }: Pick<Placed, "account">): string {
  return `arn:aws:iam::${account}:root`;
}

function checkedPrincipal(arn: string, { account }: Placed): string {
  if (!new RegExp(`^arn:aws:(?:iam|sts)::${account}:(?:root$|user/|role/|assumed-role/)`).test(arn))
    throw invalidParameter("The principalArn must be an IAM user, a role or the root user of the account.");
  return arn;
}

function toName(given: string | undefined): Name {
  const name = NAMES.find((each) => each === given);
  if (name === undefined) throw invalidParameter(`Invalid setting name: ${given ?? ""}.`);
  return name;
}

/** Errors: InvalidParameterException. */
function toValue(name: Name, given: string): string {
  const { values } = ACCOUNT_SETTINGS[name];
  if (name.endsWith("LongArnFormat") && given === "disabled")
    throw invalidParameter(
      "You can no longer disable the long ARN format: all resources have ARNs and ids in the long format.",
    );
  if (name === "guardDutyActivate")
    throw invalidParameter(
      "The setting guardDutyActivate is managed by Amazon GuardDuty and cannot be changed.",
    );
  if (!values.includes(given))
    throw invalidParameter(`Invalid value for ${name}: ${given}. Use ${values.join(" or ")}.`);
  return given;
}
