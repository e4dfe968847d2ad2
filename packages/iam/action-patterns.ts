import { matchesPattern, patternOf, type Pattern } from "./patterns.ts";

/** Decides whether an action in lower case is among a statement's. */
export type ActionMatcher = (lowerAction: string) => boolean;

const NEVER: ActionMatcher = () => false;
const matchers = new WeakMap<readonly string[], ActionMatcher>();

/**
 * The matcher of a statement's list of actions, made once for each list: AWS's ReadOnlyAccess names 2,000 actions, of
 * which a call is compared with those of its own service alone.
 */
export function actionMatcher(actions: readonly string[]): ActionMatcher {
  if (actions.length === 0) return NEVER;
  const known = matchers.get(actions);
  if (known !== undefined) return known;
  const matcher = newMatcher(actions);
  matchers.set(actions, matcher);
  return matcher;
}

function newMatcher(actions: readonly string[]): ActionMatcher {
  const whole = new Set<string>();
  const byService = new Map<string, Pattern[]>();
  const ofAnyService: Pattern[] = [];
  for (const action of actions.map((each) => each.toLowerCase())) {
    const service = action.slice(0, action.indexOf(":") + 1);
    const pattern = patternOf(action, undefined) ?? [];
    if (!/[*?]/.test(action)) whole.add(action);
    else if (service === "" || /[*?]/.test(service)) ofAnyService.push(pattern);
    else byService.set(service, [...(byService.get(service) ?? []), pattern]);
  }
  return (lowerAction) => {
    if (whole.has(lowerAction)) return true;
    const matches = (pattern: Pattern) => matchesPattern(pattern, lowerAction);
    const ofService = byService.get(lowerAction.slice(0, lowerAction.indexOf(":") + 1));
    return ofService?.some(matches) === true || ofAnyService.some(matches);
  };
}
