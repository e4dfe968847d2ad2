import { messageOf, type Reconciler } from "@gantry/kernel";
import {
  CODE_DEPLOY_NOTICES,
  forgetCodeDeployNotice,
  hasEnded,
  type CodeDeploymentRecord,
  type CodeDeployNotice,
  type CodeDeployTrigger,
} from "@gantry/state";
import { watchKinds, type ControllerDeps } from "../controller-deps.ts";
import { isTemporary, type InvokeDeps } from "../events/invoke-target.ts";
import { codeDeployPrincipal } from "./code-deploy-view.ts";

const SUBJECT_MAX = 100;

export interface CodeDeployTriggerDeps extends ControllerDeps {
  /** Runs an operation of the API for a role, with the permissions that it needs. Errors: as the operation's. */
  readonly callApi: InvokeDeps["callApi"];
}

/**
 * Publishes the events of deployments to the topics of their group's triggers, with the group's role. The
 * events are recorded with the change that they are of; a crash between a message and its record repeats the
 * message. A topic that the role may not publish to is skipped.
 * Source: CodeDeploy User Guide, "Monitoring deployments with Amazon SNS event notifications".
 */
export function codeDeployTriggerController(deps: CodeDeployTriggerDeps): Reconciler {
  const { store } = deps;
  const isWaiting = (key: string) => store.get("codeDeployment", key)?.unpublished !== undefined;
  return {
    name: "code-deploy-trigger",
    keys: () => store.keys("codeDeployment").filter(isWaiting),
    watch: watchKinds(store, { codeDeployment: (key) => (isWaiting(key) ? [key] : []) }),
    async reconcile(key) {
      for (;;) {
        const deployment = store.get("codeDeployment", key);
        const notice = deployment?.unpublished?.[0];
        if (deployment === undefined || notice === undefined) return undefined;
        const group = store.get("codeDeployGroup", deployment.groupArn);
        for (const trigger of group?.triggers ?? [])
          if (trigger.events.includes(notice)) await publish(deps, deployment, { trigger, notice });
        store.transact((tx) => forgetCodeDeployNotice(tx, key));
      }
    },
  };
}

/** Errors: those that may pass. */
async function publish(
  { store, clock, log, callApi }: CodeDeployTriggerDeps,
  deployment: CodeDeploymentRecord,
  { trigger, notice }: { trigger: CodeDeployTrigger; notice: CodeDeployNotice },
): Promise<void> {
  const { region } = deployment;
  const skip = (reason: string): void =>
    log.warn("An event of a deployment of CodeDeploy was not published", {
      ...{ deployment: deployment.id, trigger: trigger.name, topic: trigger.targetArn, reason },
    });
  const principal = codeDeployPrincipal(store, deployment, clock);
  if (principal === undefined)
    return skip(`CodeDeploy was unable to assume the role ${deployment.settings.serviceRoleArn}.`);
  const input = { TopicArn: trigger.targetArn, ...render(deployment, { trigger, notice }) };
  try {
    await callApi({ service: "sns", operation: "Publish", input, principal, region });
  } catch (thrown) {
    if (isTemporary(thrown)) throw thrown;
    skip(messageOf(thrown));
  }
}

/**
 * Lists and objects within the message are JSON texts, as CodeDeploy sends them.
 * Source: CodeDeploy User Guide, "JSON data formats for CodeDeploy triggers".
 */
function render(
  deployment: CodeDeploymentRecord,
  { trigger, notice }: { trigger: CodeDeployTrigger; notice: CodeDeployNotice },
): { readonly Subject: string; readonly Message: string } {
  const { id, account, region, applicationName, groupName, createdAt, error, rollback } = deployment;
  const status = CODE_DEPLOY_NOTICES[notice];
  // A later event may have been recorded before this one is published.
  const isOver = hasEnded(deployment) && ["SUCCEEDED", "FAILED", "STOPPED"].includes(status);
  const message = {
    ...{ region, accountId: account, eventTriggerName: trigger.name, applicationName },
    ...{ deploymentId: id, deploymentGroupName: groupName, createTime: dateOf(createdAt) },
    completeTime: isOver ? dateOf(deployment.completedAt ?? createdAt) : null,
    ...(isOver ? { deploymentOverview: JSON.stringify(overviewOf(deployment)) } : {}),
    status,
    ...(isOver && error !== undefined
      ? { errorInformation: JSON.stringify({ ErrorCode: error.code, ErrorMessage: error.message }) }
      : {}),
    ...rollbackOf(id, rollback?.triggeringDeploymentId, isOver && error !== undefined),
  };
  const subject = `${status}: AWS CodeDeploy ${id} in ${region} to ${applicationName}`;
  return { Subject: subject.slice(0, SUBJECT_MAX), Message: JSON.stringify(message) };
}

/** What a message says of a rollback: the deployment that one returns from; an empty object for one that failed. */
function rollbackOf(id: string, returnsFrom: string | undefined, isFailed: boolean): object {
  if (returnsFrom === undefined) return isFailed ? { rollbackInformation: "{}" } : {};
  const information = {
    RollbackMessage: `Deployment ${id} is triggered to roll back deployment ${returnsFrom}.`,
    RollbackTriggeringDeploymentId: returnsFrom,
  };
  return { rollbackInformation: JSON.stringify(information) };
}

/** A deployment has one target, its service. */
function overviewOf({ status }: CodeDeploymentRecord): object {
  const Succeeded = Number(status === "Succeeded");
  return { Succeeded, Failed: 1 - Succeeded, Skipped: 0, InProgress: 0, Pending: 0 };
}

/** As in "Thu Oct 13 15:50:45 UTC 2022". */
function dateOf(ms: number): string {
  const [weekday, day, month, year, time] = new Date(ms).toUTCString().split(/,? /);
  return `${weekday} ${month} ${day} ${time} UTC ${year}`;
}
