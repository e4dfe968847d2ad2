import type { Constraints } from "@gantry/wire";

const NAME = { shortest: 1, longest: 64, pattern: "[\\.\\-_A-Za-z0-9]+" };
const BUS_NAME = { shortest: 1, longest: 256, pattern: "[/\\.\\-_A-Za-z0-9]+" };
const BUS = { shortest: 1, longest: 1_600 };
/** Without AWS's repeated groups, which take exponential time on some texts. */
const VISIBLE = { shortest: 1, longest: 512, pattern: "[^\\x00-\\x1F\\x7F]+" };
const HEADER = { longest: 512, pattern: "[!#$%&'*+\\-.^_`|~0-9a-zA-Z]+" };
const HEADER_VALUE = { longest: 512, pattern: "[ \\t\\x20-\\x7E]+" };
const QUERY = { longest: 512, pattern: "[^\\x00-\\x1F\\x7F]+" };
const QUERY_VALUE = { longest: 512, pattern: "[^\\x00-\\x08\\x0A-\\x1F\\x7F]+" };
const ENDPOINT = {
  shortest: 1,
  longest: 2_048,
  pattern: "(?:%[0-9A-Fa-f]{2}|[-()_.!~*';/?:@&=+$,A-Za-z0-9])+",
};

/** Limits of the parameters that a connection adds to requests. */
function parametersOf(path: string): Constraints {
  return {
    [`${path}/HeaderParameters`]: { longest: 100 },
    [`${path}/HeaderParameters/Key`]: HEADER,
    [`${path}/HeaderParameters/Value`]: HEADER_VALUE,
    [`${path}/QueryStringParameters`]: { longest: 100 },
    [`${path}/QueryStringParameters/Key`]: QUERY,
    [`${path}/QueryStringParameters/Value`]: QUERY_VALUE,
    [`${path}/BodyParameters`]: { longest: 100 },
  };
}

const LIMIT = { least: 1, most: 100 };

/** Source: the service's model, Amazon EventBridge API Reference. */
export const CONSTRAINTS: Constraints = {
  EventBusName: BUS,
  Action: { shortest: 1, longest: 64, pattern: "events:[a-zA-Z]+" },
  Principal: { shortest: 1, longest: 12, pattern: "(\\d{12}|\\*)" },
  StatementId: { shortest: 1, longest: 64, pattern: "[a-zA-Z0-9_\\-]+" },
  Name: NAME,
  NamePrefix: NAME,
  Rule: NAME,
  "CreateEventBus.Name": BUS_NAME,
  "UpdateEventBus.Name": BUS_NAME,
  "DeleteEventBus.Name": BUS_NAME,
  "DescribeEventBus.Name": BUS,
  "ListEventBuses.NamePrefix": BUS_NAME,
  ArchiveName: { shortest: 1, longest: 48, pattern: "[\\.\\-_A-Za-z0-9]+" },
  "ListArchives.NamePrefix": { shortest: 1, longest: 48 },
  RetentionDays: { least: 0 },
  EventSourceArn: { shortest: 1, longest: 1_600 },
  ReplayName: NAME,
  "Destination/Arn": { shortest: 1, longest: 1_600 },
  "ListReplays.State": {
    oneOf: ["STARTING", "RUNNING", "CANCELLING", "COMPLETED", "CANCELLED", "FAILED"],
  },
  "ListArchives.State": {
    oneOf: ["ENABLED", "DISABLED", "CREATING", "UPDATING", "CREATE_FAILED", "UPDATE_FAILED"],
  },
  ConnectionArn: { shortest: 1, longest: 1_600 },
  ConnectionState: {
    oneOf: [
      ...["CREATING", "UPDATING", "DELETING", "AUTHORIZED", "DEAUTHORIZED", "AUTHORIZING", "DEAUTHORIZING"],
      ...["ACTIVE", "FAILED_CONNECTIVITY"],
    ],
  },
  AuthorizationType: { oneOf: ["BASIC", "OAUTH_CLIENT_CREDENTIALS", "API_KEY"] },
  "AuthParameters/BasicAuthParameters/Username": VISIBLE,
  "AuthParameters/BasicAuthParameters/Password": VISIBLE,
  "AuthParameters/ApiKeyAuthParameters/ApiKeyName": HEADER,
  "AuthParameters/ApiKeyAuthParameters/ApiKeyValue": VISIBLE,
  "AuthParameters/OAuthParameters/ClientParameters/ClientID": VISIBLE,
  "AuthParameters/OAuthParameters/ClientParameters/ClientSecret": VISIBLE,
  "AuthParameters/OAuthParameters/AuthorizationEndpoint": ENDPOINT,
  "AuthParameters/OAuthParameters/HttpMethod": { oneOf: ["GET", "POST", "PUT"] },
  ...parametersOf("AuthParameters/OAuthParameters/OAuthHttpParameters"),
  ...parametersOf("AuthParameters/InvocationHttpParameters"),
  KmsKeyIdentifier: { longest: 2_048 },
  InvocationEndpoint: ENDPOINT,
  HttpMethod: { oneOf: ["POST", "GET", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE"] },
  InvocationRateLimitPerSecond: { least: 1 },
  ScheduleExpression: { longest: 256 },
  EventPattern: { longest: 4_096 },
  State: { oneOf: ["ENABLED", "DISABLED", "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"] },
  Description: { longest: 512 },
  RoleArn: { shortest: 1, longest: 1_600 },
  Targets: { shortest: 1, longest: 100 },
  "Targets/Id": NAME,
  "Targets/Arn": { shortest: 1, longest: 1_600 },
  "Targets/Input": { longest: 8_192 },
  "Targets/InputPath": { longest: 256 },
  "Targets/InputTransformer/InputTemplate": { shortest: 1, longest: 8_192 },
  "Targets/HttpParameters/PathParameterValues": { each: { pattern: "(?!\\s*$).+" } },
  "Targets/EcsParameters/TaskCount": { least: 1 },
  "Targets/RetryPolicy/MaximumRetryAttempts": { least: 0, most: 185 },
  "Targets/RetryPolicy/MaximumEventAgeInSeconds": { least: 60, most: 86_400 },
  Entries: { shortest: 1, longest: 10 },
  Ids: { shortest: 1, longest: 100 },
  Limit: LIMIT,
  ResourceARN: { shortest: 1, longest: 1_600 },
};
