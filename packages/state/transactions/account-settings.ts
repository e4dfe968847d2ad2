import type { AccountSettingName, Placed } from "../records.ts";
import type { Reader } from "../store.ts";

const SWITCH = { value: "disabled", values: ["enabled", "disabled"] };
const LONG = { value: "enabled", values: ["enabled", "disabled"] };

/**
 * The account settings of ECS: what each begins with, and the values that it takes.
 * Source: API_Setting; Amazon ECS Developer Guide, "Access Amazon ECS features with account settings".
 */
export const ACCOUNT_SETTINGS: Readonly<
  Record<AccountSettingName, { readonly value: string; readonly values: readonly string[] }>
> = {
  awsvpcTrunking: SWITCH,
  containerInsights: { value: "disabled", values: ["enabled", "disabled", "enhanced"] },
  containerInstanceLongArnFormat: LONG,
  defaultLogDriverMode: { value: "non-blocking", values: ["blocking", "non-blocking"] },
  fargateFIPSMode: SWITCH,
  /** Days. */
  fargateTaskRetirementWaitPeriod: { value: "7", values: ["0", "7", "14"] },
  guardDutyActivate: { value: "off", values: ["on", "off"] },
  serviceLongArnFormat: LONG,
  tagResourceAuthorization: { value: "on", values: ["on", "off"] },
  taskLongArnFormat: LONG,
};

/** The key of a setting of a principal; the account's own settings are those of its root. */
export function accountSettingKey({ account, region }: Placed, principalArn: string, name: string): string {
  return `${account}/${region}/${name}/${principalArn}`;
}

/** A setting as it holds for the whole account. */
export function accountSettingOf(
  reader: Pick<Reader, "get">,
  place: Placed,
  name: AccountSettingName,
): string {
  const key = accountSettingKey(place, `arn:aws:iam::${place.account}:root`, name);
  return reader.get("accountSetting", key)?.value ?? ACCOUNT_SETTINGS[name].value;
}
