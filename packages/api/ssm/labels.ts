import type * as sdk from "@aws-sdk/client-ssm";
import type { ParameterVersionRecord, Transaction } from "@gantry/state";
import type { Implementation, RequestContext } from "@gantry/wire";
import type { ApiDeps } from "../common/api-deps.ts";
import { ApiError } from "./api-error.ts";
import { findParameter, findVersion, versionsOf } from "./lookups.ts";

/** Source: API_LabelParameterVersion. */
const LABELS_MAX = 10;
const LABEL = /^[a-zA-Z_][a-zA-Z0-9_.-]{0,99}$/;

/** Labels of versions. A label is on one version of a parameter at a time. Source: API_LabelParameterVersion. */
export function labelOperations(deps: ApiDeps) {
  return {
    LabelParameterVersion: (input, context) => labelParameterVersion(deps, input, context),
    UnlabelParameterVersion: (input, context) => unlabelParameterVersion(deps, input, context),
  } satisfies Implementation<typeof sdk>;
}

function labelParameterVersion(
  { store }: ApiDeps,
  input: sdk.LabelParameterVersionRequest,
  context: RequestContext,
): sdk.LabelParameterVersionResult {
  const asked = input.Labels ?? [];
  const isValid = (label: string): boolean => LABEL.test(label) && !/^(?:aws|ssm)/i.test(label);
  const labels = asked.filter(isValid);
  return store.transact((tx) => {
    const parameter = findParameter(tx, context, input.Name);
    const number = input.ParameterVersion ?? parameter.version;
    const { version } = findVersion(tx, context, `${parameter.name}:${number}`);
    const next = [...new Set([...version.labels, ...labels])];
    if (next.length > LABELS_MAX)
      throw new ApiError(
        "ParameterVersionLabelLimitExceeded",
        `A parameter version can have a maximum of ${LABELS_MAX} labels.`,
      );
    for (const other of versionsOf(tx, parameter))
      if (other.version !== number && other.labels.some((label) => labels.includes(label)))
        putLabels(
          tx,
          other,
          other.labels.filter((label) => !labels.includes(label)),
        );
    putLabels(tx, version, next);
    return { InvalidLabels: asked.filter((label) => !isValid(label)), ParameterVersion: number };
  });
}

function unlabelParameterVersion(
  { store }: ApiDeps,
  input: sdk.UnlabelParameterVersionRequest,
  context: RequestContext,
): sdk.UnlabelParameterVersionResult {
  const asked = input.Labels ?? [];
  return store.transact((tx) => {
    const parameter = findParameter(tx, context, input.Name);
    const { version } = findVersion(tx, context, `${parameter.name}:${input.ParameterVersion}`);
    putLabels(
      tx,
      version,
      version.labels.filter((label) => !asked.includes(label)),
    );
    return {
      RemovedLabels: asked.filter((label) => version.labels.includes(label)),
      InvalidLabels: asked.filter((label) => !version.labels.includes(label)),
    };
  });
}

function putLabels(tx: Transaction, version: ParameterVersionRecord, labels: readonly string[]): void {
  tx.put("parameterVersion", `${version.parameterArn}:${version.version}`, { ...version, labels });
}
