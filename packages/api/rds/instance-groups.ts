import type { DatabaseInstanceRecord, Reader } from "@gantry/state";
import { ApiError } from "./api-error.ts";
import { familyOf, parameterGroupFamily } from "./engine-versions.ts";
import { findOptionGroup, findParameterGroup } from "./lookups.ts";
import { isDefaultGroup } from "./parameter-groups.ts";
import { parametersAtStart } from "./restarts.ts";

type Member = Pick<DatabaseInstanceRecord, "account" | "region" | "engine" | "engineVersion">;

/**
 * The group that an instance gets; its server runs with the parameters of the group before until it is
 * rebooted. Errors: DBParameterGroupNotFound, InvalidParameterCombination.
 */
export function newParameterGroup(
  reader: Reader,
  instance: Member,
  name: string | undefined,
): Pick<DatabaseInstanceRecord, "parameterGroupName"> {
  if (name === undefined) return {};
  const group = findParameterGroup(reader, instance, name);
  const family = parameterGroupFamily(instance.engine, instance.engineVersion);
  if (group.family !== family)
    throw new ApiError(
      "InvalidParameterCombination",
      `The Parameter Group ${group.name} with DBParameterGroupFamily ${group.family} can't be used for this ` +
        `instance. Please use a Parameter Group with DBParameterGroupFamily ${family}`,
    );
  return { parameterGroupName: isDefaultGroup(group.name) ? undefined : group.name };
}

/** The option group that an instance gets. Errors: OptionGroupNotFoundFault, InvalidParameterCombination. */
export function newOptionGroup(
  reader: Reader,
  instance: Member,
  name: string | undefined,
): Pick<DatabaseInstanceRecord, "optionGroupName"> {
  if (name === undefined) return {};
  const { name: found, engine, majorVersion } = findOptionGroup(reader, instance, name);
  if (engine !== instance.engine || majorVersion !== familyOf(instance.engine, instance.engineVersion))
    throw new ApiError(
      "InvalidParameterCombination",
      `The option group ${found} is of ${engine} ${majorVersion}, and the instance of ${instance.engine} ` +
        `${familyOf(instance.engine, instance.engineVersion)}.`,
    );
  return { optionGroupName: found.startsWith("default:") ? undefined : found };
}

/** The parameter group of a new instance, and what its server runs with. Errors: as newParameterGroup. */
export function firstParameters(
  reader: Reader,
  instance: Member,
  name: string | undefined,
): Pick<DatabaseInstanceRecord, "parameterGroupName" | "parameters"> {
  const { parameterGroupName: own } = newParameterGroup(reader, instance, name);
  if (own === undefined) return {};
  return {
    parameterGroupName: own,
    parameters: parametersAtStart(findParameterGroup(reader, instance, own)),
  };
}
