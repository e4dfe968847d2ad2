import type * as sdk from "@aws-sdk/client-ssm";
import { formatArn } from "@gantry/kernel";
import type { Reader } from "@gantry/state";
import type { Implementation, RequestContext } from "@gantry/wire";
import type { ApiDeps, Place } from "../common/api-deps.ts";
import { ApiError } from "./api-error.ts";
import { invalid } from "./lookups.ts";

const TIER = "/ssm/parameter-store/default-parameter-tier";

interface Setting {
  readonly byDefault: string;
  /** The values that it may have; undefined: any text. */
  readonly values?: readonly string[];
}

/** The settings by their ids. Source: API_GetServiceSetting, SettingId, and the pages that it refers to. */
const SETTINGS: Readonly<Record<string, Setting>> = {
  "/ssm/appmanager/appmanager-enabled": { byDefault: "True", values: ["True", "False"] },
  "/ssm/automation/customer-script-log-destination": { byDefault: "None", values: ["None", "CloudWatch"] },
  "/ssm/automation/customer-script-log-group-name": { byDefault: "None" },
  "/ssm/automation/enable-adaptive-concurrency": { byDefault: "False", values: ["True", "False"] },
  "/ssm/documents/console/public-sharing-permission": { byDefault: "Enable", values: ["Enable", "Disable"] },
  "/ssm/managed-instance/activation-tier": { byDefault: "standard", values: ["standard", "advanced"] },
  "/ssm/managed-instance/default-ec2-instance-management-role": { byDefault: "$None" },
  "/ssm/opsinsights/opscenter": { byDefault: "Disabled", values: ["Enabled", "Disabled"] },
  [TIER]: { byDefault: "Standard", values: ["Standard", "Advanced", "Intelligent-Tiering"] },
  "/ssm/parameter-store/high-throughput-enabled": { byDefault: "false", values: ["true", "false"] },
};

/**
 * Settings of an account in a region. The default tier of parameters acts; the others are kept and shown.
 * Source: API_GetServiceSetting and following.
 */
export function serviceSettingOperations({ store, clock }: ApiDeps) {
  return {
    GetServiceSetting: (input, context) => ({ ServiceSetting: present(store, context, input.SettingId) }),
    UpdateServiceSetting(input, context) {
      const { id, setting } = findSetting(context, input.SettingId);
      const value = input.SettingValue ?? "";
      if (setting.values?.includes(value) === false)
        throw invalid(
          `Invalid value ${value} for the setting ${id}. Valid values: ${setting.values.join(", ")}`,
        );
      const arn = settingArn(context, id);
      const { account, region, principal } = context;
      const change = { modifiedAt: clock.now(), modifiedBy: principal.arn };
      store.transact((tx) => tx.put("ssmServiceSetting", arn, { account, region, arn, value, ...change }));
      return {};
    },
    ResetServiceSetting(input, context) {
      const { id } = findSetting(context, input.SettingId);
      store.transact((tx) => tx.delete("ssmServiceSetting", settingArn(context, id)));
      return { ServiceSetting: present(store, context, id) };
    },
  } satisfies Implementation<typeof sdk>;
}

/** The tier of a parameter that names none. */
export function defaultTier(reader: Reader, place: Place): sdk.ParameterTier {
  const value = reader.get("ssmServiceSetting", settingArn(place, TIER))?.value;
  return value === "Advanced" || value === "Intelligent-Tiering" ? value : "Standard";
}

/** The ARN of a setting that a request names by its id or its ARN. */
export function settingArn(place: Place, given = ""): string {
  return given.startsWith("arn:") ? given : formatArn("ssm", place, `servicesetting${given}`);
}

/** A setting of the caller's account and region. Errors: ServiceSettingNotFound. */
function findSetting(place: Place, given = ""): { readonly id: string; readonly setting: Setting } {
  const prefix = settingArn(place);
  const id = given.startsWith(prefix) ? given.slice(prefix.length) : given;
  const setting = Object.hasOwn(SETTINGS, id) ? SETTINGS[id] : undefined;
  if (setting === undefined)
    throw new ApiError("ServiceSettingNotFound", `The service setting ${given} is not found.`);
  return { id, setting };
}

function present(reader: Reader, context: RequestContext, given: string | undefined): sdk.ServiceSetting {
  const { id, setting } = findSetting(context, given);
  const arn = settingArn(context, id);
  const record = reader.get("ssmServiceSetting", arn);
  return {
    SettingId: id,
    SettingValue: record?.value ?? setting.byDefault,
    LastModifiedDate: record === undefined ? undefined : new Date(record.modifiedAt),
    LastModifiedUser: record?.modifiedBy ?? "System",
    ARN: arn,
    Status: record === undefined ? "Default" : "Customized",
  };
}
