import { AsyncLocalStorage } from "node:async_hooks";
import { ec2Arn } from "@gantry/api/ec2/needs";
import { RESOURCES } from "@gantry/api/ec2/resources";
import { glob, type Principal } from "@gantry/iam";
import { formatArn } from "@gantry/kernel";
import type { Change, Kind, Store } from "@gantry/state";
import { Dispatcher, type Handler, type ServiceDescriptor, type ServiceModule } from "@gantry/wire";
import { recordSent } from "./sent-members.ts";

/** Records that a call may write in another account or region, with the reason. */
const ELSEWHERE: Partial<Record<Kind, string>> = {
  session: "AssumeRole issues credentials of the role's account.",
  topicSubscription: "An endpoint confirms with a token, and without a signature.",
  topicMessage: "Belongs to the topic, whose policy lets other accounts publish.",
  topicDelivery: "As topicMessage.",
  topicDeduplication: "As topicMessage.",
  eventDelivery: "Belongs to the rule of a bus whose policy lets other accounts put events.",
  hostedZone: "The zone's owner authorizes VPCs of other accounts.",
  dnsChange: "Belongs to the zone.",
  bucket: "A bucket's policy grants other accounts, and every region's endpoint reaches it.",
};

/** Records that no permission names, and the operation's own resource that they belong to. */
const CHILDREN: Partial<Record<Kind, string>> = {
  networkInterface:
    "Belongs to the task, load balancer, database, mount target or gateway that it is made for.",
  groupInstance: "Belongs to the Auto Scaling group; its key has the group's ARN.",
  groupActivity: "As groupInstance.",
  databaseEvent: "Tells of what its source went through; its key begins with the time.",
  keyPair: "Its ARN has its name; its key is its id.",
  placementGroup: "As keyPair.",
  launchTemplateVersion: "Belongs to the launch template; its key has the template's id.",
  serviceRevision: "Belongs to the service that is created or updated.",
  serviceDeployment: "Belongs to the service that is created or updated.",
  deploymentReport: "Comes and goes with its deployment.",
  codeDeployment: "Belongs to the deployment group; its key is its id.",
  codeDeployRevision: "Belongs to the application; CreateDeployment remembers the revision that it deploys.",
  layerUpload: "Belongs to the repository; its key is the upload's id.",
  clientToken: "Belongs to the call that gives it: its key has the account and region.",
  session: "Belongs to the role; its key is the access key's id.",
  accessKey: "Belongs to the user; its key is the access key's id.",
  identityUse: "Belongs to the user, role or access key; its key is the id.",
  accessReport: "Belongs to the account; its key is the job's id.",
  userSession: "Belongs to the caller; its key is the access key's id.",
  mfaDevice: "Enabled for the user; its key is the serial number.",
  dnsChange: "Belongs to the zone; its key is the change's id.",
  discoveryOperation: "Belongs to the call that it is of: its key has the account and region.",
  topicMessage: "Belongs to the topic; its key is the id.",
  topicDelivery: "As topicMessage.",
  topicSigner: "Belongs to the instance.",
  topicSubscription: "Belongs to the topic, and says itself who owns it.",
  scalingPolicy: "Is authorized on its scalable target. Source: as below, Application Auto Scaling.",
  scheduledAction: "As scalingPolicy.",
  kmsGrant: "Belongs to the key, and says itself who may retire it; its key has the key's ARN.",
  eventDelivery:
    "Belongs to the rule that matches what the call does, and is invoked with the target's own role.",
  logQuery: "Is authorized on the log groups that it reads; its key has the account and region.",
  logExport: "Is authorized on the log group that it reads; its key has the account and region.",
  mountTarget: "Is authorized on its file system. Source: Service Authorization Reference, Amazon EFS.",
};

