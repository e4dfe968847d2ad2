import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { DATABASE_CHECKS } from "./database-writers.ts";
import { unlistedWriters, writerRows, writesOf, type WriterCheck } from "./field-writers.ts";
import { sources, text } from "./sources.ts";

const TRANSACTIONS = "packages/state/transactions/";
const CONTROLLERS = "packages/controllers/";
const GATEWAY = "packages/controllers/node/"; // The reports of nodes are recorded here.
const NEW_TASK = "packages/state/transactions/new-task.ts";
const NEW_BALANCER = "packages/api/elbv2/new-load-balancer.ts";

/**
 * One entry for each row of ARCHITECTURE.md, "Who writes what". The checks read the source as text: they find a write
 * that names the record's kind or the field where it is written. They do not find a field that is copied with a spread
 * (`{ ...task, ...changes }`), a kind in a variable, or which of several allowed writers writes when.
 */
const CHECKS: Readonly<Record<string, WriterCheck>> = {
  "service.spec": {
    unchecked: "The row names whole services; the rows below are the exceptions.",
  },
  "serviceRevision.*": {
    pattern: writesOf("serviceRevision"),
    writers: [
      `${TRANSACTIONS}service-deployments.ts`,
      `${TRANSACTIONS}task-sets.ts`,
      `${TRANSACTIONS}service-images.ts`, // The digests of its images: serviceRevision.containerImages.
    ],
  },
  "serviceRevision.containerImages": {
    pattern: writesOf("serviceRevision"),
    writers: [
      `${TRANSACTIONS}service-deployments.ts`,
      `${TRANSACTIONS}task-sets.ts`,
      `${TRANSACTIONS}service-images.ts`,
    ],
  },
  "taskSet.*": {
    pattern: writesOf("taskSet", "serviceDeployment"),
    writers: [
      TRANSACTIONS,
      `${CONTROLLERS}service/`,
      "packages/api/ecs/services.ts", // Sets the stability of the primary task set after an update.
    ],
  },
  "eventDelivery.*": {
    pattern: writesOf("eventDelivery"),
    writers: [`${TRANSACTIONS}events.ts`, `${CONTROLLERS}events/delivery-controller.ts`],
  },
  "logExport.status": {
    pattern: writesOf("logExport"),
    writers: [
      "packages/api/logs/exports.ts",
      `${TRANSACTIONS}log-exports.ts`,
      `${CONTROLLERS}logs/export-controller.ts`,
    ],
  },
  "eventReplay.*": {
    pattern: writesOf("eventReplay"),
    writers: ["packages/api/eventbridge/replays.ts", `${CONTROLLERS}events/replay-controller.ts`],
  },
  "eventConnection.state": {
    pattern: writesOf("eventConnection"),
    writers: [
      "packages/api/eventbridge/connections.ts",
      `${CONTROLLERS}events/connection-controller.ts`,
      `${CONTROLLERS}events/call-destination.ts`,
    ],
  },
  "secret.rotating": {
    pattern: /\brotating[,:] /,
    writers: [
      `${TRANSACTIONS}secret-rotation.ts`,
      `${CONTROLLERS}secrets/rotation-controller.ts`, // Reads it.
      "packages/api/secretsmanager/rotation.ts", // CancelRotateSecret leaves it out.
    ],
  },
  "discoveryInstance.*": {
    pattern: writesOf("discoveryInstance"),
    writers: [`${TRANSACTIONS}discovery.ts`, "packages/api/servicediscovery/health.ts"],
  },
  "zoneCopy.*": { pattern: writesOf("zoneCopy"), writers: [`${TRANSACTIONS}zones.ts`] },
  "healthCheckStatus.*": {
    pattern: writesOf("healthCheckStatus", "healthCheckObservation"),
    writers: [`${TRANSACTIONS}health-checks.ts`],
  },
  "topicMessage.*": {
    pattern: writesOf("topicMessage", "topicDelivery"),
    writers: [`${TRANSACTIONS}topics.ts`, `${CONTROLLERS}topics/topic-delivery-controller.ts`],
  },
  "ObjectMeta.replication": {
    pattern: /\breplication: (?:status|"PENDING"|"REPLICA")/,
    writers: ["packages/content/object-index.ts", "packages/api/s3/write-replica.ts"],
  },
  "imageReplication.*": {
    pattern: writesOf("imageReplication"),
    writers: [`${TRANSACTIONS}repositories.ts`, `${CONTROLLERS}registry/replication-controller.ts`],
  },
  "eventRule.nextAt": {
    pattern: writesOf("eventRule", "schedule"),
    writers: ["packages/api/eventbridge/", "packages/api/scheduler/", `${CONTROLLERS}events/`],
  },
  "taskSecrets.*": {
    pattern: writesOf("taskSecrets"),
    writers: [`${CONTROLLERS}scheduler/scheduler-controller.ts`, `${CONTROLLERS}task/task-controller.ts`],
  },
  "codeDeployment.*": {
    pattern: writesOf("codeDeployment"),
    writers: [
      TRANSACTIONS,
      `${CONTROLLERS}code-deploy/`,
      "packages/api/codedeploy/applications.ts", // Renames and deletes an application's deployments.
      "packages/api/codedeploy/deployment-groups.ts", // As above, for a group.
    ],
  },
  "service.spec.desiredCount": {
    pattern: /spec: \{ \.\.\.[\w.]+, desiredCount/,
    writers: [
      `${TRANSACTIONS}desired-count.ts`,
      `${CONTROLLERS}service/plan-external.ts`, // A view for the plan of one task set; it is not stored.
    ],
  },
  "serviceEvent.*": {
    pattern: writesOf("serviceEvent"),
    writers: [`${TRANSACTIONS}service-events.ts`],
  },
  "a listener's and a rule's actions and weights": {
    // An empty list is the placeholder of a record whose actions `writeActions` writes next.
    pattern:
      /tx\.put\("(?:listener|rule)", [\w.]+, \{[^}]*\b(?:defaultActions|actions)\b|(?:Listener|Rule)Record = \{[^;]*\b(?:defaultActions|actions)\b(?!: \[\],)/,
    writers: [`${TRANSACTIONS}traffic.ts`],
  },
  "task.desiredStatus": {
    pattern: /desiredStatus: "/,
    writers: [
      NEW_TASK,
      "packages/api/ecs/tasks.ts",
      `${TRANSACTIONS}interruption.ts`,
      `${CONTROLLERS}service/`,
      `${CONTROLLERS}task/`,
      `${CONTROLLERS}scheduler/`,
    ],
  },
  "task.placement": {
    pattern: /\bplacement: [{u]/,
    writers: [NEW_TASK, `${CONTROLLERS}scheduler/`],
  },
  "clientToken.*": {
    pattern: writesOf("clientToken"),
    writers: ["packages/api/ecs/client-tokens.ts", `${CONTROLLERS}task/client-token-controller.ts`],
  },
  "task.lastStatus": {
    pattern: /lastStatus: (?:"|stopped|laterStatus)/,
    writers: [NEW_TASK, `${CONTROLLERS}task/`, `${CONTROLLERS}scheduler/`],
  },
  "task.credentials": {
    pattern: /credentials: \{ (?:\.\.\.|task)/,
    writers: [NEW_TASK, `${CONTROLLERS}task/`],
  },
  "target.*": {
    pattern: writesOf("target"),
    writers: [
      "packages/api/elbv2/target-groups.ts", // Deletes the targets of a group that is deleted.
      "packages/api/elbv2/targets.ts",
      `${TRANSACTIONS}targets.ts`,
      `${CONTROLLERS}target/`,
      `${CONTROLLERS}auto-scaling-groups/group-targets.ts`,
      `${CONTROLLERS}task/`,
      `${CONTROLLERS}node/record-balancers.ts`,
    ],
  },
  "certificate.unvalidated": {
    pattern: /\bunvalidated: left\b|: \{ unvalidated \}/,
    writers: [`${TRANSACTIONS}certificate-validation.ts`, "packages/api/acm/index.ts"],
  },
  "certificate.renewal": {
    pattern: /\brenewal: \{ status: /,
    writers: [`${CONTROLLERS}certificates/certificate-renewal-controller.ts`],
  },
  "loadBalancer.ownCertificate": {
    pattern: /\bownCertificate: \{/,
    writers: [`${CONTROLLERS}load-balancer/own-certificate-controller.ts`],
  },
  "loadBalancer.state": {
    pattern: /\bstateReason: describe|\bhostPorts: \{|tx\.put\("loadBalancer", [\w.]+, next\)/,
    writers: [NEW_BALANCER, `${CONTROLLERS}node/record-balancers.ts`],
  },
  ...DATABASE_CHECKS,
  "flowLog.deliveryError": {
    pattern: /\bdeliveryError \}/,
    writers: ["apps/control-plane/flow-log-delivery.ts"],
  },
  "networkInterface.ready": {
    pattern: /\bready: (?:message|true|false)/,
    writers: [`${TRANSACTIONS}addresses.ts`, GATEWAY],
  },
  "networkInterface.attachment": {
    pattern:
      /\b(?:attachInterface|recordAttachedInterfaces|endInterfaces)\(tx|"networkInterface", .*\battachment: /,
    writers: [
      `${TRANSACTIONS}instance-interfaces.ts`,
      "packages/api/ec2/",
      "packages/controllers/node/record-instance.ts",
    ],
  },
  "node.*": {
    pattern: /"node", hello\.nodeId|\.\.\.node, state:/,
    writers: [`${CONTROLLERS}node/record-node.ts`],
  },
  "loadBalancer.nodeId": {
    pattern: /\bchooseHost\(/,
    writers: [
      `${TRANSACTIONS}hosting.ts`,
      "packages/api/elbv2/",
      "packages/api/rds/",
      "packages/api/efs/",
      "packages/api/ec2/",
    ],
  },
  "ec2Instance.state": {
    pattern: writesOf("ec2Instance"),
    writers: ["packages/api/ec2/", `${CONTROLLERS}node/record-instance.ts`, `${CONTROLLERS}instance/`],
  },
  "ec2Instance.sessionId": {
    pattern: /\.\.\.current, sessionId:/,
    writers: [`${CONTROLLERS}instance/`],
  },
  "volume.attachment.state": {
    pattern: /\brecordVolumeFile\(tx|\brecordAttachedVolumes\(tx/,
    writers: ["packages/controllers/node/record-file.ts", "packages/controllers/node/record-instance.ts"],
  },
  "instanceConsole.*": {
    pattern: writesOf("instanceConsole"),
    writers: [`${CONTROLLERS}node/record-console.ts`, `${CONTROLLERS}instance/`],
  },
  "node.engine": {
    pattern: /"node", \w+, \{ \.\.\.node, engine:/,
    writers: [`${CONTROLLERS}node/`],
  },
  "vpc.firewalls": {
    pattern: /\.\.\.vpc, firewalls \}|\.\.\.node, refused:/,
    writers: [`${CONTROLLERS}node/record-firewall.ts`],
  },
  "task.runningSince": {
    pattern: /\brunningSince: (?:now|Math|undefined)|\bagentPid: message/,
    writers: [NEW_TASK, GATEWAY, `${CONTROLLERS}task/fold-observation.ts`],
  },
  "alarm.stateValue": {
    pattern: /\bstateValue: (?!alarm\.)/,
    writers: [
      `${TRANSACTIONS}alarms.ts`,
      "packages/api/cloudwatch/save-alarm.ts", // A new alarm's state.
    ],
  },
  "alarm.pendingActions": {
    pattern: /\b(?:pendingActions|suppression|evaluationState): (?!alarm\.)(?!readonly)[\w["(]/,
    writers: [`${TRANSACTIONS}alarms.ts`, `${CONTROLLERS}alarm/`, "packages/api/cloudwatch/save-alarm.ts"],
  },
  "deploymentReport.*": {
    pattern: writesOf("deploymentReport"),
    writers: [`${TRANSACTIONS}deployment-reports.ts`, `${TRANSACTIONS}service-deployments.ts`],
  },
  "platformClock.*": {
    pattern: writesOf("platformClock"),
    writers: [`${TRANSACTIONS}platform-clock.ts`],
  },
  "alarmHistory.*": { pattern: writesOf("alarmHistory"), writers: [`${TRANSACTIONS}alarms.ts`] },
  "scalableTarget.cooldown": {
    pattern:
      /\bisRangeNew: (?:true|false)|\bcooldown: plan\.|\bdecidedAt: clock|\bhandledUntil: now|\bisRangeNew,$/m,
    writers: [
      `${CONTROLLERS}auto-scaling/`,
      "packages/api/application-autoscaling/",
      // Policies and scheduled actions of EC2 Auto Scaling are records of the same kinds.
      `${CONTROLLERS}auto-scaling-groups/scale-group.ts`,
      "packages/api/autoscaling/scheduled-actions.ts",
    ],
  },
  "autoScalingGroup.settings": {
    pattern: writesOf("autoScalingGroup"),
    writers: ["packages/api/autoscaling/", `${CONTROLLERS}auto-scaling-groups/`],
  },
  "groupInstance.state": {
    pattern: writesOf("groupInstance"),
    writers: [
      `${TRANSACTIONS}auto-scaling-groups.ts`,
      `${CONTROLLERS}auto-scaling-groups/`,
      "packages/api/autoscaling/",
    ],
  },
  groupActivity: {
    pattern: writesOf("groupActivity"),
    writers: [
      `${TRANSACTIONS}auto-scaling-groups.ts`,
      `${CONTROLLERS}auto-scaling-groups/`, // Progress, and what was sent.
      "packages/api/autoscaling/groups.ts", // Removes those of a deleted group.
    ],
  },
  "scalingActivity.*": {
    pattern: writesOf("scalingActivity"),
    writers: [`${TRANSACTIONS}auto-scaling.ts`, `${CONTROLLERS}auto-scaling/record-activity.ts`],
  },
  "sessions that ended a week ago: removed": {
    unchecked: "The task controller removes those of tasks with the same write.",
  },
  "secrets and KMS keys whose time to be removed has come, and the material that a key is given by time": {
    unchecked: "The API removes and rotates on request with the same writes.",
  },
  "events of archives past their retention": { unchecked: "As the next row." },
  "log events past their retention": { unchecked: "The log store's calls are not writes of records." },
  "bucket.lifecycleRanAt": {
    pattern: /\blifecycleRanAt: /,
    writers: [`${CONTROLLERS}storage/`],
  },
  "repository.lifecyclePolicy.evaluatedAt": {
    pattern: /\bevaluatedAt: (?!undefined)/,
    writers: [`${CONTROLLERS}registry/`],
  },
};

const candidates = sources
  .filter((file) => /^(?:packages\/(?:api|controllers|registry|state)|apps\/control-plane)\//.test(file))
  .filter((file) => !/-suite\.ts$|\/records|record-migrations|\/upgrades\//.test(file))
  .map((file) => ({ file, source: text(file) }));

describe("the writers of fields", () => {
  it("has a check, or the reason for none, for each row of ARCHITECTURE.md", () => {
    const architecture = readFileSync(resolve(import.meta.dirname, "../../ARCHITECTURE.md"), "utf8");
    expect(Object.keys(CHECKS).toSorted()).toEqual(writerRows(architecture).toSorted());
  });

  it.each(Object.entries(CHECKS).filter(([, check]) => "pattern" in check))(
    "finds no writer of %s but those listed",
    (_field, check) => expect(unlistedWriters(check, candidates)).toEqual([]),
  );

  it.each(Object.entries(CHECKS).filter(([, check]) => "pattern" in check))(
    "finds the listed writers of %s, so that the check cannot pass by finding nothing",
    (_field, check) =>
      expect(unlistedWriters({ ...check, writers: [] }, candidates).length).toBeGreaterThan(0),
  );

  it("reports a file that writes a record of another's kind", () => {
    const check = { pattern: writesOf("taskSet"), writers: ["a/", "b/one.ts"] };
    const source = `store.transact((tx) => {\n  tx.put(\n    "taskSet", key, record);\n});`;
    const written = ["a/any.ts", "b/one.ts", "b/two.ts"].map((file) => ({ file, source }));
    expect(unlistedWriters(check, written)).toEqual(["b/two.ts"]);
    expect(unlistedWriters(check, [{ file: "c.ts", source: `tx.get("taskSet", key)` }])).toEqual([]);
  });

  it("reads the rows of the table", () =>
    expect(
      writerRows(
        "## Who writes what\n\n| field | writer |\n| --- | --- |\n| `a.b`, `c` | api |\n| all else | api |\n\nText",
      ),
    ).toEqual(["a.b", "all else"]));
});
