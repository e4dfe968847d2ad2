import type { LaunchTemplateRecord, LaunchTemplateVersionRecord, Reader } from "@gantry/state";
import type { Place } from "../common/api-deps.ts";
import { isIn, within } from "../common/place.ts";
import { ApiError } from "./api-error.ts";

/** How a request names a launch template. */
export interface TemplateName {
  readonly LaunchTemplateId?: string | undefined;
  readonly LaunchTemplateName?: string | undefined;
}

const NUMBER_DIGITS = 10;

export function versionKeyOf(templateId: string, number: number): string {
  return `${templateId}/${String(number).padStart(NUMBER_DIGITS, "0")}`;
}

/** All launch templates of the place. */
export function templatesOf(reader: Reader, place: Place): readonly LaunchTemplateRecord[] {
  return reader.list("launchTemplate").filter((each) => isIn(each, place));
}

/** The template with the id or the name; undefined where there is none. */
export function templateNamed(
  reader: Reader,
  place: Place,
  { LaunchTemplateId: id, LaunchTemplateName: name }: TemplateName,
): LaunchTemplateRecord | undefined {
  if (id !== undefined) return within(reader.get("launchTemplate", id), place);
  return templatesOf(reader, place).find((each) => each.name === name);
}

/**
 * Errors: MissingParameter, InvalidParameterCombination, InvalidLaunchTemplateId.NotFound,
 * InvalidLaunchTemplateId.Malformed, InvalidLaunchTemplateName.NotFoundException.
 */
export function findTemplate(reader: Reader, place: Place, named: TemplateName): LaunchTemplateRecord {
  const { LaunchTemplateId: id, LaunchTemplateName: name } = named;
  if (id === undefined && name === undefined)
    throw new ApiError(
      "MissingParameter",
      "The request must contain the parameter LaunchTemplateId or LaunchTemplateName",
    );
  if (id !== undefined && name !== undefined)
    throw new ApiError(
      "InvalidParameterCombination",
      "The parameter LaunchTemplateName cannot be used with the parameter LaunchTemplateId",
    );
  const found = templateNamed(reader, place, named);
  if (found === undefined) throw id === undefined ? missingTemplateName(name ?? "") : missingTemplateId(id);
  return found;
}

export function missingTemplateId(id: string): ApiError {
  return /^lt-[0-9a-f]{8,17}$/.test(id)
    ? new ApiError(
        "InvalidLaunchTemplateId.NotFound",
        `The specified launch template, with template ID ${id}, does not exist.`,
      )
    : new ApiError("InvalidLaunchTemplateId.Malformed", `The template ID '${id}' is not valid`);
}

export function missingTemplateName(name: string): ApiError {
  return new ApiError(
    "InvalidLaunchTemplateName.NotFoundException",
    `The specified launch template, with template name ${name}, does not exist.`,
  );
}

/**
 * The version that a request names by its number, by `$Latest` or by `$Default`; the default version where it
 * names none. Errors: InvalidLaunchTemplateId.VersionNotFound, InvalidParameterValue.
 */
export function findVersion(
  reader: Reader,
  template: LaunchTemplateRecord,
  named: string | undefined,
): LaunchTemplateVersionRecord {
  const found = versionNamed(reader, template, named);
  if (found !== undefined) return found;
  if (!/^\d{1,18}$/.test(named ?? "1"))
    throw new ApiError("InvalidParameterValue", `Invalid launch template version: ${String(named)}`);
  throw new ApiError(
    "InvalidLaunchTemplateId.VersionNotFound",
    `Could not find the specified version ${named ?? template.defaultVersion} for the launch template with ID ` +
      `${template.id}.`,
  );
}

/** As `findVersion`; undefined where there is no such version. */
export function versionNamed(
  reader: Reader,
  template: LaunchTemplateRecord,
  named: string | undefined = "$Default",
): LaunchTemplateVersionRecord | undefined {
  if (named === "$Latest") return versionsOf(reader, template).at(-1);
  const number = named === "$Default" || named === "" ? template.defaultVersion : Number(named);
  return Number.isSafeInteger(number)
    ? reader.get("launchTemplateVersion", versionKeyOf(template.id, number))
    : undefined;
}

/** The versions of a template, the oldest first. */
export function versionsOf(
  reader: Reader,
  template: LaunchTemplateRecord,
): readonly LaunchTemplateVersionRecord[] {
  return reader
    .listBy("launchTemplateVersion", "template", template.id)
    .toSorted((a, b) => a.number - b.number);
}