/** Records that an operation writes in addition to the resource that it is authorized on, with the reason. */
const ALONG: Readonly<Record<string, { readonly kinds: readonly Kind[]; readonly reason: string }>> = {
  CreateVpc: {
    kinds: ["routeTable", "securityGroup", "networkAcl"],
    reason: "The main route table, the default group and the default ACL come with the VPC.",
  },
  CreateLoadBalancer: { kinds: ["elasticAddress"], reason: "ELB associates addresses by its own role." },
  PutScalingPolicy: {
    kinds: ["alarm", "alarmHistory"],
    reason: "Auto Scaling makes a policy's alarms by its own role.",
  },
  DeletePolicy: { kinds: ["alarm", "alarmHistory"], reason: "As PutScalingPolicy." },
  DeleteAutoScalingGroup: { kinds: ["alarm", "alarmHistory"], reason: "As PutScalingPolicy." },
  DetachLoadBalancerTargetGroups: { kinds: ["target"], reason: "Targets are deregistered by its own role." },
  DetachTrafficSources: { kinds: ["target"], reason: "As DetachLoadBalancerTargetGroups." },
  SetSubnets: { kinds: ["elasticAddress"], reason: "As CreateLoadBalancer." },
  DeleteVpc: {
    kinds: ["routeTable", "securityGroup", "networkAcl", "vpcPeering"],
    reason: "They go with their VPC.",
  },
  AssociateVpcCidrBlock: { kinds: ["routeTable"], reason: "Each table gets the local route of the block." },
  DisassociateVpcCidrBlock: { kinds: ["routeTable"], reason: "As AssociateVpcCidrBlock." },
  DeleteVpcEndpoints: {
    kinds: ["routeTable", "endpointNotification"],
    reason: "The routes to the endpoint and its notifications go with it.",
  },
  CreateVpcEndpointConnectionNotification: {
    kinds: ["endpointNotification"],
    reason: "AWS authorizes on the endpoint or its service.",
  },
  DeleteVpcEndpointServiceConfigurations: {
    kinds: ["endpointNotification"],
    reason: "They go with their service.",
  },
  DeleteNetworkInterface: { kinds: ["elasticAddress"], reason: "Its address becomes free." },
  DeleteSubnet: { kinds: ["routeTable"], reason: "The association of the subnet stands in the table." },
  DeleteNatGateway: { kinds: ["elasticAddress"], reason: "The address of the gateway becomes free." },
  ModifyInstanceAttribute: { kinds: ["volume"], reason: "A device stands in the record of its volume." },
  CreateTags: { kinds: ["securityGroup"], reason: "The tags of a rule stand in the record of its group." },
  DeleteTags: { kinds: ["securityGroup"], reason: "As CreateTags." },
  RunTask: {
    kinds: ["task"],
    reason: "AWS authorizes on the task definition, with the cluster as a condition.",
  },
  CreateTaskSet: {
    kinds: ["taskSet"],
    reason: "AWS authorizes on no resource, with the cluster and the service as conditions.",
  },
  UpdateTaskSet: { kinds: ["taskSet"], reason: "Its key is the service's ARN and the id, not its own ARN." },
  DeleteTaskSet: { kinds: ["taskSet"], reason: "As UpdateTaskSet." },
  TagResource: { kinds: ["taskSet"], reason: "As UpdateTaskSet." },
  UntagResource: { kinds: ["taskSet"], reason: "As UpdateTaskSet." },
  UpdateApplication: { kinds: ["codeDeployGroup"], reason: "Groups follow the application's new name." },
  DeleteApplication: { kinds: ["codeDeployGroup"], reason: "They go with their application." },
  CreateConnection: {
    kinds: ["secret", "secretVersion"],
    reason: "EventBridge keeps the connection's secret by its service-linked role.",
  },
  PutEvents: {
    kinds: ["eventConnection"],
    reason: "A delivery that the call causes finds that the token of its connection has ended.",
  },
  UpdateConnection: { kinds: ["secret", "secretVersion"], reason: "As CreateConnection." },
  DeauthorizeConnection: { kinds: ["secret", "secretVersion"], reason: "As CreateConnection." },
  DeleteConnection: { kinds: ["secret", "secretVersion"], reason: "As CreateConnection." },
  DeleteScheduleGroup: { kinds: ["schedule"], reason: "They go with their group." },
  CreateListener: { kinds: ["listener"], reason: "AWS authorizes on the load balancer." },
  CreateRule: { kinds: ["rule"], reason: "AWS authorizes on the listener." },
  DeleteLoadBalancer: {
    kinds: ["listener", "rule", "elasticAddress"],
    reason: "They go with their load balancer, and addresses are disassociated by ELB's own role.",
  },
  DeleteListener: { kinds: ["rule"], reason: "Rules go with their listener." },
  ModifyDBParameterGroup: {
    kinds: ["databaseInstance"],
    reason: "The servers of the group run with its values.",
  },
  ResetDBParameterGroup: { kinds: ["databaseInstance"], reason: "As ModifyDBParameterGroup." },
  CreateDBInstance: { kinds: ["kmsAlias", "kmsKey"], reason: "As PutObject." },
  ModifyDBInstance: {
    kinds: ["kmsAlias", "kmsKey", "databaseInstance"],
    reason: "As PutObject; read replicas get the password of their source.",
  },
  RebootDBInstance: {
    kinds: ["databaseStandby"],
    reason: "AWS authorizes on the instance; its standby changes places with it.",
  },
  CreateDBInstanceReadReplica: {
    kinds: ["kmsAlias", "kmsKey", "databaseSnapshot"],
    reason: "As PutObject; a replica begins with files of its source that have no ARN.",
  },
  RestoreDBInstanceToPointInTime: {
    kinds: ["kmsAlias", "kmsKey", "databaseSnapshot"],
    reason: "As CreateDBInstanceReadReplica.",
  },
  CopyDBSnapshot: { kinds: ["kmsAlias", "kmsKey"], reason: "As PutObject." },
  RestoreDBInstanceFromDBSnapshot: { kinds: ["kmsAlias", "kmsKey"], reason: "As PutObject." },
  DeleteDBInstance: {
    kinds: ["databaseSnapshot", "secret", "databaseInstance"],
    reason: "AWS authorizes on the instance; its secret goes with it, and its read replicas are promoted.",
  },
  RotateSecret: {
    kinds: ["databaseInstance"],
    reason: "RDS rotates the secret that it owns by its own role.",
  },
  CreateAccessPoint: { kinds: ["accessPoint"], reason: "AWS authorizes on the file system." },
  DeleteFileSystem: { kinds: ["accessPoint"], reason: "They go with their file system." },
  DeleteScalingPolicy: { kinds: ["alarm"], reason: "The alarms of a policy go with it." },
  DeregisterScalableTarget: { kinds: ["alarm"], reason: "As DeleteScalingPolicy." },
  PutObject: {
    kinds: ["kmsAlias", "kmsKey"],
    reason: "The account's first use of an AWS managed key creates those keys.",
  },
  AddUserToGroup: { kinds: ["user"], reason: "AWS authorizes on the group; the user's record has the list." },
  RemoveUserFromGroup: { kinds: ["user"], reason: "As AddUserToGroup." },
  UpdateServerCertificate: { kinds: ["listener"], reason: "Listeners follow the certificate's new ARN." },
  UpdateGroup: { kinds: ["user"], reason: "Members follow the group's new ARN." },
};

