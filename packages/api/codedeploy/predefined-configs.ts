import type { CodeDeployConfigRecord } from "@gantry/state";

type Config = Pick<CodeDeployConfigRecord, "id" | "name" | "routing" | "createdAt">;

const config = (number: number, name: string, routing: Config["routing"]): Config => ({
  id: `00000000-0000-0000-0000-00000000000${number}`,
  name: `CodeDeployDefault.ECS${name}`,
  routing,
  createdAt: 0,
});

/** Source: CodeDeploy User Guide, "Predefined deployment configurations for an Amazon ECS compute platform". */
export const PREDEFINED_CONFIGS: readonly Config[] = [
  config(1, "AllAtOnce", { type: "AllAtOnce" }),
  config(2, "Canary10Percent15Minutes", { type: "TimeBasedCanary", percent: 10, minutes: 15 }),
  config(3, "Canary10Percent5Minutes", { type: "TimeBasedCanary", percent: 10, minutes: 5 }),
  config(4, "Linear10PercentEvery1Minutes", { type: "TimeBasedLinear", percent: 10, minutes: 1 }),
  config(5, "Linear10PercentEvery3Minutes", { type: "TimeBasedLinear", percent: 10, minutes: 3 }),
];

export const DEFAULT_CONFIG = "CodeDeployDefault.ECSAllAtOnce";
