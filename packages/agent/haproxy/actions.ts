import type { Balancer, BalancerAction, BalancerListener, BalancerRule } from "@gantry/agent-protocol";
import { renderAuthentication } from "./authentication/render-authentication.ts";
import { quote, renderCondition } from "./conditions.ts";
import { frontendName, hash } from "./names.ts";
import { keyOf } from "./parts.ts";
import { isLogged, matchedRule } from "./request-details.ts";
import { renderIndexed, segmentsOf } from "./rule-index.ts";
import { renderTransform } from "./transforms.ts";
import { isLeftOut, mark, type Context } from "./render-context.ts";
import {
  DICE_SIDES,
  keepsClients,
  renderKept,
  renderWeights,
  UNAVAILABLE_BACKEND,
  weightsName,
} from "./render-weights.ts";

/** Matches a client on this host, which reached the listener at its host port. */
export const FROM_HOST = "{ dst 127.0.0.0/8 }";

interface Place {
  readonly balancer: Balancer;
  readonly listener: BalancerListener;
  /** The prefix of the names of the rules. */
  readonly prefix: string;
  /** A condition that selects this listener's requests, or empty where all requests are its own. */
  readonly guard: string;
}

/** Matches a request that a rule has routed to a target group. */
const IS_TAKEN = "{ var(txn.tg) -m found }";

/**
 * Renders a listener's rules in order: the first that matches answers the request, or sets `txn.tg` to the
 * backend of its target group. Weights are in maps, so that the proxy can change them while it runs (see
 * `render-weights.ts`).
 * A rule with a part that the proxy rejects answers 503 and forwards nothing. A rejected condition is
 * dropped, so that the rule matches at least the requests that it would have matched: a more permissive rule
 * below it is never reached by mistake.
 */
export function renderRules(place: Place, context: Context): readonly string[] {
  const { balancer, listener, prefix, guard } = place;
  const lines = segmentsOf(listener.rules, context).flatMap((segment, at) => {
    if (segment.type === "one") return renderRule(segment.rule, segment.index, place, context);
    const when = [guard, at === 0 ? "" : `!${IS_TAKEN}`].filter((test) => test !== "").join(" ");
    const name = frontendName(balancer, listener);
    return renderIndexed(segment.rules, { name, prefix, when, isLogged: isLogged(balancer) }, context);
  });
  const fallback = [guard, listener.rules.length === 0 ? "" : `!${IS_TAKEN}`].filter((test) => test !== "");
  const last = {
    action: listener.defaultAction,
    when: fallback.join(" "),
    weights: weightsName(balancer, listener, undefined, 0),
    isLast: true,
  };
  const byDefault = matchedRule(`${prefix}default`, 0, listener.defaultAction);
  const all = [
    ...lines,
    ...(isLogged(balancer) ? [`  http-request set-var(txn.rule) str(${byDefault})${ifAll(last.when)}`] : []),
    ...renderAuthentication(balancer, listener.defaultAuthentication, last.when),
    ...renderAction(last, place, context),
  ];
  const takes = all.some((line) => line.includes("set-var(txn.tg)"));
  return takes ? [...all, `  use_backend %[var(txn.tg)] if ${IS_TAKEN}`] : all;
}

/** Renders a rule that is tested by itself. */
function renderRule(rule: BalancerRule, index: number, place: Place, context: Context): readonly string[] {
  const { balancer, listener, prefix, guard } = place;
  const name = `${prefix}${index}`;
  const usable = rule.conditions.filter((each) => !isLeftOut(context, () => keyOf.condition(each)));
  const acls = usable.map((condition, part) => ({ acl: `${name}_${part}`, condition }));
  const tests = [guard, index === 0 ? "" : `!${IS_TAKEN}`, ...acls.map(({ acl }) => acl)];
  const when = tests.filter((test) => test !== "").join(" ");
  const { transforms = [] } = rule;
  // A transform changes the values that the conditions test, so the conditions are evaluated once. A log
  // names the rule.
  const isNamed = transforms.length > 0 || isLogged(balancer);
  const known = matchedRule(name, rule.priority ?? index + 1, rule.action);
  const matched = isNamed ? `{ var(txn.rule) -m str ${known} }` : when;
  const weights = weightsName(balancer, listener, rule, index);
  return [
    ...acls.flatMap(({ acl, condition }) =>
      mark(
        context,
        () => keyOf.condition(condition),
        renderCondition(condition).map((test) => `  acl ${acl} ${test}`),
      ),
    ),
    ...(usable.length < rule.conditions.length ||
    transforms.some((each) => isLeftOut(context, () => keyOf.transform(each)))
      ? renderUnavailable(when)
      : [
          ...(isNamed ? [`  http-request set-var(txn.rule) str(${known})${ifAll(when)}`] : []),
          ...renderAuthentication(balancer, rule.authentication, matched),
          ...renderAction({ action: rule.action, when: matched, weights }, place, context),
          ...transforms.flatMap((each) =>
            mark(context, () => keyOf.transform(each), renderTransform(each, matched)),
          ),
        ]),
  ];
}

interface Case<A extends BalancerAction = BalancerAction> {
  readonly action: A;
  /** A condition, or empty where it always holds. */
  readonly when: string;
  /** The name of the map of the action's weights. */
  readonly weights: string;
  /** Whether no other action follows. */
  readonly isLast?: boolean;
}

