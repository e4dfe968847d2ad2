import { ApiError } from "./api-error.ts";

/** The identifier of an instance, in lower case. Errors: InvalidParameterValue. */
export function toIdentifier(given = ""): string {
  const identifier = given.toLowerCase();
  if (!/^[a-z](?:[a-z0-9]|-(?!-)){0,62}$/.test(identifier) || identifier.endsWith("-"))
    throw new ApiError(
      "InvalidParameterValue",
      "The parameter DBInstanceIdentifier is not a valid identifier. Identifiers must begin with a " +
        "letter; must contain only ASCII letters, digits, and hyphens; and must not end with a hyphen or " +
        "contain two consecutive hyphens.",
    );
  return identifier;
}

/** Users that are RDS's own. Replicas log in at their source with the second one. */
const PLATFORM_USERS = ["rdsadmin", "rdsrepladmin"];

/** The name of a master user. Errors: InvalidParameterValue. */
export function checkUsername(username = ""): string {
  if (PLATFORM_USERS.includes(username.toLowerCase()))
    throw new ApiError(
      "InvalidParameterValue",
      `MasterUsername ${username} cannot be used as it is a reserved word used by the engine`,
    );
  if (/^[A-Za-z][A-Za-z0-9_]{0,15}$/.test(username)) return username;
  throw new ApiError(
    "InvalidParameterValue",
    "The parameter MasterUsername is not a valid identifier: it must have 1 to 16 letters, digits or " +
      "underscores and begin with a letter.",
  );
}

/** The password of a master user. Errors: InvalidParameterValue. Source: API_CreateDBInstance, MasterUserPassword. */
export function checkPassword(engine: string, password = ""): string {
  const longest = engine === "postgres" ? 128 : 41;
  const isPrintable = /^[\x21-\x7e]{8,}$/.test(password) && !/[/"@']/.test(password);
  if (isPrintable && password.length <= longest) return password;
  throw new ApiError(
    "InvalidParameterValue",
    "The parameter MasterUserPassword is not a valid password. Only printable ASCII characters besides " +
      "'/', '@', '\"', ''', ' ' may be used, 8 to " +
      `${longest} of them.`,
  );
}

/** The name of a group, in lower case. Errors: InvalidParameterValue. */
export function toGroupName(member: string, given = ""): string {
  const name = given.toLowerCase();
  if (/^[a-z](?:[a-z0-9.]|-(?!-)){0,254}$/.test(name) && !name.endsWith("-") && !name.startsWith("default."))
    return name;
  throw new ApiError(
    "InvalidParameterValue",
    `The parameter ${member} is not a valid identifier. Identifiers must begin with a letter; must contain ` +
      "only ASCII letters, digits, and hyphens; and must not end with a hyphen or contain two consecutive hyphens.",
  );
}
