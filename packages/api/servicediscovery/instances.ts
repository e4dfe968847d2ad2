import type * as sdk from "@aws-sdk/client-servicediscovery";
import type { DiscoveryInstanceRecord, DiscoveryServiceRecord, Reader, Transaction } from "@gantry/state";
import {
  addDiscoveryOperation,
  conflictingRecordSet,
  discoveryInstanceKey,
  discoveryInstancesOf,
  putDiscoveryInstance,
  removeDiscoveryInstance,
  syncDiscoveryService,
} from "@gantry/state/transactions/discovery";
import { discoveryHostOf, discoveryNameOf } from "@gantry/state/transactions/discovery-records";
import type { Implementation, RequestContext } from "@gantry/wire";
import type { ApiDeps } from "../common/api-deps.ts";
import { ApiError } from "./api-error.ts";
import { checkAttributes, initialHealth, type Registration } from "./instance-attributes.ts";
import { findInstance, findService, invalidInput, namespaceOf, pageOf } from "./lookups.ts";

/** Source: AWS Cloud Map Developer Guide, "Quotas". */
const INSTANCES_MAX = 1_000;

/** Instances of services. */
export function instanceOperations(deps: ApiDeps) {
  const { store } = deps;
  return {
    RegisterInstance: (input, context) => register(deps, input, context),
    DeregisterInstance: (input, context) => deregister(deps, input, context),
    GetInstance(input, context) {
      const service = findService(store, context, input.ServiceId);
      const { id, attributes, creatorRequestId, account } = findInstance(
        store,
        service.arn,
        input.InstanceId,
      );
      return {
        ResourceOwner: account,
        Instance: {
          ...{ Id: id, Attributes: { ...attributes }, CreatedByAccount: account },
          ...(creatorRequestId === undefined ? {} : { CreatorRequestId: creatorRequestId }),
        },
      };
    },
    ListInstances(input, context) {
      const service = findService(store, context, input.ServiceId);
      const { items, nextToken } = pageOf(discoveryInstancesOf(store, service.arn), ({ id }) => id, input);
      return {
        ResourceOwner: service.account,
        Instances: items.map(({ id, attributes, account }) => ({
          ...{ Id: id, Attributes: { ...attributes }, CreatedByAccount: account },
        })),
        ...(nextToken === undefined ? {} : { NextToken: nextToken }),
      };
    },
  } satisfies Implementation<typeof sdk>;
}

/** Registers an instance or replaces it. Errors: InvalidInput, ServiceNotFound, ResourceLimitExceeded. */
function register(
  deps: ApiDeps,
  input: sdk.RegisterInstanceRequest,
  context: RequestContext,
): sdk.RegisterInstanceResponse {
  const instanceId = input.InstanceId ?? "";
  return deps.store.transact((tx) => {
    const service = findService(tx, context, input.ServiceId);
    const namespace = namespaceOf(tx, service);
    if (namespace === undefined) throw new ApiError("ServiceNotFound", "The service has no namespace.");
    const registration = { namespace, service, instanceId };
    const given = { ...input.Attributes };
    checkAttributes(tx, registration, given);
    const attributes = { ...given, ...ec2Address(tx, context, given["AWS_EC2_INSTANCE_ID"]) };
    checkNames(tx, registration);
    const before = tx.get("discoveryInstance", discoveryInstanceKey(service.arn, instanceId));
    if (before?.taskArn !== undefined)
      throw new ApiError("ResourceInUse", `The instance ${instanceId} is registered by Amazon ECS.`);
    if (before === undefined && tx.countBy("discoveryInstance", "service", service.arn) >= INSTANCES_MAX)
      throw new ApiError("ResourceLimitExceeded", `A service can have at most ${INSTANCES_MAX} instances.`);
    const instance: DiscoveryInstanceRecord = {
      ...{ account: service.account, region: service.region, serviceArn: service.arn, id: instanceId },
      creatorRequestId: input.CreatorRequestId,
      attributes,
      health: before === undefined ? initialHealth(attributes) : before.health,
      nextHealth: before?.nextHealth,
      taskArn: undefined,
    };
    if (JSON.stringify(before) !== JSON.stringify(instance)) putDiscoveryInstance(tx, instance);
    return { OperationId: noteChange(tx, deps, service, { type: "REGISTER_INSTANCE", instanceId }) };
  });
}

/** The address of an instance of EC2. Errors: InvalidInput. */
function ec2Address(
  reader: Reader,
  { account, region }: RequestContext,
  id: string | undefined,
): Readonly<Record<string, string>> {
  if (id === undefined) return {};
  const instance = reader.get("ec2Instance", id);
  const address = reader.get("networkInterface", instance?.networkInterfaceId)?.privateIp;
  if (instance?.account !== account || instance.region !== region || address === undefined)
    throw invalidInput(`The EC2 instance '${id}' doesn't exist.`);
  return { AWS_INSTANCE_IPV4: address };
}

/** The names of two services' records must not meet. Errors: InvalidInput. */
function checkNames(reader: Reader, { namespace, service, instanceId }: Registration): void {
  const name = discoveryNameOf(service, namespace);
  const isSrv = service.dns?.records.some(({ type }) => type === "SRV") === true;
  const names =
    service.dns === undefined ? [] : [name, ...(isSrv ? [discoveryHostOf(instanceId, name)] : [])];
  const taken = names.find((each) => conflictingRecordSet(reader, service, each) !== undefined);
  if (taken !== undefined)
    throw invalidInput(`Another service of the namespace has records with the name '${taken}'.`);
}

/** Errors: ServiceNotFound, InstanceNotFound. */
function deregister(
  deps: ApiDeps,
  input: sdk.DeregisterInstanceRequest,
  context: RequestContext,
): sdk.DeregisterInstanceResponse {
  return deps.store.transact((tx) => {
    const service = findService(tx, context, input.ServiceId);
    const { id: instanceId } = findInstance(tx, service.arn, input.InstanceId);
    removeDiscoveryInstance(tx, service.arn, instanceId);
    return { OperationId: noteChange(tx, deps, service, { type: "DEREGISTER_INSTANCE", instanceId }) };
  });
}

function noteChange(
  tx: Transaction,
  { ids, clock }: ApiDeps,
  { account, region, arn, id, namespaceArn }: DiscoveryServiceRecord,
  what: { readonly type: "REGISTER_INSTANCE" | "DEREGISTER_INSTANCE"; readonly instanceId: string },
): string {
  const now = clock.now();
  const zone = syncDiscoveryService(tx, arn, { ids, now });
  return addDiscoveryOperation(tx, ids, {
    ...{ account, region, ...what, serviceId: id, namespaceId: namespaceArn.split("/")[1] },
    ...{ zone, failure: undefined, createdAt: now },
  }).id;
}