function renderAction(given: Case, place: Place, context: Context): readonly string[] {
  const { action, when } = given;
  const key = () => keyOf.action(action);
  if (isLeftOut(context, key)) return renderUnavailable(when);
  switch (action.type) {
    case "redirect":
      return mark(context, key, renderRedirect(action, when, place, context));
    case "fixed-response":
      return mark(context, key, renderFixedResponse(action, when, context));
    case "forward":
      return mark(context, key, renderForward({ ...given, action }, context));
  }
}

function renderUnavailable(when: string): readonly string[] {
  return [`  http-request return status 503${ifAll(when)}`];
}

type ActionOf<T extends BalancerAction["type"]> = Extract<BalancerAction, { type: T }>;

function renderFixedResponse(
  action: ActionOf<"fixed-response">,
  when: string,
  context: Context,
): readonly string[] {
  if (action.body === "") return [`  http-request return status ${action.statusCode}${ifAll(when)}`];
  const file = `body_${hash(action.body)}`;
  context.files[file] = action.body;
  return [
    `  http-request return status ${action.statusCode} content-type ${quote(action.contentType)} file ` +
      `${context.options.folder}/${file}${ifAll(when)}`,
  ];
}

function renderForward(
  { action, when, weights, isLast = false }: Case<ActionOf<"forward">>,
  context: Context,
): readonly string[] {
  const { folder } = context.options;
  const shares = `weights_${weights}`;
  context.files[shares] = renderWeights(action, context.known);
  const picked = `rand(${DICE_SIDES}),map_int(${folder}/${shares},${UNAVAILABLE_BACKEND})`;
  const pick = `  http-request set-var(txn.tg) ${picked}`;
  if (!keepsClients(action))
    return [isLast ? `  use_backend %[${picked}]${ifAll(when)}` : pick + ifAll(when)];
  const kept = `sticky_${weights}`;
  context.files[kept] = renderKept(action, context.known);
  const known = `req.cook(AWSALBTG),map_str(${folder}/${kept})`;
  return [
    `  http-request set-var(txn.sticky) int(${action.stickySeconds})${ifAll(when)}`,
    `  http-request set-var(txn.tg) ${known}${ifAll(when, `{ ${known} -m found }`)}`,
    pick + ifAll(when, when.includes(IS_TAKEN) ? "" : `!${IS_TAKEN}`),
  ];
}

/**
 * A redirect to a port of this load balancer sends a client on this host to the host port of that listener:
 * another program may own the port itself.
 */
function renderRedirect(
  action: ActionOf<"redirect">,
  when: string,
  place: Place,
  context: Context,
): readonly string[] {
  const line = (port: string, ...tests: readonly string[]) =>
    `  http-request redirect code ${action.statusCode} location ` +
    `"${redirectLocation({ ...action, port })}"${ifAll(...tests)}`;
  const named = place.balancer.listeners.find((listener) => String(listener.port) === action.port);
  const hostPort = named === undefined ? undefined : context.options.hostPortOf(place.balancer, named);
  return hostPort === undefined || String(hostPort) === action.port
    ? [line(action.port, when)]
    : [line(String(hostPort), when, FROM_HOST), line(action.port, when)];
}

function ifAll(...tests: readonly string[]): string {
  const given = tests.filter((test) => test !== "");
  return given.length === 0 ? "" : ` if ${given.join(" ")}`;
}

/** The parts of the request that a redirect refers to. Source: API_RedirectActionConfig. */
const OWN: Readonly<Record<string, string>> = {
  "#{host}": "%[req.hdr(host),host_only]",
  "#{path}": "%[path,regsub(^/,)]",
  "#{query}": "%[query]",
  "#{port}": "%[dst_port]",
  "#{protocol}": "%[req.hdr(x-forwarded-proto)]",
};
/** The query with its question mark, or empty where there is no query. */
const QUERY_WITH_MARK = "%[query,regsub(^.,?\\\\0)]";

function redirectLocation(action: ActionOf<"redirect">): string {
  const protocol = fill(action.protocol.startsWith("#") ? action.protocol : action.protocol.toLowerCase());
  const isUsual =
    (action.protocol === "HTTPS" && action.port === "443") ||
    (action.protocol === "HTTP" && action.port === "80");
  const path = action.path.startsWith("/") ? fill(action.path) : `/${fill(action.path)}`;
  const query =
    action.query === "#{query}" ? QUERY_WITH_MARK : action.query === "" ? "" : `?${fill(action.query)}`;
  return `${protocol}://${fill(action.host)}${isUsual ? "" : `:${fill(action.port)}`}${path}${query}`;
}

function fill(text: string): string {
  return text
    .split(/(#\{(?:host|path|query|port|protocol)\})/)
    .map((part) => OWN[part] ?? literal(part))
    .join("");
}

/**
 * Renders text inside double quotes of a format: characters with a meaning in the format or in a URL are
 * escaped.
 */
function literal(text: string): string {
  return text
    .replaceAll("%", "%%")
    .replaceAll("\\", "%%5C")
    .replaceAll("$", "\\$")
    .replace(
      /["\u0000-\u0020\u007f]/g,
      (character) => `%%${character.charCodeAt(0).toString(16).padStart(2, "0").toUpperCase()}`,
    );
}
