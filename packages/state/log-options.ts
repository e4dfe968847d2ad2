/** The options of the log driver awslogs. Source: Amazon ECS Developer Guide, "Amazon ECS log driver options". */
export const AWSLOGS_OPTIONS: readonly string[] = [
  "awslogs-group",
  "awslogs-region",
  "awslogs-stream-prefix",
  "awslogs-create-group",
  "awslogs-multiline-pattern",
  "awslogs-datetime-format",
  "mode",
  "max-buffer-size",
];

/** The options that take few values, each with what it may be. */
const VALUES: Readonly<Record<string, { readonly test: RegExp; readonly words: string }>> = {
  mode: { test: /^(blocking|non-blocking)$/, words: "blocking or non-blocking" },
  "max-buffer-size": {
    test: /^\d+[kmg]?b?$/i,
    words: "a number of bytes, or one with the unit k, m or g",
  },
  "awslogs-create-group": { test: /^(true|false)$/, words: "true or false" },
  "awslogs-region": { test: /^[a-z][a-z0-9-]{0,63}$/, words: "a region" },
};

/** What is wrong with the value of an option of awslogs, without the value; undefined: nothing. */
export function logOptionProblem(name: string, value: string): string | undefined {
  if (!AWSLOGS_OPTIONS.includes(name)) return `Log driver awslogs has no option ${name}.`;
  const known = VALUES[name];
  if (known !== undefined && !known.test.test(value))
    return `Log driver awslogs: the option ${name} must be ${known.words}.`;
  if (name === "awslogs-multiline-pattern" && !isPattern(value))
    return "The option awslogs-multiline-pattern is no regular expression.";
  return undefined;
}

function isPattern(text: string): boolean {
  try {
    new RegExp(text);
    return true;
  } catch {
    return false;
  }
}
