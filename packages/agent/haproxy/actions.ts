import type { Balancer, BalancerAction, BalancerListener } from "@gantry/agent-protocol";
import { quote, renderCondition } from "./conditions.ts";
import { backendName, hash } from "./names.ts";
import { keyOf } from "./parts.ts";
import { isLeftOut, mark, type Context } from "./render-context.ts";

/** A client on this host: it reached the listener at its host port. */
export const FROM_HOST = "{ dst 127.0.0.0/8 }";

interface Place {
  readonly balancer: Balancer;
  readonly listener: BalancerListener;
  /** Begins the names of the rules. */
  readonly prefix: string;
  /** A condition that holds for this listener's requests alone, or nothing where all are its own. */
  readonly guard: string;
}

/**
 * A listener's rules: the first that matches sets `txn.rule`, which its action asks for.
 *
 * A rule with a part that the proxy rejects answers 503 and forwards nothing. A rejected condition is dropped, so that
 * the rule matches at least what it would have matched: a rule below it that permits more is never reached by mistake.
 */
export function renderRules(place: Place, context: Context): readonly string[] {
  const { listener, prefix, guard } = place;
  const lines: string[] = [];
  const actions: { name: string; action: BalancerAction; isClosed: boolean }[] = [];
  for (const [index, rule] of listener.rules.entries()) {
    const name = `${prefix}${index}`;
    const usable = rule.conditions.filter((each) => !isLeftOut(context, () => keyOf.condition(each)));
    const acls = usable.map((condition, part) => ({ acl: `${name}_${part}`, condition }));
    for (const { acl, condition } of acls)
      lines.push(
        ...mark(
          context,
          () => keyOf.condition(condition),
          renderCondition(condition).map((test) => `  acl ${acl} ${test}`),
        ),
      );
    const tests = [
      guard,
      index === 0 ? "" : "!{ var(txn.rule) -m found }",
      ...acls.map(({ acl }) => acl),
    ].filter((test) => test !== "");
    lines.push(
      `  http-request set-var(txn.rule) str(${name})${tests.length === 0 ? "" : ` if ${tests.join(" ")}`}`,
    );
    actions.push({ name, action: rule.action, isClosed: usable.length < rule.conditions.length });
  }
  const dices = [...actions.map(({ action }) => action), listener.defaultAction].some(
    (action) => action.type === "forward" && action.targets.filter((target) => target.weight > 0).length > 1,
  );
  if (dices) lines.push("  http-request set-var(txn.dice) rand(1000000)");
  const fallback = [guard, listener.rules.length === 0 ? "" : "!{ var(txn.rule) -m found }"]
    .filter((test) => test !== "")
    .join(" ");
  return [
    ...lines,
    ...actions.flatMap(({ name, action, isClosed }) =>
      isClosed
        ? renderUnavailable(`{ var(txn.rule) -m str ${name} }`)
        : renderAction(action, `{ var(txn.rule) -m str ${name} }`, place, context),
    ),
    ...renderAction(listener.defaultAction, fallback, place, context),
  ];
}

/** `when` is a condition, or empty where it always holds. */
function renderAction(
  action: BalancerAction,
  when: string,
  place: Place,
  context: Context,
): readonly string[] {
  const key = () => keyOf.action(action);
  if (isLeftOut(context, key)) return renderUnavailable(when);
  switch (action.type) {
    case "redirect":
      return mark(context, key, renderRedirect(action, when, place, context));
    case "fixed-response":
      return mark(context, key, renderFixedResponse(action, when, context));
    case "forward":
      return mark(context, key, renderForward(action, when, context));
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
    `  http-request return status ${action.statusCode} content-type ${quote(action.contentType)} file ${context.options.folder}/${file}${ifAll(when)}`,
  ];
}

function renderForward(action: ActionOf<"forward">, when: string, context: Context): readonly string[] {
  const live = action.targets.filter(
    (target) => target.weight > 0 && context.known.has(target.targetGroupArn),
  );
  const total = live.reduce((sum, target) => sum + target.weight, 0);
  if (total === 0) return renderUnavailable(when);
  const sticky = live.length > 1 ? action.stickySeconds : undefined;
  const kept = live.map(
    ({ targetGroupArn }) =>
      `  use_backend ${backendName(targetGroupArn)}${ifAll(when, `{ req.cook(AWSALBTG) -m str ${hash(targetGroupArn)} }`)}`,
  );
  let sum = 0;
  const picked = live.map((target, index) => {
    sum += target.weight;
    const share =
      index === live.length - 1 ? "" : `{ var(txn.dice) -m int lt ${Math.round((sum / total) * 1_000_000)} }`;
    return `  use_backend ${backendName(target.targetGroupArn)}${ifAll(when, share)}`;
  });
  return sticky === undefined
    ? picked
    : [`  http-request set-var(txn.sticky) int(${sticky})${ifAll(when)}`, ...kept, ...picked];
}

/**
 * A redirect to a port of this load balancer leads a client on this host to the host port of the listener there: the
 * port itself may belong to another program.
 */
function renderRedirect(
  action: ActionOf<"redirect">,
  when: string,
  place: Place,
  context: Context,
): readonly string[] {
  const line = (port: string, ...tests: readonly string[]) =>
    `  http-request redirect code ${action.statusCode} location "${redirectLocation({ ...action, port })}"${ifAll(...tests)}`;
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
/** The query with its question mark, and nothing where there is no query. */
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

/** Text inside double quotes of a format: what would mean something there is escaped, for the format or for the URL. */
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
