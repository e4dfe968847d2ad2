import type * as elb from "@aws-sdk/client-elastic-load-balancing-v2";
import type { ActionRecord, Reader, RuleConditionRecord } from "@gantry/state";
import { ApiError } from "@gantry/wire";

/** Seven days. */
const STICKY_SECONDS_MAX = 604_800;
const WEIGHT_MAX = 999;
/** Source: API_FixedResponseActionConfig. */
const CONTENT_TYPES: readonly string[] = [
  "text/plain",
  "text/css",
  "text/html",
  "application/javascript",
  "application/json",
];

/** Actions as they are kept. Errors: ValidationError, TargetGroupNotFound, InvalidConfigurationRequest. */
export function toActions(reader: Reader, given: readonly elb.Action[] | undefined): readonly ActionRecord[] {
  const actions = (given ?? [])
    .toSorted((a, b) => (a.Order ?? 0) - (b.Order ?? 0))
    .map((action) => toAction(reader, action));
  if (actions.length === 0) throw validation("An action must be specified");
  if (actions.length > 1)
    throw validation(
      "Gantry supports one action per rule: authenticate-cognito, authenticate-oidc and jwt-validation are not there yet.",
    );
  return actions;
}

function toAction(reader: Reader, action: elb.Action): ActionRecord {
  switch (action.Type) {
    case "forward": {
      const tuples = action.ForwardConfig?.TargetGroups ?? [
        { TargetGroupArn: action.TargetGroupArn, Weight: 1 },
      ];
      const targets = tuples.map((tuple) => ({
        targetGroupArn: tuple.TargetGroupArn ?? "",
        weight: tuple.Weight ?? 1,
      }));
      for (const { targetGroupArn, weight } of targets) {
        if (reader.get("targetGroup", targetGroupArn) === undefined)
          throw new ApiError("TargetGroupNotFound", "One or more target groups not found");
        if (weight < 0 || weight > WEIGHT_MAX)
          throw validation(`The weight '${weight}' must be between 0 and ${WEIGHT_MAX}`);
      }
      const sticky = action.ForwardConfig?.TargetGroupStickinessConfig;
      const seconds = sticky?.DurationSeconds;
      if (sticky?.Enabled === true && (seconds === undefined || seconds < 1 || seconds > STICKY_SECONDS_MAX))
        throw validation(
          `The target group stickiness duration must be between 1 and ${STICKY_SECONDS_MAX} seconds`,
        );
      return { type: "forward", targets, stickySeconds: sticky?.Enabled === true ? seconds : undefined };
    }
    case "redirect": {
      const {
        Protocol = "#{protocol}",
        Host = "#{host}",
        Port = "#{port}",
        Path = "/#{path}",
        Query = "#{query}",
        StatusCode,
      } = action.RedirectConfig ?? {};
      if (StatusCode !== "HTTP_301" && StatusCode !== "HTTP_302")
        throw validation("A redirect action needs the status code HTTP_301 or HTTP_302");
      if (!/^(HTTPS?|#\{protocol\})$/.test(Protocol))
        throw validation(`Protocol '${Protocol}' must be one of '[HTTP, HTTPS, #{protocol}]'`);
      if (!/^([1-9]\d{0,4}|#\{port\})$/.test(Port))
        throw validation(`Port '${Port}' must be from 1 to 65535, or #{port}`);
      for (const part of [Host, Path, Query].filter((text) => text !== ""))
        if (!TEXT_VALUE.test(part))
          throw validation(`Redirect value '${part}' contains a character that is not valid`);
      return {
        type: "redirect",
        statusCode: StatusCode,
        protocol: Protocol,
        host: Host,
        port: Port,
        path: Path,
        query: Query,
      };
    }
    case "fixed-response": {
      const {
        StatusCode = "",
        ContentType = "text/plain",
        MessageBody = "",
      } = action.FixedResponseConfig ?? {};
      if (!/^[245]\d\d$/.test(StatusCode))
        throw validation(
          `The status code '${StatusCode}' of a fixed-response action must be 2XX, 4XX or 5XX`,
        );
      if (!CONTENT_TYPES.includes(ContentType))
        throw validation(`Content type '${ContentType}' must be one of '[${CONTENT_TYPES.join(", ")}]'`);
      if (MessageBody.length > 1024)
        throw validation("The message body of a fixed-response action may have 1024 characters at most");
      return { type: "fixed-response", statusCode: StatusCode, contentType: ContentType, body: MessageBody };
    }
    default:
      throw validation(
        `Gantry supports the actions forward, redirect and fixed-response, not ${action.Type}.`,
      );
  }
}

export function presentActions(actions: readonly ActionRecord[]): elb.Action[] {
  return actions.map((action, index) => {
    switch (action.type) {
      case "forward":
        return {
          Type: "forward",
          Order: index + 1,
          ...(action.targets.length === 1 ? { TargetGroupArn: action.targets[0]?.targetGroupArn } : {}),
          ForwardConfig: {
            TargetGroups: action.targets.map((target) => ({
              TargetGroupArn: target.targetGroupArn,
              Weight: target.weight,
            })),
            TargetGroupStickinessConfig:
              action.stickySeconds === undefined
                ? { Enabled: false }
                : { Enabled: true, DurationSeconds: action.stickySeconds },
          },
        };
      case "redirect":
        return {
          Type: "redirect",
          Order: index + 1,
          RedirectConfig: {
            Protocol: action.protocol,
            Host: action.host,
            Port: action.port,
            Path: action.path,
            Query: action.query,
            StatusCode: action.statusCode,
          },
        };
      case "fixed-response":
        return {
          Type: "fixed-response",
          Order: index + 1,
          FixedResponseConfig: {
            StatusCode: action.statusCode,
            ContentType: action.contentType,
            MessageBody: action.body,
          },
        };
    }
  });
}

const VALUES_MAX = 5;
/** Source: API_RuleCondition, API_HostHeaderConditionConfig and its siblings, API_PathPatternConditionConfig. */
const HOST_VALUE = /^[A-Za-z0-9.*?_-]{1,128}$/;
const PATH_VALUE = /^[A-Za-z0-9_\-.$/~"'@:+&*?%,;=()!#]{1,128}$/;
const METHOD_VALUE = /^[A-Z_-]{1,40}$/;
const CIDR_VALUE = /^(?:\d{1,3}\.){3}\d{1,3}\/\d{1,2}$|^[0-9A-Fa-f:.]{2,45}\/\d{1,3}$/;
const TEXT_VALUE = /^[\u0020-\u007e]{1,128}$/;

function checkValue(value: string, allowed: RegExp): void {
  if (!allowed.test(value))
    throw validation(`Condition value '${value}' contains a character that is not valid`);
}

/** Conditions as they are kept. Source: API_RuleCondition. */
export function toConditions(
  given: readonly elb.RuleCondition[] | undefined,
): readonly RuleConditionRecord[] {
  const conditions = (given ?? []).map(toCondition);
  if (conditions.length === 0) throw validation("A condition must be specified");
  const count = conditions.reduce(
    (sum, condition) =>
      sum + (condition.field === "query-string" ? condition.pairs.length : condition.values.length),
    0,
  );
  if (count > VALUES_MAX)
    throw new ApiError(
      "TooManyUniqueTargetGroupsPerLoadBalancer",
      `A rule can have ${VALUES_MAX} condition values at most`,
    );
  return conditions;
}

function toCondition(condition: elb.RuleCondition): RuleConditionRecord {
  if ((condition.RegexValues ?? []).length > 0)
    throw validation("Gantry does not support RegexValues yet: use Values.");
  const values = (own: readonly string[] | undefined, allowed: RegExp) => {
    const all = own ?? condition.Values ?? [];
    if (all.length === 0) throw validation("A condition value must be specified");
    for (const value of all) checkValue(value, allowed);
    return all;
  };
  switch (condition.Field) {
    case "host-header":
      return { field: "host-header", values: values(condition.HostHeaderConfig?.Values, HOST_VALUE) };
    case "path-pattern":
      return { field: "path-pattern", values: values(condition.PathPatternConfig?.Values, PATH_VALUE) };
    case "http-request-method":
      return {
        field: "http-request-method",
        values: values(condition.HttpRequestMethodConfig?.Values, METHOD_VALUE),
      };
    case "source-ip":
      return { field: "source-ip", values: values(condition.SourceIpConfig?.Values, CIDR_VALUE) };
    case "http-header": {
      const header = condition.HttpHeaderConfig?.HttpHeaderName ?? "";
      if (!/^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,40}$/.test(header))
        throw validation(`'${header}' is not a valid header name`);
      return { field: "http-header", header, values: values(condition.HttpHeaderConfig?.Values, TEXT_VALUE) };
    }
    case "query-string":
      return {
        field: "query-string",
        pairs: (condition.QueryStringConfig?.Values ?? []).map(({ Key: key, Value: value = "" }) => {
          for (const text of key === undefined ? [value] : [key, value]) checkValue(text, TEXT_VALUE);
          return { key, value };
        }),
      };
    default:
      throw validation(
        `Condition field '${condition.Field}' must be one of '[path-pattern, host-header, http-header, http-request-method, query-string, source-ip]'`,
      );
  }
}

export function presentConditions(conditions: readonly RuleConditionRecord[]): elb.RuleCondition[] {
  return conditions.map((condition) => {
    switch (condition.field) {
      case "host-header":
        return {
          Field: condition.field,
          Values: [...condition.values],
          HostHeaderConfig: { Values: [...condition.values] },
        };
      case "path-pattern":
        return {
          Field: condition.field,
          Values: [...condition.values],
          PathPatternConfig: { Values: [...condition.values] },
        };
      case "http-request-method":
        return { Field: condition.field, HttpRequestMethodConfig: { Values: [...condition.values] } };
      case "source-ip":
        return { Field: condition.field, SourceIpConfig: { Values: [...condition.values] } };
      case "http-header":
        return {
          Field: condition.field,
          HttpHeaderConfig: { HttpHeaderName: condition.header, Values: [...condition.values] },
        };
      case "query-string":
        return {
          Field: condition.field,
          QueryStringConfig: {
            Values: condition.pairs.map((pair) => ({ Key: pair.key, Value: pair.value })),
          },
        };
    }
  });
}

export function validation(message: string): ApiError {
  return new ApiError("ValidationError", message, { status: 400 });
}
