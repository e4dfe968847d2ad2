import type * as sdk from "@aws-sdk/client-codedeploy";
import type { CodeDeployConfigRecord, CodeDeployRouting } from "@gantry/state";
import type { Implementation, RequestContext } from "@gantry/wire";
import type { ApiDeps, Place } from "../common/api-deps.ts";
import { page } from "../common/paging.ts";
import { ApiError } from "./api-error.ts";
import { configArnOf, findConfig, invalidToken } from "./lookups.ts";
import { PREDEFINED_CONFIGS } from "./predefined-configs.ts";
import { checkConfigQuota } from "./quotas.ts";

const PAGE = 100;
/** Two days. Source: CodeDeploy User Guide, "CodeDeploy quotas". */
const MINUTES_MAX = 2_880;
const PREDEFINED = "CodeDeployDefault.";

/** Deployment configurations. Source: API_CreateDeploymentConfig and following. */
export function deploymentConfigOperations(deps: ApiDeps) {
  return {
    CreateDeploymentConfig: (input, context) => createDeploymentConfig(deps, input, context),
    GetDeploymentConfig: (input, context) => ({
      deploymentConfigInfo: presentConfig(findConfig(deps.store, context, input.deploymentConfigName)),
    }),
    ListDeploymentConfigs: (input, context) => listDeploymentConfigs(deps, input, context),
    DeleteDeploymentConfig: (input, context) => deleteDeploymentConfig(deps, input, context),
  } satisfies Implementation<typeof sdk>;
}

/**
 * Errors: DeploymentConfigNameRequiredException, InvalidDeploymentConfigNameException,
 * DeploymentConfigAlreadyExistsException, InvalidComputePlatformException,
 * InvalidTrafficRoutingConfigurationException, DeploymentConfigLimitExceededException.
 */
function createDeploymentConfig(
  { store, ids, clock }: ApiDeps,
  input: sdk.CreateDeploymentConfigInput,
  place: RequestContext,
): sdk.CreateDeploymentConfigOutput {
  const { deploymentConfigName: name } = input;
  if (name === undefined || name === "")
    throw new ApiError("DeploymentConfigNameRequiredException", "Deployment Config name is required");
  if (!/^[A-Za-z0-9+=,.@_-]{1,100}$/.test(name) || name.startsWith(PREDEFINED))
    throw new ApiError("InvalidDeploymentConfigNameException", `Invalid Deployment Config name: ${name}`);
  if (input.computePlatform !== "ECS")
    throw new ApiError(
      "InvalidComputePlatformException",
      "Gantry has deployment configurations of the compute platform ECS alone.",
    );
  const routing = toRouting(input.trafficRoutingConfig);
  const record = store.transact((tx) => {
    const arn = configArnOf(place, name);
    if (tx.get("codeDeployConfig", arn) !== undefined)
      throw new ApiError(
        "DeploymentConfigAlreadyExistsException",
        `Deployment Configuration already exists with name: ${name}`,
      );
    checkConfigQuota(tx, place);
    const created: CodeDeployConfigRecord = {
      account: place.account,
      region: place.region,
      arn,
      id: ids.uuid(),
      name,
      routing,
      createdAt: clock.now(),
    };
    tx.put("codeDeployConfig", arn, created);
    return created;
  });
  return { deploymentConfigId: record.id };
}

/** Source: API_TrafficRoutingConfig. */
function toRouting(given: sdk.TrafficRoutingConfig | undefined): CodeDeployRouting {
  const type = given?.type ?? "AllAtOnce";
  if (type === "AllAtOnce") return { type };
  const [percent, minutes] =
    type === "TimeBasedCanary"
      ? [given?.timeBasedCanary?.canaryPercentage, given?.timeBasedCanary?.canaryInterval]
      : [given?.timeBasedLinear?.linearPercentage, given?.timeBasedLinear?.linearInterval];
  if (percent === undefined || minutes === undefined || percent < 1 || percent > 99)
    throw invalidRouting(`${type} requires a percentage from 1 to 99 and an interval.`);
  if (minutes < 1 || minutes > MINUTES_MAX)
    throw invalidRouting(`the interval of ${type} must be from 1 to ${MINUTES_MAX} minutes.`);
  return { type, percent, minutes };
}

function invalidRouting(message: string): ApiError {
  return new ApiError(
    "InvalidTrafficRoutingConfigurationException",
    `The configuration that specifies how traffic is routed during a deployment is invalid: ${message}`,
  );
}

function listDeploymentConfigs(
  { store }: ApiDeps,
  input: sdk.ListDeploymentConfigsInput,
  place: Place,
): sdk.ListDeploymentConfigsOutput {
  const own = store.list("codeDeployConfig", configArnOf(place, ""));
  const names = [...PREDEFINED_CONFIGS, ...own].map(({ name }) => name).toSorted();
  const { items, nextToken } = page(names, (name) => name, {
    token: input.nextToken,
    size: PAGE,
    invalidToken,
  });
  return { deploymentConfigsList: [...items], nextToken };
}

/** Errors: DeploymentConfigNameRequiredException, InvalidOperationException, DeploymentConfigInUseException. */
function deleteDeploymentConfig(
  { store }: ApiDeps,
  input: sdk.DeleteDeploymentConfigInput,
  place: Place,
): object {
  const { deploymentConfigName: name } = input;
  if (name === undefined || name === "")
    throw new ApiError("DeploymentConfigNameRequiredException", "Deployment Config name is required");
  if (name.startsWith(PREDEFINED))
    throw new ApiError(
      "InvalidOperationException",
      `An invalid operation was detected: the predefined configuration ${name} cannot be deleted.`,
    );
  store.transact((tx) => {
    const arn = configArnOf(place, name);
    if (tx.get("codeDeployConfig", arn) === undefined) return;
    const users = tx
      .list("codeDeployGroup")
      .filter(
        (group) =>
          group.account === place.account && group.region === place.region && group.configName === name,
      );
    if (users.length > 0)
      throw new ApiError("DeploymentConfigInUseException", "The deployment configuration is still in use.");
    tx.delete("codeDeployConfig", arn);
  });
  return {};
}

function presentConfig({
  id,
  name,
  routing,
  createdAt,
}: ReturnType<typeof findConfig>): sdk.DeploymentConfigInfo {
  return {
    deploymentConfigId: id,
    deploymentConfigName: name,
    computePlatform: "ECS",
    createTime: new Date(createdAt),
    trafficRoutingConfig: presentRouting(routing),
  };
}

function presentRouting(routing: CodeDeployRouting): sdk.TrafficRoutingConfig {
  switch (routing.type) {
    case "AllAtOnce":
      return { type: "AllAtOnce" };
    case "TimeBasedCanary":
      return {
        type: "TimeBasedCanary",
        timeBasedCanary: { canaryPercentage: routing.percent, canaryInterval: routing.minutes },
      };
    case "TimeBasedLinear":
      return {
        type: "TimeBasedLinear",
        timeBasedLinear: { linearPercentage: routing.percent, linearInterval: routing.minutes },
      };
  }
}
