import { parseArn } from "@gantry/kernel";
import type { Permission } from "@gantry/wire";
import { describe, expect, it } from "vitest";
import { loadedService, SERVICE_NAMES } from "./loaded-services.ts";
import { REFERENCE } from "./service-authorization.ts";
import { CALLER, INPUTS } from "./service-inputs.ts";

// Each operation of each service asks for the actions and the resource types of the Service Authorization
// Reference: all that are required, and none that the action does not have. An action that the table does not
// know fails.
// Before: permissions were guessed from the members of the input, whatever the operation. 166 of the 332
// operations failed, because the inputs here have the members of all operations of a service; with its own
// members alone, DeleteTaskDefinitions, DisassociateRouteTable, DescribeRepositories, SetRulePriorities,
// logs' TagResource and others still asked for `*`.

/** Where AWS is known to ask for another resource than its reference says, with the source. */
const EXCEPTIONS: Readonly<Record<string, string>> = {
  "sts:GetFederationToken": "The federated user: IAM User Guide, Permissions for GetFederationToken.",
  "ecs:ListTasks": "`*` unless a container instance is named: github.com/cdklabs/construct-hub/pull/1207",
};

/** The type of a resource, in the words of the reference. */
function typeOf(resource: string): string {
  const parsed = parseArn(resource);
  if (parsed === undefined) return resource;
  const { service, resource: path } = parsed;
  if (service === "s3") return path.includes("/") ? "object" : "bucket";
  if (service === "cloudwatch" || service === "codedeploy") return path.split(/[:/]/)[0] ?? "";
  if (service === "autoscaling") return path.split(":")[0] ?? "";
  if (service === "sqs" && path !== "*") return "queue";
  if (service === "sns" && path !== "*") return "topic";
  if (service === "logs" && path.startsWith("destination:")) return "destination";
  if (service === "logs") return path.includes(":log-stream:") ? "log-stream" : "log-group";
  return path.split(["rds", "secretsmanager"].includes(service) ? ":" : "/")[0] ?? "";
}

function byAction(permissions: readonly Permission[]): ReadonlyMap<string, ReadonlySet<string>> {
  const found = new Map<string, Set<string>>();
  for (const { action, resource } of permissions)
    found.set(action, (found.get(action) ?? new Set()).add(typeOf(resource)));
  return found;
}

const LISTED = new Map(
  REFERENCE.trim()
    .split("\n")
    .map((line) => {
      const [action = "", ...types] = line.split(" ");
      return [action, types] as const;
    }),
);

describe.each(SERVICE_NAMES)("operations of %s", async (id) => {
  const { operations, permissions } = await loadedService(id);
  const implemented = [...operations.values()].filter(({ handler }) => handler !== undefined);
  const inputOf = INPUTS[id];

  it.each(implemented.map(({ name }) => name))(
    "%s needs the permissions that the reference lists",
    (operation) => {
      const asked = permissions(operation, inputOf(operation), CALLER);
      for (const [action, types] of byAction(asked)) {
        const listed = LISTED.get(action) ?? expect.fail(`${action} is not in the reference`);
        if (EXCEPTIONS[action] !== undefined) continue;
        const all = listed.map((type) => type.replace("*", ""));
        const required = listed.filter((type) => type.endsWith("*")).map((type) => type.replace("*", ""));
        expect([...types].filter((type) => !(all.length === 0 ? ["*"] : all).includes(type))).toEqual([]);
        expect(required.filter((type) => !types.has(type))).toEqual([]);
      }
    },
  );
});