interface Call {
  readonly operation: string;
  readonly account: string;
  readonly region: string;
  readonly resources: string[];
  readonly strays: string[];
}

/**
 * A dispatcher for tests. An operation fails when it writes a record of another account or region than the
 * caller's, or a record that is neither named by the permissions that the call needed nor a child of one that
 * is.
 */
export class GuardedDispatcher extends Dispatcher {
  readonly #calls = new AsyncLocalStorage<Call>();

  readonly #recordsInputs: boolean;

  constructor(
    store: Store,
    { recordsInputs, ...deps }: ConstructorParameters<typeof Dispatcher>[0] & { recordsInputs: boolean },
  ) {
    super(deps);
    this.#recordsInputs = recordsInputs;
    store.watch((change) => {
      const call = this.#calls.getStore();
      if (call === undefined) return;
      const problem = strayOf(change, call);
      if (problem !== undefined) call.strays.push(problem);
    });
  }

  override register(descriptor: ServiceDescriptor, load: () => Promise<ServiceModule>): void {
    super.register(descriptor, async () => {
      const module = await load();
      const operations = Object.entries(module.operations).map(([name, handler]) => [
        name,
        // Typed by Implementation where it is declared.
        this.#guarded(name, handler as Handler, { descriptor, module }),
      ]);
      return { ...module, operations: Object.fromEntries(operations) as Readonly<Record<string, unknown>> };
    });
  }

