import type * as elb from "@aws-sdk/client-elastic-load-balancing-v2";
import type {
  ActionRecord,
  AuthenticationRecord,
  ListenerRecord,
  LoadBalancerRecord,
  Reader,
} from "@gantry/state";
import { ApiError } from "./api-error.ts";
import { presentAuthentication, toAuthentication, type SecretDeps } from "./authentication.ts";
import { balancersOf, findTargetGroup } from "./lookups.ts";
import { QUOTAS } from "./quotas.ts";
import { toRedirect } from "./redirects.ts";
import { validation } from "./validation.ts";

/** Seven days. */
const STICKY_SECONDS_MAX = 604_800;
const WEIGHT_MAX = 999;
/** Source: API_Action, Order. */
const ORDER_MAX = 50_000;
/** Source: API_FixedResponseActionConfig. */
const MESSAGE_LENGTH_MAX = 1_024;
/** Source: API_FixedResponseActionConfig. */
const CONTENT_TYPES: readonly string[] = [
  "text/plain",
  "text/css",
  "text/html",
  "application/javascript",
  "application/json",
];

/** Characters that XML cannot carry, and that no HTTP body of a listener needs. Source: XML 1.0, Char. */
// oxlint-disable-next-line no-control-regex
const CONTROL = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f\ufffe\uffff]/;

/** Where actions belong: a redirect must lead elsewhere, and a forward stays in the load balancer's VPC. */
export interface ActionPlace {
  readonly listener: Pick<ListenerRecord, "protocol" | "port">;
  readonly balancer: Pick<LoadBalancerRecord, "account" | "region" | "arn" | "vpcId">;
  /** Seals the secrets of an authentication. */
  readonly secrets: SecretDeps;
  /** The authentication that the new actions replace. */
  readonly former?: AuthenticationRecord | undefined;
}

/** The authentication among the actions. */
export function authenticationOf(actions: readonly ActionRecord[]): AuthenticationRecord | undefined {
  return actions.find((action) => action.type === "authenticate-oidc");
}

/**
 * Checks the actions of a request and converts them to those of the record.
 * Errors: ValidationError, TargetGroupNotFound, InvalidConfigurationRequest, InvalidLoadBalancerAction,
 * TargetGroupAssociationLimit.
 */
export function toActions(
  reader: Reader,
  given: readonly elb.Action[] | undefined,
  place: ActionPlace,
): readonly ActionRecord[] {
  const actions = (given ?? [])
    .toSorted((a, b) => (a.Order ?? 0) - (b.Order ?? 0))
    .map((action) => ({ ...toAction(reader, action, place), ...toOrder(action.Order) }));
  if (actions.length === 0) throw validation("An action must be specified");
  const last = actions.at(-1);
  if (last?.type === "authenticate-oidc")
    throw invalidAction("The last action must be of type 'forward', 'fixed-response', or 'redirect'");
  const others = actions.slice(0, -1);
  if (others.some(({ type }) => type !== "authenticate-oidc"))
    throw invalidAction(
      "You can specify only one action of type 'forward', 'fixed-response', or 'redirect' per rule",
    );
  if (others.length > 1) throw invalidAction("You can specify only one authenticate action per rule");
  return actions;
}

/** Source: API_Action, Order. Errors: ValidationError. */
function toOrder(order: number | undefined): Pick<ActionRecord, "order"> {
  if (order === undefined || order === 1) return {};
  if (!(order >= 1 && order <= ORDER_MAX))
    throw validation(`The order '${order}' of an action must be between 1 and ${ORDER_MAX}`);
  return { order };
}

function invalidAction(message: string): ApiError {
  return new ApiError("InvalidLoadBalancerAction", message);
}

function toAction(reader: Reader, action: elb.Action, place: ActionPlace): ActionRecord {
  const { protocol } = place.listener;
  if (action.Type !== "forward" && (protocol === "TCP" || protocol === "TLS"))
    throw new ApiError(
      "InvalidLoadBalancerAction",
      `The action type '${action.Type}' is not valid for listeners with the protocol '${protocol}'`,
    );
  switch (action.Type) {
    case "forward":
      return toForward(reader, action, place);
    case "redirect":
      return toRedirect(action.RedirectConfig, place.listener);
    case "fixed-response":
      return toFixedResponse(action.FixedResponseConfig);
    case "authenticate-oidc":
      if (protocol !== "HTTPS")
        throw invalidAction("Actions of type 'authenticate-oidc' are supported only on HTTPS listeners");
      return toAuthentication(place.secrets, action.AuthenticateOidcConfig, place.former);
    case "authenticate-cognito":
      throw validation(
        "Gantry does not support authenticate-cognito, as it has no Cognito user pools: use authenticate-oidc " +
          "with the endpoints of an OpenID Connect issuer.",
      );
    default:
      throw validation(
        `Gantry supports the actions authenticate-oidc, forward, redirect and fixed-response, not ${action.Type}.`,
      );
  }
}

