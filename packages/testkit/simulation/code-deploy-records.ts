import type { Ids } from "@gantry/kernel";
import {
  addTaskSet,
  beginCodeDeployment,
  CODE_DEPLOY_NOTICES,
  makePrimary,
  ongoingCodeDeploymentOf,
  type CodeDeployAppSpec,
  type CodeDeployGroupRecord,
  type CodeDeploymentRecord,
  type CodeDeployRouting,
  type CodeDeploySettings,
  type Reader,
  type ServiceRecord,
  type TaskDefinitionRecord,
  type Transaction,
} from "@gantry/state";
import { present } from "@gantry/kernel";
import { ALTERNATE_GROUP, BALANCER, putBalancer } from "./balancers.ts";
import { PLACE } from "./place.ts";
import { ALARM, definitionOf, newServiceOf, versionOf } from "./records.ts";

/** The listeners of a world that a CodeDeploy deployment modifies. */
export const PRODUCTION_LISTENER = `${BALANCER}/l`;
export const TEST_LISTENER = `${BALANCER}/t`;
const DEPLOYER = "arn:aws:iam::000000000000:role/deployer";
const GROUP_ARN = "arn:aws:codedeploy:eu-south-1:000000000000:deploymentgroup:a/g";
const PORT = 80;

/** Creates a service with the deployment controller CODE_DEPLOY and its deployment group. */
export function putCodeDeployService(
  tx: Transaction,
  ids: Ids,
  options: {
    image: string;
    spec: Partial<ServiceRecord["spec"]>;
    settings: Partial<CodeDeploySettings>;
    now: number;
  },
): void {
  const { image, spec, settings, now } = options;
  putBalancer(tx);
  putTestListener(tx);
  putDeployer(tx);
  const definition = servingDefinitionOf(image);
  tx.put("taskDefinition", definition.arn, definition);
  const service = newServiceOf({ name: "s", spec: { ...spec, controller: "CODE_DEPLOY" }, now });
  tx.put("service", service.arn, service);
  const set = addTaskSet(tx, service, versionOf({ image, pairs: 1, isStaged: false }), {
    scale: { value: 100, unit: "PERCENT" },
    external: { startedBy: "CODE_DEPLOY", externalId: undefined, clientToken: undefined, tags: {} },
    ids,
    now,
  });
  makePrimary(tx, set, now);
  tx.put("codeDeployGroup", GROUP_ARN, newGroup(service, settings));
}

/** A task definition whose container listens on the target port of the load balancer. */
function servingDefinitionOf(image: string): TaskDefinitionRecord {
  const definition = definitionOf(image);
  const portMappings = [{ containerPort: PORT, hostPort: PORT, protocol: "tcp" as const, name: undefined }];
  const containers = definition.spec.containers.map((container) => ({ ...container, portMappings }));
  return { ...definition, spec: { ...definition.spec, containers } };
}

function newGroup(service: ServiceRecord, settings: Partial<CodeDeploySettings>): CodeDeployGroupRecord {
  return {
    ...PLACE,
    arn: GROUP_ARN,
    id: "1",
    applicationArn: "arn:aws:codedeploy:eu-south-1:000000000000:application:a",
    applicationName: "a",
    name: "g",
    configName: "CodeDeployDefault.ECSAllAtOnce",
    settings: {
      serviceRoleArn: DEPLOYER,
      clusterName: "c",
      serviceName: service.name,
      serviceArn: service.arn,
      targetGroupNames: ["g", "h"],
      productionListenerArn: PRODUCTION_LISTENER,
      testListenerArn: TEST_LISTENER,
      termination: { action: "TERMINATE", waitMinutes: 1 },
      ready: { action: "CONTINUE_DEPLOYMENT", waitMinutes: 0 },
      alarms: { enabled: true, names: [ALARM], ignorePollAlarmFailure: false },
      autoRollback: {
        enabled: true,
        events: ["DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_ALARM", "DEPLOYMENT_STOP_ON_REQUEST"],
      },
      ...settings,
    },
    triggers: [],
    outdatedInstancesStrategy: "UPDATE",
    terminationHookEnabled: undefined,
    createdAt: 0,
    tags: {},
  };
}

/** Writes the records of CreateDeployment; returns undefined where a deployment is in progress. */
export function putCodeDeployment(
  tx: Transaction,
  ids: Ids,
  options: {
    image: string;
    routing: CodeDeployRouting;
    hooks: CodeDeployAppSpec["hooks"];
    now: number;
  },
): CodeDeploymentRecord | undefined {
  const { image, routing, hooks, now } = options;
  const group = present(tx.get("codeDeployGroup", GROUP_ARN), "Create the service first.");
  if (ongoingCodeDeploymentOf(tx, group.arn) !== undefined) return undefined;
  const definition = servingDefinitionOf(image);
  tx.put("taskDefinition", definition.arn, definition);
  return beginCodeDeployment(
    tx,
    group,
    {
      revision: { type: "AppSpecContent", content: image, sha256: undefined, s3: undefined },
      appSpec: {
        taskDefinition: definition.arn,
        containerName: "web",
        containerPort: PORT,
        platformVersion: undefined,
        network: undefined,
        hooks,
      },
      description: undefined,
      configName: group.configName,
      routing,
      settings: group.settings,
    },
    { ids, now },
  );
}

/** Adds a trigger for every event to the world's group. */
export function putCodeDeployTrigger(tx: Transaction): void {
  const group = present(tx.get("codeDeployGroup", GROUP_ARN), "Create the service first.");
  const targetArn = `arn:aws:sns:${PLACE.region}:${PLACE.account}:deployments`;
  const trigger = { name: "all", targetArn, events: Object.keys(CODE_DEPLOY_NOTICES) };
  tx.put("codeDeployGroup", GROUP_ARN, { ...group, triggers: [...group.triggers, trigger] });
}

/** The deployments of the world's group, the newest first. */
export function codeDeploymentsOf(reader: Reader): readonly CodeDeploymentRecord[] {
  return reader
    .listBy("codeDeployment", "group", GROUP_ARN)
    .toSorted((a, b) => b.createdAt - a.createdAt || Number(b.isReturn) - Number(a.isReturn));
}

function putTestListener(tx: Transaction): void {
  tx.put("listener", TEST_LISTENER, {
    ...present(tx.get("listener", PRODUCTION_LISTENER), "The balancer has a listener."),
    arn: TEST_LISTENER,
    port: 8080,
    // As in Terraform's examples, the test listener initially forwards to the other group.
    defaultActions: [
      {
        type: "forward",
        targets: [{ targetGroupArn: ALTERNATE_GROUP, weight: 1 }],
        stickySeconds: undefined,
      },
    ],
  });
}

function putDeployer(tx: Transaction): void {
  tx.put("role", DEPLOYER, {
    type: "role",
    account: PLACE.account,
    arn: DEPLOYER,
    id: "AROA2",
    name: "deployer",
    path: "/",
    description: undefined,
    permissionsBoundary: undefined,
    maxSessionSeconds: 3_600,
    trustPolicy: JSON.stringify({
      Version: "2012-10-17",
      Statement: [
        { Effect: "Allow", Principal: { Service: "codedeploy.amazonaws.com" }, Action: "sts:AssumeRole" },
      ],
    }),
    inlinePolicies: {},
    attachedPolicies: [],
    createdAt: 0,
    tags: {},
  });
}
