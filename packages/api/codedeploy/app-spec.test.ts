import { describe, expect, it } from "vitest";
import { parseAppSpec } from "./app-spec.ts";

const PLACE = { account: "000000000000", region: "eu-south-1" };
const read = (text: string) => parseAppSpec(text, PLACE);

const GOOD = `version: 0.0
Resources:
  - TargetService:
      Type: AWS::ECS::Service
      Properties:
        TaskDefinition: "arn:aws:ecs:eu-south-1:000000000000:task-definition/app:2"
        LoadBalancerInfo:
          ContainerName: "SampleApplicationName"
          ContainerPort: 80
        PlatformVersion: "LATEST"
        NetworkConfiguration:
          AwsvpcConfiguration:
            Subnets: ["subnet-1234abcd", "subnet-5678abcd"]
            SecurityGroups: ["sg-12345678"]
            AssignPublicIp: "ENABLED"
        CapacityProviderStrategy:
          - Base: 1
            CapacityProvider: "FARGATE_SPOT"
            Weight: 2
          - CapacityProvider: "FARGATE"
Hooks:
  - BeforeInstall: "check"
  - AfterAllowTraffic: "arn:aws:lambda:eu-south-1:000000000000:function:smoke"
`;

it("reads the AppSpec of the CodeDeploy User Guide, and the same in JSON", () => {
  const expected = {
    taskDefinition: "arn:aws:ecs:eu-south-1:000000000000:task-definition/app:2",
    containerName: "SampleApplicationName",
    containerPort: 80,
    platformVersion: "LATEST",
    network: {
      subnets: ["subnet-1234abcd", "subnet-5678abcd"],
      securityGroups: ["sg-12345678"],
      assignPublicIp: "ENABLED",
    },
    capacityProviders: [
      { capacityProvider: "FARGATE_SPOT", base: 1, weight: 2 },
      { capacityProvider: "FARGATE", base: undefined, weight: undefined },
    ],
    hooks: {
      BeforeInstall: "arn:aws:lambda:eu-south-1:000000000000:function:check",
      AfterAllowTraffic: "arn:aws:lambda:eu-south-1:000000000000:function:smoke",
    },
  };
  expect(read(GOOD)).toEqual(expected);
  const json = `{"version": 0.0, "Resources": [{"TargetService": {"Type": "AWS::ECS::Service", "Properties": {
\t"TaskDefinition": "app:2", "LoadBalancerInfo": {"ContainerName": "web", "ContainerPort": "80"}}}}]}`;
  expect(read(json)).toMatchObject({ taskDefinition: "app:2", containerName: "web", containerPort: 80 });
});

const without = (from: string, to: string) => GOOD.replace(from, to);

describe("a malformed AppSpec is refused with its line and key", () => {
  it.each<[string, string, string]>([
    [
      "the resource's members beside its name, one level too far left",
      GOOD.replaceAll(/^ {6}(?=\S)/gm, "    "),
      "line 4: Type must be indented below TargetService.",
    ],
    [
      "the network below the load balancer, one level too far right",
      without("        NetworkConfiguration:", "          NetworkConfiguration:"),
      "line 11: NetworkConfiguration: All mapping items must start at the same column.",
    ],
    [
      "the network's settings beside the properties",
      GOOD.replace(/^ {8}(?=Network)/m, "      ").replaceAll(/^ {10}(?=Awsvpc)/gm, "        "),
      "line 11: NetworkConfiguration does not belong to TargetService, whose keys are Type, Properties.",
    ],
    [
      "the task definition beside the properties",
      without("        TaskDefinition:", "      TaskDefinition:"),
      "line 7: LoadBalancerInfo: All mapping items must start at the same column.",
    ],
    [
      "a misspelt key",
      without("ContainerPort", "Containerport"),
      "line 9: Containerport does not belong to LoadBalancerInfo",
    ],
    [
      "a port that is none",
      without("ContainerPort: 80", "ContainerPort: http"),
      "line 9: ContainerPort must be a port",
    ],
    [
      "another type",
      without("AWS::ECS::Service", "AWS::Lambda::Function"),
      "line 4: Type must be AWS::ECS::Service.",
    ],
    [
      "a weight that is none",
      without("Weight: 2", "Weight: -2"),
      "line 19: Weight must be a number from 0 on.",
    ],
    [
      "a strategy without a provider",
      without('- CapacityProvider: "FARGATE"', "- Weight: 1"),
      "line 20: CapacityProviderStrategy needs the key CapacityProvider.",
    ],
    ["no version", without("version: 0.0\n", ""), "line 1: version must be 0.0."],
    ["a tab", without("      Properties:", "\tProperties:"), "line 5:"],
    ["an alias", without('"LATEST"', "*other"), "line 10:"],
    ["a key twice", without('PlatformVersion: "LATEST"', "TaskDefinition: x"), "line 10:"],
    ["nothing", "", "line 1: the AppSpec must be a mapping"],
  ])("%s", (_, text, message) => {
    expect(() => read(text)).toThrow(`The AppSpec file is not valid: ${message}`);
  });
});
