import { formatArn, isObject, type Vault } from "@gantry/kernel";
import type {
  ApiDestinationRecord,
  ConnectionParameters,
  EventConnectionRecord,
  Placed,
} from "../records.ts";
import type { Reader } from "../store.ts";
import { openProtected, secretUse } from "./protected-values.ts";
import { secretVersionOf } from "./secret-values.ts";

/** What a connection's secret contains: the authorization's secret, and every value that it adds to requests. */
export interface ConnectionSecret {
  /** The password, the API key's value, or the client's secret. */
  readonly secret: string;
  readonly values: { readonly [Part in keyof ConnectionParameters]: Readonly<Record<string, string>> };
  /** The same of requests to the authorization endpoint. */
  readonly tokenValues: ConnectionSecret["values"];
}

export function connectionArnOf(place: Placed, path: string): string {
  return formatArn("events", place, `connection/${path}`);
}

export function apiDestinationArnOf(place: Placed, path: string): string {
  return formatArn("events", place, `api-destination/${path}`);
}

/** The connection of a name: its ARN ends with characters of its own. */
export function connectionNamed(
  reader: Reader,
  place: Placed,
  name: string,
): EventConnectionRecord | undefined {
  return name === "" ? undefined : reader.list("eventConnection", connectionArnOf(place, `${name}/`))[0];
}

/** The API destination of a name. */
export function apiDestinationNamed(
  reader: Reader,
  place: Placed,
  name: string,
): ApiDestinationRecord | undefined {
  return name === "" ? undefined : reader.list("apiDestination", apiDestinationArnOf(place, `${name}/`))[0];
}

export function isApiDestinationArn(arn: string): boolean {
  return arn.startsWith("arn:aws:events:") && arn.split(":")[5]?.startsWith("api-destination/") === true;
}

/** The secrets of a connection; undefined where its secret is not there. Errors: KeyUnusableError, CiphertextError. */
export function openConnection(
  reader: Reader,
  vault: Vault,
  { secretArn }: EventConnectionRecord,
): ConnectionSecret | undefined {
  const secret = reader.get("secret", secretArn);
  if (secret === undefined || secret.removeAt !== undefined) return undefined;
  const version = secretVersionOf(reader, secret, {});
  if (version === undefined) return undefined;
  return parseSecret(openProtected(reader, vault, version, secretUse(secret.arn, version.versionId)));
}

/**
 * The text of a connection's secret: as far as known, that of AWS. Who may read the secret in Secrets Manager sees it.
 */
export function renderSecret(
  { authorization }: Pick<EventConnectionRecord, "authorization">,
  secret: ConnectionSecret,
): string {
  const invocation = { invocation_http_parameters: listed(secret.values) };
  switch (authorization.type) {
    case "BASIC":
      return JSON.stringify({ username: authorization.username, password: secret.secret, ...invocation });
    case "API_KEY":
      return JSON.stringify({
        ...{ api_key_name: authorization.name, api_key_value: secret.secret },
        ...invocation,
      });
    case "OAUTH_CLIENT_CREDENTIALS":
      return JSON.stringify({
        client_id: authorization.clientId,
        client_secret: secret.secret,
        authorization_endpoint: authorization.endpoint,
        http_method: authorization.method,
        oauth_http_parameters: listed(secret.tokenValues),
        ...invocation,
      });
  }
}

const NAMES = [
  ["headers", "header_parameters"],
  ["query", "query_string_parameters"],
  ["body", "body_parameters"],
] as const;

function listed(values: ConnectionSecret["values"]): object {
  return Object.fromEntries(
    NAMES.map(([part, name]) => [name, Object.entries(values[part]).map(([key, value]) => ({ key, value }))]),
  );
}

/** What a caller with access to Secrets Manager made of it counts as missing where it has another form. */
function parseSecret(text: string): ConnectionSecret | undefined {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isObject(json)) return undefined;
  const secret = json["password"] ?? json["api_key_value"] ?? json["client_secret"];
  if (typeof secret !== "string") return undefined;
  return {
    secret,
    values: valuesIn(json["invocation_http_parameters"]),
    tokenValues: valuesIn(json["oauth_http_parameters"]),
  };
}

function valuesIn(given: unknown): ConnectionSecret["values"] {
  const parts = NAMES.map(([part, name]) => {
    const list = isObject(given) ? given[name] : undefined;
    const pairs = (Array.isArray(list) ? (list as unknown[]) : []).flatMap((each) =>
      isObject(each) && typeof each["key"] === "string" && typeof each["value"] === "string"
        ? [[each["key"], each["value"]] as const]
        : [],
    );
    return [part, Object.fromEntries(pairs)] as const;
  });
  return Object.fromEntries(parts) as ConnectionSecret["values"]; // Of the three parts.
}