/** The protocols of target groups that a listener can forward to. Source: "Create a listener", NLB and ALB guides. */
const COMPATIBLE: Readonly<Record<ListenerRecord["protocol"], readonly string[]>> = {
  HTTP: ["HTTP", "HTTPS"],
  HTTPS: ["HTTP", "HTTPS"],
  TCP: ["TCP"],
  TLS: ["TCP", "TLS"],
};

function toForward(reader: Reader, action: elb.Action, { balancer, listener }: ActionPlace): ActionRecord {
  const tuples = action.ForwardConfig?.TargetGroups ?? [{ TargetGroupArn: action.TargetGroupArn, Weight: 1 }];
  if (tuples.length > QUOTAS.groupsPerAction)
    throw new ApiError(
      "TooManyTargetGroups",
      `An action can forward to '${QUOTAS.groupsPerAction}' target groups at most`,
    );
  const forwards = tuples.map((tuple) => ({
    group: findTargetGroup(reader, balancer, tuple.TargetGroupArn),
    weight: tuple.Weight ?? 1,
  }));
  for (const { group, weight } of forwards) {
    if (group.vpcId !== balancer.vpcId)
      throw new ApiError(
        "InvalidConfigurationRequest",
        `The following target groups are not in the VPC of the load balancer: '${group.arn}'`,
      );
    if (balancersOf(reader, group.arn).some((arn) => arn !== balancer.arn))
      throw new ApiError(
        "TargetGroupAssociationLimit",
        `The following target groups cannot be associated with more than one load balancer: '${group.arn}'`,
      );
    if (!COMPATIBLE[listener.protocol].includes(group.protocol))
      throw new ApiError(
        "IncompatibleProtocols",
        `The protocol '${group.protocol}' of the target group '${group.arn}' is not compatible with ` +
          `the listener protocol '${listener.protocol}'`,
      );
    if (!(weight >= 0 && weight <= WEIGHT_MAX))
      throw validation(`The weight '${weight}' must be between 0 and ${WEIGHT_MAX}`);
  }
  const sticky = action.ForwardConfig?.TargetGroupStickinessConfig;
  const seconds = sticky?.DurationSeconds;
  if (sticky?.Enabled === true && (seconds === undefined || !(seconds >= 1 && seconds <= STICKY_SECONDS_MAX)))
    throw validation(
      `The target group stickiness duration must be between 1 and ${STICKY_SECONDS_MAX} seconds`,
    );
  const targets = forwards.map(({ group, weight }) => ({ targetGroupArn: group.arn, weight }));
  return { type: "forward", targets, stickySeconds: sticky?.Enabled === true ? seconds : undefined };
}

function toFixedResponse(config: elb.FixedResponseActionConfig | undefined): ActionRecord {
  const { StatusCode = "", ContentType = "text/plain", MessageBody = "" } = config ?? {};
  if (!/^[245]\d\d$/.test(StatusCode))
    throw validation(`The status code '${StatusCode}' of a fixed-response action must be 2XX, 4XX or 5XX`);
  if (!CONTENT_TYPES.includes(ContentType))
    throw validation(`Content type '${ContentType}' must be one of '[${CONTENT_TYPES.join(", ")}]'`);
  if (MessageBody.length > MESSAGE_LENGTH_MAX)
    throw validation(
      `The message body of a fixed-response action may have ${MESSAGE_LENGTH_MAX} characters at most`,
    );
  if (CONTROL.test(MessageBody) || !MessageBody.isWellFormed())
    throw validation("The message body of a fixed-response action contains a character that is not valid");
  return { type: "fixed-response", statusCode: StatusCode, contentType: ContentType, body: MessageBody };
}

export function presentActions(actions: readonly ActionRecord[]): elb.Action[] {
  return actions.map((action) => {
    switch (action.type) {
      case "authenticate-oidc":
        return {
          Type: "authenticate-oidc",
          Order: action.order ?? 1,
          AuthenticateOidcConfig: presentAuthentication(action),
        };
      case "forward":
        return {
          Type: "forward",
          Order: action.order ?? 1,
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
          Order: action.order ?? 1,
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
          Order: action.order ?? 1,
          FixedResponseConfig: {
            StatusCode: action.statusCode,
            ContentType: action.contentType,
            MessageBody: action.body,
          },
        };
    }
  });
}
