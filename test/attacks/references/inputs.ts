import type { Shape } from "@gantry/wire/shape";
import type { Subject } from "./members.ts";
import type { Defaults, Target } from "./targets.ts";

/** The least input of the operation that names the target in the subject's member by this spelling. */
export function inputOf(
  { operation, path }: Subject,
  spelling: string,
  { within = {} }: Pick<Target, "within">,
  defaults: Defaults,
): Record<string, unknown> {
  const steps = path.split(".").flatMap((step) => step.split(/(?=\[\])/));
  const build = (shape: Shape, rest: readonly string[], isTop: boolean): unknown => {
    const [step, ...more] = rest;
    if (step === undefined) return spelling;
    if (shape.type === "list") return [build(shape.element.shape, more, false)];
    if (shape.type !== "structure") throw new Error(`${path} of ${operation.name} is no path.`);
    return Object.fromEntries(
      shape.members.flatMap((member) => {
        if (member.name === step) return [[member.name, build(member.shape, more, false)]];
        if (isTop && within[member.name] !== undefined) return [[member.name, within[member.name]]];
        const always = isTop ? defaults[`${operation.name}.${member.name}`] : undefined;
        if (always !== undefined) return [[member.name, always]];
        return member.required ? [[member.name, defaults[member.name] ?? least(member.shape, defaults)]] : [];
      }),
    );
  };
  return build(operation.input, steps, true) as Record<string, unknown>; // An operation's input is a structure.
}

/** A value of the shape, with its required members alone. */
function least(shape: Shape, defaults: Defaults): unknown {
  switch (shape.type) {
    case "structure":
      return Object.fromEntries(
        shape.members
          .filter((member) => member.required)
          .map((member) => [member.name, defaults[member.name] ?? least(member.shape, defaults)]),
      );
    case "list":
      return [];
    case "map":
      return {};
    case "boolean":
      return false;
    case "number":
      return 1;
    case "timestamp":
      return new Date(0);
    case "blob":
    case "streaming":
      return new Uint8Array();
    case "bigInteger":
    case "bigDecimal":
    case "document":
    case "string":
    case "unit":
      return "x";
  }
}

const NEW_NAMES =
  /^(?:\w+\.(?:clusterName|serviceName)|CreateRepository\.repositoryName|CreateLogGroup\.logGroupName|CreateLogStream\.logStreamName|PutDestination\.destinationName|PutMetricAlarm\.AlarmName|PutCompositeAlarm\.AlarmName|PutDashboard\.DashboardName|CreateSecret\.Name|CreateQueue\.QueueName|CreateApplication\.applicationName|CreateDeploymentConfig\.deploymentConfigName|PutParameter\.Name|PutRule\.Name|CreateSchedule\.Name|CreateDBInstance\.DBInstanceIdentifier|CreateDBSubnetGroup\.DBSubnetGroupName|CreateDBParameterGroup\.DBParameterGroupName|CreateOptionGroup\.OptionGroupName|(?:Put|Copy|Create|Upload|Delete)\w+\.(?:Bucket|Key|Delete\.Objects\[\]\.Key))$/;
/** Whether another name is that of something else which is yet to be made, and not a wrong spelling. */
export const mayBeNew = ({ path, kind, operation }: Subject) =>
  kind === "passedRole" || NEW_NAMES.test(`${operation.name}.${path}`);