  #guarded(
    operation: string,
    handler: Handler,
    service: { descriptor: ServiceDescriptor; module: ServiceModule },
  ): Handler {
    const { module } = service;
    return (input, context) => {
      const { account, region, principal } = context;
      const resources = resourcesOf(module, operation, input, { account, region, principal });
      const authorize: typeof context.authorize = (action, resource, conditions) => {
        resources.push(resource);
        context.authorize(action, resource, conditions);
      };
      const call: Call = { operation, account, region, resources, strays: [] };
      return this.#calls.run(call, async () => {
        const run = () => handler(input, { ...context, authorize });
        const output = await (this.#recordsInputs ? recorded(service, operation, input, run) : run());
        if (call.strays.length > 0)
          throw new Error(
            `${operation} wrote what it may not: ${call.strays.join("; ")} (allowed: ${resources.join(" ")})`,
          );
        return output;
      });
    };
  }
}

/** Runs the call, and records what it was given: all of it, or the members that it was refused for. */
async function recorded(
  service: { descriptor: ServiceDescriptor; module: ServiceModule },
  operation: string,
  input: unknown,
  run: () => unknown,
): Promise<unknown> {
  try {
    const output = await run();
    recordSent(service, operation, input);
    return output;
  } catch (thrown) {
    recordSent(service, operation, input, thrown);
    throw thrown;
  }
}

/** The reason why the call may not write the record, or undefined where it may. */
function strayOf({ kind, key, account, region }: Change, call: Call): string | undefined {
  if (account === undefined) return undefined;
  if (ELSEWHERE[kind] === undefined) {
    if (account !== call.account) return `${kind} ${key} belongs to account ${account}`;
    if (region !== undefined && region !== call.region) return `${kind} ${key} belongs to region ${region}`;
  }
  if (CHILDREN[kind] !== undefined || ALONG[call.operation]?.kinds.includes(kind) === true) return undefined;
  const arn = arnOf(kind, key, { account, region });
  if (call.resources.some((resource) => isPartOf(arn, resource))) return undefined;
  return `no permission names ${kind} ${arn}`;
}

/** Whether the record is the resource or a child of it: its key continues the resource's ARN. */
function isPartOf(arn: string, resource: string): boolean {
  const pattern = resource.startsWith("arn:aws:logs:") ? resource.replace(/:\*$/, "") : resource;
  return [pattern, `${pattern}|*`, `${pattern}@*`, `${pattern}#*`].some((each) => glob(each, arn));
}

/** The ARN of a record, or its key where the key contains the ARN of a parent. */
function arnOf(kind: Kind, key: string, place: { account: string; region: string | undefined }): string {
  if (key.startsWith("arn:")) return key;
  const where = { account: place.account, region: place.region ?? "" };
  const type = Object.values(RESOURCES).find((each) => each.kind === kind)?.type;
  if (type !== undefined) return ec2Arn(where, type, key);
  switch (kind) {
    case "fileSystem":
      return formatArn("elasticfilesystem", where, `file-system/${key}`);
    case "accessPoint":
      return formatArn("elasticfilesystem", where, `access-point/${key}`);
    case "bucket":
      return `arn:aws:s3:::${key}`;
    default:
      return key;
  }
}

function resourcesOf(
  module: ServiceModule,
  operation: string,
  input: Record<string, unknown>,
  caller: { account: string; region: string; principal: Principal },
): string[] {
  return module.permissions?.(operation, input, caller).map((need) => need.resource) ?? ["*"];
}
