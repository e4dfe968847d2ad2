import {
  hasEnded,
  ownerOf,
  servingGroupOf,
  taskSetsOf,
  type CodeDeploymentRecord,
  type Reader,
  type ReportOwner,
  type ServiceDeploymentRecord,
} from "@gantry/state";

const CODE_DEPLOY_AFTER_MS = 60_000;

/** A fleet of a deployment: its task sets, and the target groups that its tasks register with. */
export interface ReportedFleet {
  readonly taskSetIds: readonly string[];
  readonly groupArns: readonly string[];
}

/** A deployment of ECS or CodeDeploy, as its report describes it. */
export interface ReportedDeployment extends ReportOwner {
  readonly serviceArn: string;
  readonly finishedAt: number | undefined;
  /** Until when the health of the fleets and the alarms belong to the report. */
  readonly observedUntil: number;
  readonly alarmNames: readonly string[];
  /** Whether the fleets have target groups of their own, with weights. */
  readonly hasWeights: boolean;
  /** The fleet that served before. */
  readonly source: ReportedFleet;
  readonly target: ReportedFleet;
}

/** Finds a deployment by its ARN. */
export function reportedDeployment(reader: Reader, key: string): ReportedDeployment | undefined {
  const ofEcs = reader.get("serviceDeployment", key);
  if (ofEcs !== undefined) return fromEcs(reader, ofEcs);
  const ofCodeDeploy = reader.get("codeDeployment", key);
  return ofCodeDeploy === undefined ? undefined : fromCodeDeploy(ofCodeDeploy);
}

/** The keys of the deployments that have not ended: all, or those of one service. */
export function ongoingDeployments(reader: Reader, serviceArn?: string): readonly string[] {
  const ofEcs =
    serviceArn === undefined
      ? reader.list("serviceDeployment")
      : reader.listBy("serviceDeployment", "service", serviceArn);
  const ofCodeDeploy =
    serviceArn === undefined
      ? reader.list("codeDeployment")
      : reader.listBy("codeDeployment", "service", serviceArn);
  return [
    ...ofEcs.filter(({ finishedAt }) => finishedAt === undefined).map(({ arn }) => arn),
    ...ofCodeDeploy.filter((each) => !hasEnded(each)).map(({ key }) => key),
  ];
}

function fromEcs(reader: Reader, deployment: ServiceDeploymentRecord): ReportedDeployment {
  const { serviceArn, finishedAt, alarms, traffic, sourceRevisionArns, targetRevisionArn } = deployment;
  const sets = taskSetsOf(reader, serviceArn);
  const isTarget = (revision: string) => revision === targetRevisionArn;
  const groupArns = groupsOf(reader, [targetRevisionArn]);
  return {
    ...ownerOf(deployment),
    observedUntil: finishedAt ?? Number.POSITIVE_INFINITY,
    ...{ serviceArn, finishedAt, alarmNames: alarms?.names ?? [], hasWeights: traffic !== undefined },
    source: {
      taskSetIds: sets.filter((set) => !isTarget(set.revisionArn)).map(({ id }) => id),
      groupArns: groupsOf(reader, sourceRevisionArns).filter((group) => !groupArns.includes(group)),
    },
    target: { taskSetIds: sets.filter((set) => isTarget(set.revisionArn)).map(({ id }) => id), groupArns },
  };
}

function fromCodeDeploy(deployment: CodeDeploymentRecord): ReportedDeployment {
  const { account, region, key, createdAt, serviceArn, completedAt, settings } = deployment;
  const { blueTaskSetId, greenTaskSetId, blueGroupArn, greenGroupArn } = deployment;
  const fleet = (id: string | undefined, group: string | undefined): ReportedFleet => ({
    taskSetIds: id === undefined ? [] : [id],
    groupArns: group === undefined ? [] : [group],
  });
  return {
    ...{ account, region, key, createdAt, serviceArn, finishedAt: completedAt, hasWeights: true },
    // The alarm that ends a deployment goes into ALARM before the end; the new fleet is removed after it.
    observedUntil: (completedAt ?? Number.POSITIVE_INFINITY) + CODE_DEPLOY_AFTER_MS,
    alarmNames: settings.alarms.enabled ? settings.alarms.names : [],
    source: fleet(blueTaskSetId, blueGroupArn),
    target: fleet(greenTaskSetId, greenGroupArn),
  };
}

function groupsOf(reader: Reader, revisionArns: readonly string[]): readonly string[] {
  const balancers = revisionArns.flatMap((arn) => reader.get("serviceRevision", arn)?.loadBalancers ?? []);
  return [...new Set(balancers.map(servingGroupOf))];
}
