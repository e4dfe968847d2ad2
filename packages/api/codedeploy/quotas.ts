import type { CodeDeployApplicationRecord, Reader } from "@gantry/state";
import type { Place } from "../common/api-deps.ts";
import { ApiError } from "./api-error.ts";
import { applicationArnOf, configArnOf } from "./lookups.ts";

/** The default quotas of an account in a region. Source: CodeDeploy User Guide, "CodeDeploy quotas". */
const QUOTAS = { applications: 1_000, groupsOfApplication: 1_000, configurations: 50 } as const;

/** Errors: ApplicationLimitExceededException. */
export function checkApplicationQuota(reader: Reader, place: Place): void {
  if (reader.list("codeDeployApplication", applicationArnOf(place, "")).length >= QUOTAS.applications)
    throw new ApiError(
      "ApplicationLimitExceededException",
      "More applications were attempted to be created than are allowed.",
    );
}

/** Errors: DeploymentGroupLimitExceededException. */
export function checkGroupQuota(reader: Reader, { arn }: CodeDeployApplicationRecord): void {
  if (reader.listBy("codeDeployGroup", "application", arn).length >= QUOTAS.groupsOfApplication)
    throw new ApiError("DeploymentGroupLimitExceededException", "The deployment groups limit was exceeded.");
}

/** Configurations of CodeDeploy's own do not count. Errors: DeploymentConfigLimitExceededException. */
export function checkConfigQuota(reader: Reader, place: Place): void {
  if (reader.list("codeDeployConfig", configArnOf(place, "")).length >= QUOTAS.configurations)
    throw new ApiError(
      "DeploymentConfigLimitExceededException",
      "The deployment configurations limit was exceeded.",
    );
}
